// Package badinput tests what polarbook makes of mistakes: of the playbook, the inventory, the command line and the
// hosts. Every mistake must end in its own exit code and one clear error, with nothing changed on any host.
//
// It must not import polarbook's packages: it asserts what a user sees.
package badinput
