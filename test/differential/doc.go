// Package differential runs the same playbooks with Ansible and with polarbook, each on hosts of its own, and compares
// what either said and what either left behind. Ansible is whatever ansible-playbook this machine has; where it has
// none, nothing is tested and the test says so.
//
// It must know nothing of polarbook's packages: both programs are run as a user runs them.
package differential
