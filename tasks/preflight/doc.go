// Package preflight checks hosts before anything is changed on them: polardb_check reads everything that a host must have for a
// node, and polardb_check_report makes one table of all hosts' checks.
//
// It builds on tasks/polardb, which does not import it.
package preflight
