// Package sources holds the modules that bring software and what it is verified with from elsewhere to hosts: repositories of git,
// packages of Python, keys of package repositories.
//
// The host's own programs do the work. What a host lacks for that is said by name, with what to do.
package sources
