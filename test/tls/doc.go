// Package tls tests the keeping of a cluster whose members and clients speak TLS: what is done to other clusters is done to
// it, certificates are exchanged and refused, and its CA is lost and replaced, while its members go on following.
//
// It must not import polarbook's packages: it asserts what a user sees.
package tls
