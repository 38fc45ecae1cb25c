// Package preflight looks at hosts before anything is changed on them: polardb_check, whose probe reads all that a host has
// to have for a node, and polardb_check_report, which makes one table of what the hosts said.
//
// It stands on tasks/polardb, which does not know it.
package preflight
