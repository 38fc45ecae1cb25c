// Package configuration tests the configuration files: none is written with which a server would not start, a server that
// does not start because of them is repaired, and a start that failed is reported with its reason.
//
// It must not import polarbook's packages: it asserts what a user sees.
package configuration
