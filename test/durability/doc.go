// Package durability tests that no row is lost. Applications write and read without a pause while random operations and
// failures hit a cluster. Afterwards every acknowledged row is on every member exactly once, what a reader saw is still
// there, there is no row that nobody wrote, and `polarbook status` succeeds only when all of that can be shown.
//
// It must not import polarbook's packages: it asserts what a user sees.
package durability
