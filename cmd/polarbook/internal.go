package main

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/polarbook/polarbook/playbooks"
)

//go:embed ping.yml unlock.yml
var own embed.FS

// internal holds the playbooks that commands other than run are made of.
func internal() fs.FS { return own }

// stepLine is a step as --list-tasks shows it.
func stepLine(s playbooks.Step) string {
	name := fmt.Sprint(s.Node.Keywords().Name.Raw)
	switch n := s.Node.(type) {
	case *playbooks.Task:
		if name == "" || name == "<nil>" {
			name = n.BuiltinAction
			if n.Module != nil {
				name = n.Module.Name
			}
		}
	case *playbooks.Include:
		if name == "" || name == "<nil>" {
			name = n.What
		}
	default:
		return ""
	}
	if role := s.Role(); role != "" {
		name = role + " : " + name
	}
	if len(s.Tags) > 0 {
		name += fmt.Sprintf("  TAGS: %v", s.Tags)
	}
	return name
}
