// Package script makes the scripts that modules run on hosts, and reads what they print.
//
// A script is a file, scripts/NAME.sh in the package of the module that runs it, embedded with go:embed: an editor knows it
// for what it is, and `make lint` has shellcheck and every shell that is supported read it. This package holds the files
// that several modules build on, the one way to give a script values (Values, words after them), the one format in which
// scripts answer, and its decoder (Decode).
//
// The package must not know what runs a script or why: no modules, arguments, failures or playbooks. It imports nothing of
// the project but tasks/remote, whose quoting it uses.
//
// # A script's file
//
// It is POSIX sh, as dash, bash from 4.2 on and busybox run it. Comments and the tabs that a line begins with stay here when
// it is sent. Comments that begin with one of these words say how it is used:
//
//	# uses: preamble inside     what it builds on: scripts of its own folder, of tasks/files, or of this package
//	# takes: p limit            variables that are assigned before it; those that are not given are empty
//	# leaves: here held         variables that it sets for those who use it
//
// A value is never pasted into the middle of a script.
package script
