package main

import (
	"embed"

	"github.com/polarbook/polarbook/playbooks"
)

//go:embed ping.yml unlock.yml
var own embed.FS

// loadInternal loads one of the playbooks that commands other than run are made of. Nothing of the user's stands in for it.
func (w *workplace) loadInternal(name string) (*playbooks.Playbook, error) {
	return playbooks.Load(name, playbooks.Options{Builtin: own, Dir: "/nonexistent", Templates: own, Checker: w.render})
}
