// Package golden compares what a test got with a file, its golden file, and writes those files anew: `go test ./... -update`
// does it for all packages. Each package with tests imports this one, so that all take the flag; those that have no golden
// files, with a blank import.
package golden
