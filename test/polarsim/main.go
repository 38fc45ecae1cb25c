// Polarsim is a stand-in for PolarDB for PostgreSQL 11 with DMA, for tests and the demo only: one binary that is
// initdb, pg_ctl, postgres, psql and the other programs of an install prefix, by the name it is called by. It keeps
// no data worth having.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"

	"github.com/polarbook/polarbook/test/polarsim/tool"
)

func main() {
	// A dozen nodes share a machine in tests, and each is idle most of the time.
	runtime.GOMAXPROCS(1)
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if tool.Programs[name] == nil && len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
	}
	program := tool.Programs[name]
	if program == nil {
		var names []string
		for known := range tool.Programs {
			names = append(names, known)
		}
		sort.Strings(names)
		fmt.Fprintf(os.Stderr, "polarsim is a stand-in for PolarDB, called by the name of one of its programs: %v\n", names)
		os.Exit(1)
	}
	os.Exit(program(arguments))
}
