// Package durability tests that no row is lost. Applications write and read without a pause while a cluster is kept and
// broken at random: what the server acknowledged is on every member exactly once, what a reader saw stays, nothing is
// there that nobody wrote, and `polarbook status` is green only when all of that can be shown.
//
// It must not import polarbook's packages: it asserts what a user sees.
package durability
