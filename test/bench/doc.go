// Package bench measures what polarbook costs on the lab's hosts: for a run of new-cluster.yml that has nothing to do, the
// time, round trips and bytes a host; for planned work on a running cluster, how long nobody can write. Times depend on the
// machine; the bound on round trips does not, nor that no row is lost.
//
// It must not import polarbook's packages: it asserts what a user sees.
package bench
