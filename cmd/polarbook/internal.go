package main

import (
	"embed"
	"io/fs"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates"
)

//go:embed ping.yml unlock.yml connect.yml psql.yml bundlepackages.yml
var own embed.FS

// ownFiles are the playbooks that commands other than run are made of, and the built-in roles that these use.
type ownFiles struct{}

func (ownFiles) Open(name string) (fs.File, error) {
	if f, err := own.Open(name); err == nil && name != "." {
		return f, nil
	}
	return playbooks.Builtin().Open(name)
}

// loadInternal loads one of the playbooks that commands other than run are made of. Nothing of the user's stands in for it.
func (w *workplace) loadInternal(name string) (*playbooks.Playbook, error) {
	return playbooks.Load(name, playbooks.Options{
		Builtin: ownFiles{}, Dir: "/nonexistent", Templates: templates.Files(), Checker: w.render, ExtraVars: w.vars,
	})
}
