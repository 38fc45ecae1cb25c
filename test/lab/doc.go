// Package lab gives tests real hosts to work on: each is a Debian system of its own, or one made to look like another
// kind of Linux, with systemd, sshd, sudo, its own address and its own disk, started as a container by systemd-nspawn.
// Three of them are up in a few seconds and need no more than root on one Linux machine.
//
// What is real: systemd as process 1 (systemctl, hostnamectl, timedatectl, reboot), OpenSSH, sudo, users, the
// file system, the network with its net.* settings, a pulled plug, a killed host, a full disk.
//
// What is not: the kernel is the machine's. Settings it has only once (vm.*, fs.*, net.core.*, most of
// kernel.*, transparent huge pages) are ordinary files on every host: they keep what is written, affect
// nothing, and refuse nothing. Nobody inside may open more files than the machine's own limit, or set the
// clock. A killed host keeps what it wrote without fsync, which a host that lost power may not.
//
// A lab belongs to the process that made it and goes when that process ends, even by SIGKILL; one made with
// Options.Keep stays until [Down].
//
// The package must know nothing of polarbook: it is what polarbook is tested against.
package lab
