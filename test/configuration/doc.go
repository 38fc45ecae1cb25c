// Package configuration tests what writes configuration files: that none is written with which a server would not start,
// that a server which does not start is brought back, and that the reason of a start that failed is said.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package configuration
