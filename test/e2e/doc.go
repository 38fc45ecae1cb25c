// Package e2e takes bare hosts to a cluster, undisturbed, interrupted, killed and cut off, on several releases of Debian and
// with other paths and ports than the defaults, and kills the cluster's leader.
//
// It must not import polarbook's packages: it asserts what a user sees.
package e2e
