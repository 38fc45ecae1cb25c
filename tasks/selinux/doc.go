// Package selinux holds Ansible's modules for the policy of SELinux: a module in the file of its name. Hosts need the programs that
// such systems have anyway (semanage, setsebool), and no Python modules.
//
// It knows nothing of PolarDB.
package selinux
