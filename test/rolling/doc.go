// Package rolling tests the playbooks that keep a living cluster: restarts, changes of configuration and release, stop
// and start, a node rebuilt, a backup, and the end of it, while rows are written.
//
// It must not import polarbook's packages: it asserts what a user sees.
package rolling
