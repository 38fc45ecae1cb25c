// Package builtin holds the modules that Ansible has too, under its names and with its arguments: a module in the file of its
// name. What they share about files is in tasks/files, what they run on hosts begins with what tasks/script has.
//
// It knows nothing of PolarDB.
package builtin
