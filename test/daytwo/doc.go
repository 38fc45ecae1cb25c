// Package daytwo tests the work on the members of a running cluster: who leads, who votes, who leaves, and how the log is
// freed.
//
// It must not import polarbook's packages: it asserts what a user sees.
package daytwo
