// Package flavours takes a cluster from bare hosts to its end on every kind of host that users have: with bash, dash and
// busybox as sh, with the tools of coreutils and of busybox, with and without a firewall, old and new. `make test` runs a
// sample; POLARBOOK_LAB_FLAVOURS=all runs them all.
//
// It must not import polarbook's packages: it asserts what a user sees.
package flavours
