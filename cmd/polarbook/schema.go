package main

import (
	"fmt"
	"os"

	"github.com/polarbook/polarbook/playbooks"
)

type schemaCmd struct {
	Kind   string `arg:"" optional:"" default:"playbook" enum:"playbook,tasks,inventory,variables" help:"Describe playbooks, files of tasks, inventories, or files of variables (group_vars)."`
	Output string `short:"o" placeholder:"FILE" help:"Write it to this file."`
}

// Run prints a JSON Schema, by which an editor completes and checks what is typed.
func (c *schemaCmd) Run(t *terminal) error {
	data, err := playbooks.Schema(c.Kind)
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
