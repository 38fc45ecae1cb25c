// Package faults tests what becomes of a living cluster's keeping when something breaks in the middle of it: the leader
// or the target of a switchover dies, the network to a host is cut, the control node is gone, most voters are lost, a clock is
// wrong, a disk is full. What is wanted is always the same: the run says what happened and leaves no harm, and the same
// command run again finishes the work.
//
// It must not import polarbook's packages: it asserts what a user sees.
package faults
