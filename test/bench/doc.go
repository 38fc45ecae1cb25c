// Package bench measures what polarbook costs on the lab's hosts: a run of new-cluster.yml that has nothing to do, in
// wall time, round trips and bytes a host, and what is planned on a cluster that runs, in how long nobody can write.
// Times depend on the machine; the bound on round trips does not, nor that no row is lost.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package bench
