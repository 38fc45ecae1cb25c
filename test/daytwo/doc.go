// Package daytwo tests what is done to the members of a cluster that runs: who leads, who has a vote, who leaves, and
// what is freed of the log.
//
// It must not import polarbook's packages: it asserts what a user sees.
package daytwo
