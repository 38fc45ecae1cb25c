package system

import (
	"fmt"
	"regexp"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type dpkgSelectionsArgs struct {
	Name      string `arg:"name,required" doc:"Name of the package."`
	Selection string `arg:"selection,required" choices:"install hold deinstall purge" doc:"hold: it is neither upgraded nor removed; install: it is again."`
}

var dpkgSelectionsModule = tasks.Define(tasks.Module{
	Name: "dpkg_selections", Collections: []string{"ansible.builtin"},
	Summary: "Hold Debian packages at their version, or let them go",
	Notes: []string{
		"Nothing is installed, upgraded or removed: dpkg is told what apt and dselect are to do from now on.",
		"A package that dpkg has never heard of is refused.",
	},
	Returns: []tasks.Return{
		{Name: "before", Type: "str", Doc: "the selection before the task, or not present"},
		{Name: "after", Type: "str", Doc: "as asked for"},
	},
	Examples: `
- dpkg_selections: {name: postgresql-15, selection: hold}
- dpkg_selections: {name: postgresql-15, selection: install}
`,
}, newDpkgSelections)

// debianName is a package's name, with its architecture where it has one.
var debianName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9+.-]*(:[a-z0-9-]+)?$`)

func newDpkgSelections(a *dpkgSelectionsArgs, l tasks.Local) (tasks.Action, error) {
	if !debianName.MatchString(a.Name) {
		return refusing("dpkg_selections")("name", "cannot be %q", a.Name)
	}
	return &dpkgSelections{*a, l.Check()}, nil
}

type dpkgSelections struct {
	dpkgSelectionsArgs
	asking bool
}

func (d *dpkgSelections) Probe() string {
	return scripts.Script("dpkg_selection", script.Values{"name": d.Name})
}

func (d *dpkgSelections) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Tool      bool   `answer:"tool"`
		Known     bool   `answer:"known"`
		Selection string `answer:"selection"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	switch {
	case !said.Tool:
		return tasks.NotYet(d.asking, "this host has no dpkg", "hosts with rpm hold a package by dnf versionlock, or by exclude in dnf.conf")
	case !said.Known:
		return tasks.NotYet(d.asking, fmt.Sprintf("Failed to find package '%s' to perform selection '%s'.", d.Name, d.Selection),
			"install the package first, or have a look at its name")
	case said.Selection == "":
		said.Selection = "not present"
	}
	line := func(selection string) string { return d.Name + " " + selection + "\n" }
	return tasks.Plan{
		Change: said.Selection != d.Selection,
		Msg:    fmt.Sprintf("select %s for %s", d.Selection, d.Name),
		Script: script.Preamble + "dpkg --set-selections\n",
		Stdin:  []byte(line(d.Selection)),
		Diff:   []tasks.Diff{{Before: line(said.Selection), After: line(d.Selection)}},
		Values: map[string]any{"before": said.Selection, "after": d.Selection},
		Made:   map[string]any{"before": said.Selection},
		Proof:  func(again tasks.Found) (tasks.Plan, error) { return d.proof(said.Selection, again) },
	}, nil
}

// proof takes the selection of a package that is not installed as it is: dpkg keeps it and does not show it.
func (d *dpkgSelections) proof(before string, again tasks.Found) (tasks.Plan, error) {
	if before == "not present" {
		return tasks.Plan{Values: map[string]any{"after": d.Selection}}, nil
	}
	return d.Plan(again)
}
