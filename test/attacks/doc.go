// Package attacks plays the attacker, one kind of attack in each file: another account of a database host that wants to
// become root or to learn a password, a hostile host that wants something from the operator's machine, and two operators who
// get in each other's way. .github/SECURITY.md lists the promises; each is tested here.
//
// It must not import polarbook's packages: it asserts what a user and an attacker see.
package attacks
