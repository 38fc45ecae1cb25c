package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/templates/suggest"
)

type docCmd struct {
	Module string `arg:"" optional:"" complete:"module" help:"Explain this module; without it, list all."`
}

func (c *docCmd) Run(t *terminal) error {
	if c.Module == "" {
		width := 0
		for _, m := range all.All() {
			width = max(width, len(m.Name))
		}
		for _, m := range all.All() {
			fmt.Fprintf(t.out, "%-*s  %s\n", width, m.Name, wrap(m.Summary, 98-width, strings.Repeat(" ", width+2)))
		}
		fmt.Fprintf(t.out, "\n%s\n", "About the run, not about a host:")
		for _, m := range playbooks.BuiltinActions() {
			fmt.Fprintf(t.out, "%-*s  %s\n", width, m.Name, wrap(m.Summary, 98-width, strings.Repeat(" ", width+2)))
		}
		return nil
	}
	m, ok := documented(c.Module)
	if !ok {
		return fmt.Errorf("there is no module %q%s; polarbook doc lists them all", c.Module, suggest.Suffix(c.Module, all.Names()))
	}
	fmt.Fprint(t.out, moduleDoc(t, m))
	return nil
}

// documented finds a module, or what the engine does itself, by any of its names.
func documented(name string) (*tasks.Module, bool) {
	if m, ok := all.Lookup(name); ok {
		return m, true
	}
	for _, m := range playbooks.BuiltinActions() {
		if name == m.Name || name == "ansible.builtin."+m.Name || name == "ansible.legacy."+m.Name {
			return &m, true
		}
	}
	return nil, false
}

// moduleDoc is made from the table that the loader checks with and the arguments are decoded with.
func moduleDoc(t *terminal, m *tasks.Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", t.bold(m.Name), wrap(m.Summary, 98-len(m.Name), "  "))
	also := slices.Clone(m.Aliases)
	for _, c := range m.Collections {
		also = append(also, c+"."+m.Name)
	}
	if len(also) > 0 {
		fmt.Fprintf(&b, "also known as %s\n", strings.Join(also, ", "))
	}
	for _, note := range m.Notes {
		fmt.Fprintf(&b, "\n%s\n", wrap(note, 100, ""))
	}
	if m.NoAsync {
		fmt.Fprint(&b, "\nAs with Ansible, a task of it cannot have async.\n")
	}
	if len(m.Args) > 0 {
		fmt.Fprintf(&b, "\n%s\n", t.bold("ARGUMENTS"))
	}
	writeArguments(&b, t, m.Args, "  ")
	if len(m.Without) > 0 {
		fmt.Fprintf(&b, "\n%s\n", t.bold("ARGUMENTS OF ANSIBLE'S THAT ARE NOT HERE"))
		for _, name := range slices.Sorted(maps.Keys(m.Without)) {
			fmt.Fprintf(&b, "  %s  %s\n", t.bold(name), wrap(m.Without[name], 96-len(name), "      "))
		}
	}
	if m.FreeForm != "" {
		fmt.Fprintf(&b, "\nA bare string is taken for %s.\n", m.FreeForm)
	}
	if len(m.Returns) > 0 {
		fmt.Fprintf(&b, "\n%s\n", t.bold("RETURNS"))
		for _, r := range m.Returns {
			fmt.Fprintf(&b, "  %s (%s)  %s\n", t.bold(r.Name), r.Type, wrap(r.Doc, 90, "      "))
		}
	}
	if m.Examples != "" {
		fmt.Fprintf(&b, "\n%s\n%s", t.bold("EXAMPLES"), m.Examples)
	}
	return b.String()
}

// writeArguments writes an argument table, and under a list of dicts the table of their keys.
func writeArguments(b *strings.Builder, t *terminal, args []argument.Spec, indent string) {
	for _, a := range args {
		facts := []string{string(a.Kind)}
		if a.Required {
			facts = append(facts, "required")
		}
		if a.Default != "" {
			facts = append(facts, "default "+a.Default)
		}
		if len(a.Choices) > 0 {
			facts = append(facts, "one of "+strings.Join(a.Choices, ", "))
		}
		for _, old := range slices.Sorted(maps.Keys(a.ChoiceAliases)) {
			facts = append(facts, old+" means "+a.ChoiceAliases[old])
		}
		if len(a.Aliases) > 0 {
			facts = append(facts, "alias "+strings.Join(a.Aliases, ", "))
		}
		if a.Secret {
			facts = append(facts, "masked everywhere")
		}
		fmt.Fprintf(b, "%s%s (%s)\n", indent, t.bold(a.Name), wrap(strings.Join(facts, "; "), 98-len(indent)-len(a.Name), indent+"  "))
		if a.Doc != "" {
			fmt.Fprintf(b, "%s    %s\n", indent, wrap(a.Doc, 96-len(indent), indent+"    "))
		}
		writeArguments(b, t, a.Items, indent+"    ")
	}
}
