package polardb

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

// OwnFilesArgs name files that a node does not take over from the node that it is copied from.
type OwnFilesArgs struct {
	OwnFiles []string `arg:"own_files" doc:"Files of PGDATA, by their names in it, of which each node has its own: a certificate and its key, say."`
}

func (a *OwnFilesArgs) check(module string) error {
	for _, name := range a.OwnFiles {
		// Where they are kept % stands for the slash.
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

// copied gives data that was copied the node's own files, and notes that it is whole. The warnings name those that it lacks and that
// are the source's therefore.
func (a *OwnFilesArgs) copied(ctx context.Context, s tasks.Shell, node *NodeArgs, origin, source string) (warnings []string, err error) {
	text := node.script("polardb_copied", node.marking(NodeState{Origin: origin, MarkerID: newID()}), a.OwnFiles...)
	r, err := files.RunPlan(ctx, s, tasks.Plan{Script: text})
	if err != nil {
		return nil, err
	}
	var said struct {
		Foreign []string `answer:"foreign"`
	}
	if err := (tasks.Found{Result: r}).Decode(&said); err != nil || len(said.Foreign) == 0 {
		return nil, err
	}
	return []string{strings.Join(said.Foreign, " and ") + " in " + node.Pgdata + " is that of " + source +
		": put the node's own there and restart it"}, nil
}
