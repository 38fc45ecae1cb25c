// Package attacks plays the attacker, a file a kind of attack: another account of a database host that wants to become
// root or to learn a password, a hostile host that wants something of the operator's machine, and two operators who get in
// each other's way. .github/SECURITY.md says what is promised; each promise is held here.
//
// It must know nothing of polarbook's packages: what it asserts is what a user and an attacker see.
package attacks
