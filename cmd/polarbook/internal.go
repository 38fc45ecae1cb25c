package main

import (
	"embed"
	"fmt"

	"github.com/polarbook/polarbook/playbooks"
)

//go:embed ping.yml unlock.yml
var own embed.FS

// loadInternal loads one of the playbooks that commands other than run are made of. Nothing of the user's stands in for it.
func (w *workplace) loadInternal(name string) (*playbooks.Playbook, error) {
	return playbooks.Load(name, playbooks.Options{Builtin: own, Dir: "/nonexistent", Templates: own, Checker: w.render})
}

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
