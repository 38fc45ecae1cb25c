// Package trees holds the modules that work on whole trees of files on hosts: what packs them.
//
// The host's own programs do the work. A tree is walked as it is; what is written is put in its place whole or not at all.
package trees
