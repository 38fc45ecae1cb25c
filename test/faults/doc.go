// Package faults tests what happens when something breaks during work on a running cluster: the leader or the target of a
// switchover dies, the network to a host is cut, the control node is lost, most voters are lost, a clock is wrong, a disk is
// full. The requirement is always the same: the run says what happened and does no harm, and the same command finishes the
// work.
//
// It must not import polarbook's packages: it asserts what a user sees.
package faults
