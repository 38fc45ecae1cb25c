package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/lint"
	"github.com/polarbook/polarbook/templates"
	"gopkg.in/yaml.v3"
)

type lintCmd struct {
	Playbook  []string `arg:"" optional:"" complete:"playbook" help:"Look at these playbooks: files, names of built-in ones, or directories of roles. Default: the playbooks here."`
	Inventory []string `short:"i" aliases:"inventory-file" placeholder:"PATH" sep:"none" help:"Read this inventory file or directory; may be repeated. Default: as for run."`
	ExtraVars []string `short:"e" complete:"vars" name:"extra-vars" placeholder:"VARS" sep:"none" help:"Take these variables for known: key=value, YAML or JSON, or @FILE."`
	Output    string   `short:"o" enum:"text,json,sarif" default:"text" help:"Choose the output: text, json (a list), or sarif (2.1.0)."`
	Rule      []string `short:"r" placeholder:"RULE" complete:"rule" help:"Look for this rule alone; may be repeated."`
	Skip      []string `short:"x" placeholder:"RULE" complete:"rule" help:"Leave this rule out; may be repeated."`
	Strict    bool     `help:"Exit with 2 for warnings too."`
	ListRules bool     `name:"list-rules" help:"List the rules and look at nothing."`
	vaultOptions
}

func (c *lintCmd) Run(t *terminal) error {
	// There are no steps in hand to wait for: a signal ends it.
	signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if c.ListRules {
		rows := [][]string{{"RULE", "SEVERITY", "FINDS"}}
		for _, r := range lint.Rules {
			rows = append(rows, []string{r.ID, string(r.Severity), r.Summary})
		}
		fmt.Fprintln(t.out, table(rows))
		return nil
	}
	if err := lint.CheckNames(append(slices.Clone(c.Rule), c.Skip...)); err != nil {
		return err
	}
	w, err := hostOptions{Inventory: c.Inventory, ExtraVars: c.ExtraVars, vaultOptions: c.vaultOptions}.prepareWithout(t)
	if err != nil {
		return err
	}
	names := c.Playbook
	if len(names) == 0 {
		if names = playbooksHere(); len(names) == 0 {
			return errors.New("there is no playbook here; name one, or the directory of a role")
		}
	}
	found, err := c.look(w, names)
	if err != nil {
		return err
	}
	if err := c.print(t, found); err != nil {
		return err
	}
	failing := slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Severity == lint.Error || c.Strict })
	if failing {
		return &exit{code: exitFailed}
	}
	return nil
}

// look looks at playbooks one after the other. What several of them share is reported once.
func (c *lintCmd) look(w *workplace, names []string) ([]lint.Finding, error) {
	var found []lint.Finding
	seen := map[string]bool{}
	for _, name := range names {
		x, err := playbooks.Examine(name, playbooks.Options{
			Templates: templates.Files(), Checker: w.render, ExtraVars: w.vars,
			RolesPath: rolesPath(w.settings), CollectionsPath: collectionsPath(w.settings), Library: library(w.settings),
			Vault: w.keys,
		})
		if err != nil {
			return nil, err
		}
		o := lint.Options{Only: c.Rule, Skip: c.Skip, Known: sortedKeys(w.vars)}
		if !x.Builtin {
			if err := w.inv.AddPlaybookDir(filepath.Dir(x.Path)); err != nil {
				return nil, err
			}
			o.Known = append(o.Known, variablesBeside(filepath.Dir(x.Path))...)
		}
		if !w.noInventory {
			o.Inventory = w.inv
		}
		for _, f := range lint.Lint(x, o) {
			key := f.Rule + " " + f.Pos.String()
			if !seen[key] {
				seen[key] = true
				found = append(found, f)
			}
		}
	}
	return found, nil
}

func (c *lintCmd) print(t *terminal, found []lint.Finding) error {
	var data []byte
	var err error
	switch c.Output {
	case "json":
		data, err = lint.JSON(found)
	case "sarif":
		data, err = lint.SARIF(found, version)
	default:
		faults := 0
		for _, f := range found {
			fmt.Fprintf(t.out, "%s\n\n", t.masked(f.Shown))
			if f.Severity == lint.Error {
				faults++
			}
		}
		fmt.Fprintf(t.out, "%s, %s\n", plural(faults, "error"), plural(len(found)-faults, "warning"))
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, t.masked(string(data)))
	return err
}

// playbooksHere are the files in the working directory that hold plays.
func playbooksHere() []string {
	var names []string
	for _, pattern := range []string{"*.yml", "*.yaml"} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, name := range list {
			if holdsPlays(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func holdsPlays(name string) bool {
	data, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	var plays []map[string]any
	if err := yaml.Unmarshal(data, &plays); err != nil {
		return strings.Contains(string(data), "hosts:") && !strings.HasPrefix(name, "inventory") && !strings.HasPrefix(name, "hosts")
	}
	return slices.ContainsFunc(plays, func(play map[string]any) bool {
		_, hosts := play["hosts"]
		_, imported := play["import_playbook"]
		return hosts || imported
	})
}

// variablesBeside are those that files beside a playbook give to groups and hosts, whatever the inventory holds.
func variablesBeside(dir string) []string {
	var names []string
	for _, folder := range []string{"group_vars", "host_vars"} {
		_ = filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			if values, _, err := inventory.LoadVars(path); err == nil {
				names = append(names, sortedKeys(values)...)
			}
			return nil
		})
	}
	return names
}
