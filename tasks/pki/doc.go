// Package pki reads and issues certificates on the control node: keys and certificates of users that are checked before they
// go to a host, and an authority of a cluster's own, whose files lie in a directory of the user's.
//
// It knows neither hosts nor modules.
package pki
