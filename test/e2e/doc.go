// Package e2e takes bare hosts all the way to a cluster, undisturbed, interrupted, killed and cut off, on releases of
// Debian and in places that are not the defaults, and the cluster through the death of its leader.
//
// It must not import polarbook's packages: it asserts what a user sees.
package e2e
