// Package system holds Ansible's modules for what a host is as a system: its mounts, kernel modules, locales, file systems, packet
// filter, selections of packages and its boot. A module is in the file of its name.
//
// It knows nothing of PolarDB.
package system
