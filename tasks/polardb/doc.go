// Package polardb holds the modules that know the engine: its nodes, data, members, configuration and certificates. A module
// is in the file of its name without the prefix. cluster.go has the words that they share: who is listed, who leads, and how
// long an election is waited for.
//
// What the consensus says and takes is tasks/dma's. Ansible's modules are not known here.
package polardb
