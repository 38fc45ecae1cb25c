// Package crypto holds Ansible's modules for keys, requests and certificates (community.crypto), a module in the file of its name.
// They are made on the control node with Go's own crypto and put in their place by tasks/files: a host needs nothing for them.
//
// It knows neither PolarDB nor the authority of a cluster's own, which is tasks/pki's.
package crypto
