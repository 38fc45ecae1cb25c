package main

import (
	"fmt"
	"os"

	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/playbooks"
)

type schemaCmd struct {
	Kind   string `arg:"" optional:"" default:"playbook" enum:"playbook,tasks,inventory,variables" help:"Describe playbooks, files of tasks, inventories, or files of variables (group_vars)."`
	Output string `short:"o" placeholder:"FILE" help:"Write it to this file."`
}

// Run prints a JSON Schema, by which an editor completes and checks what is typed.
func (c *schemaCmd) Run(t *terminal) error {
	place, err := settings.Here()
	if err != nil {
		return err
	}
	s, err := settings.Load(place)
	if err != nil {
		return err
	}
	own, err := playbooks.OwnModules(playbooks.Options{Library: library(s)})
	if err != nil {
		return err
	}
	data, err := playbooks.Schema(c.Kind, own...)
	if err != nil {
		return err
	}
	if c.Output == "" {
		return t.print(data)
	}
	if err := os.WriteFile(c.Output, data, 0o644); err != nil { //nolint:gosec // it says nothing that the program does not
		return fmt.Errorf("write the schema: %w", err)
	}
	return nil
}
