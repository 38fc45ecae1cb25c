package polardb

import (
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

// OwnFilesArgs name files that a node does not take over from the node that it is copied from.
type OwnFilesArgs struct {
	OwnFiles []string `arg:"own_files" doc:"Files of PGDATA, by their names in it, of which each node has its own: a certificate and its key, say."`
}

func (a *OwnFilesArgs) check(module string) error {
	for _, name := range a.OwnFiles {
		if !filepath.IsLocal(name) || strings.ContainsAny(name, "\n%") {
			return &tasks.ArgError{Module: module, Arg: "own_files", Problem: "has to name files below PGDATA, without % and newlines"}
		}
	}
	return nil
}

// toKeep are the node's own files as long as PGDATA is its own: before it is filled with another's.
func (a *OwnFilesArgs) toKeep(s NodeState) []string {
	switch s.Step {
	case stepMeta, stepMoving, stepDropped:
		return a.OwnFiles
	}
	return nil
}
