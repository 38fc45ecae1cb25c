// Package site is what the tests of the whole program stand on: polarbook as it is shipped, built once a process; a
// control node with an inventory, where it is run for a bounded time; the real SSH hosts of the inventory; and the questions
// that such tests ask of a run and of a cluster. The engine is the stand-in, or the one in the tarball that
// POLARDB_TARBALL names.
//
// Every run is held to what is true of all runs, whatever the test asks beyond that: it ends in time, it does not
// crash, its events are JSON, no password is in what it prints or writes down, and its journals are the user's alone.
//
// It must not import polarbook's packages: it asserts what a user sees.
package site
