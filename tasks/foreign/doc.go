// Package foreign runs modules of a user's own, which lie in a folder library: programs of any language that read their arguments
// from a file and answer with JSON, as Ansible has them (WANT_JSON, old-style and binary modules, and those that have their arguments
// put into their text).
//
// A module is read when the playbook is loaded, so that one which cannot be run is refused then. It runs on the host, as the task's
// user, in a directory that nobody else may enter and that is removed afterwards.
package foreign
