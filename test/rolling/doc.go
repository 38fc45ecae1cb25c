// Package rolling tests the playbooks that keep a living cluster: restarts, changes of configuration and release, stop
// and start, a node rebuilt, a backup, and the end of it, while rows are written.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package rolling
