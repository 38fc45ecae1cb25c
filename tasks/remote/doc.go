// Package remote is a host that can be reached: one SSH connection, long-lived
// elevated POSIX shells on it, files, and tunnels through it.
//
// It exists so that everything above it can ask "run this as that user, and tell
// me what came back" at the price of one round trip, without knowing anything of
// SSH. Nothing is installed on the host: what is needed there is sshd, a POSIX
// /bin/sh (dash, bash 4.2 to 5.3 and busybox are tested), coreutils or busybox, and sudo or
// su when polarbook has to become another user.
//
// The package must not know what polarbook is: no playbooks, modules, inventories
// or databases, and no other package of the module is imported here. It never
// prints or prompts; what it needs from a human it asks through the callbacks of
// Config.
//
// # What happens to a script when its caller goes away
//
// Cancelling the context of Run or Stream stops the script on the host: every
// process that it started and that stayed in its session gets SIGTERM and, three
// seconds later, SIGKILL. A process that made a session of its own, as the
// postmaster that pg_ctl starts does, is left alone, just as Ctrl-C on a terminal
// would leave it.
//
// When the connection is lost or polarbook itself is killed, nobody is left to
// send such an order. A script of Stream without input is then killed on the host,
// by a watcher that notices that the connection is gone. A script of Run is short
// by contract and is let finish; its answer goes nowhere, the shell sees the end of
// its input and leaves, and its private directory is removed. A script of Stream
// that is being fed input sees the end of its input, early: whoever feeds one must
// verify the result, as Upload does.
package remote
