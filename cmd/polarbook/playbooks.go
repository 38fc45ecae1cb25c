package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/suggest"
)

type playbooksCmd struct {
	List   playbooksListCmd   `cmd:"" default:"withargs" help:"List the built-in playbooks with what they do and the variables they take."`
	Export playbooksExportCmd `cmd:"" help:"Write a built-in playbook, its role and its templates to a directory, to change them."`
}

type playbooksListCmd struct {
	Name string `arg:"" optional:"" complete:"builtin" help:"Show only this one, with its whole description."`
}

func (c *playbooksListCmd) Run(t *terminal) error {
	all, err := playbooks.List()
	if err != nil {
		return err
	}
	known := []string{}
	for _, p := range all {
		known = append(known, p.Name)
		short := strings.TrimSuffix(p.Name, ".yml")
		switch {
		case c.Name == "":
			fmt.Fprintf(t.out, "%s\n    %s\n", t.bold(p.Name), wrap(p.Summary, 100, "    "))
			var names []string
			for _, v := range p.Variables {
				names = append(names, v.Name)
			}
			if len(names) > 0 {
				fmt.Fprintf(t.out, "    %s\n", wrap("variables: "+strings.Join(names, ", "), 100, "    "))
			}
		case c.Name == p.Name || c.Name == short:
			fmt.Fprint(t.out, playbookDoc(t, p))
			return nil
		}
	}
	if c.Name != "" {
		return fmt.Errorf("there is no built-in playbook %q%s; there are %s", c.Name, suggest.Suffix(c.Name, known), strings.Join(known, ", "))
	}
	return nil
}

// playbookDoc describes a playbook: its head comment, and its variables with their defaults and what they mean.
func playbookDoc(t *terminal, p playbooks.Info) string {
	var b strings.Builder
	says, _, _ := strings.Cut(p.Doc, "\nVariables:")
	fmt.Fprintf(&b, "%s\n\n%s\n", t.bold(p.Name), strings.TrimSpace(says))
	if len(p.Variables) > 0 {
		fmt.Fprintf(&b, "\n%s\n", t.bold("VARIABLES"))
	}
	for _, v := range p.Variables {
		fact := "default " + v.Default
		switch {
		case v.Required:
			fact = "required"
		case v.Default == "" || v.Default == `""`:
			fact = "not set"
		}
		fmt.Fprintf(&b, "  %s (%s)\n", t.bold(v.Name), wrap(fact, 97-len(v.Name), "      "))
		if v.Doc != "" {
			fmt.Fprintf(&b, "      %s\n", wrap(v.Doc, 94, "      "))
		}
	}
	return b.String()
}

type playbooksExportCmd struct {
	Name string `arg:"" complete:"builtin" help:"Export the playbook of this name, as in new-cluster.yml."`
	To   string `default:"." complete:"directories" help:"Write to this directory."`
}

// Run writes the playbook with the roles and templates that it is made of, and replaces no file.
func (c *playbooksExportCmd) Run(t *terminal) error {
	name := strings.TrimSuffix(c.Name, ".yml") + ".yml"
	from := playbooks.Builtin()
	if _, err := fs.Stat(from, name); err != nil {
		all, err := playbooks.List()
		if err != nil {
			return err
		}
		var known []string
		for _, p := range all {
			known = append(known, p.Name)
		}
		return fmt.Errorf("there is no built-in playbook %q%s; polarbook playbooks lists them all", c.Name, suggest.Suffix(name, known))
	}
	files := map[string][]byte{}
	collect := func(fsys fs.FS, root, to string) error {
		return fs.WalkDir(fsys, root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, p)
			files[path.Join(to, p)] = data
			return err
		})
	}
	err := errors.Join(collect(from, name, ""), collect(from, "roles", ""), collect(templates.Files(), ".", "roles/polardb/templates"))
	if err != nil {
		return err
	}
	for _, p := range sortedKeys(files) {
		target := filepath.Join(c.To, filepath.FromSlash(p))
		if _, err := os.Lstat(target); err == nil {
			return fmt.Errorf("%s is there already; nothing was written", target)
		}
	}
	for _, p := range sortedKeys(files) {
		target := filepath.Join(c.To, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, files[p], 0o644); err != nil {
			return err
		}
		fmt.Fprintln(t.out, target)
	}
	fmt.Fprintf(t.out, "polarbook run %s now takes these; without them, the built-in ones.\n", name)
	return nil
}

// wrap breaks a text at blanks; lines after the first are indented.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(s) {
		if i > 0 {
			if column+1+len(word) > width {
				b.WriteString("\n" + indent)
				column = len(indent)
			} else {
				b.WriteByte(' ')
				column++
			}
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
