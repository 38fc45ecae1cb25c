package builtin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type groupArgs struct {
	Name      string `arg:"name,required" doc:"Name of the group."`
	GID       *int   `arg:"gid" doc:"Number of the group."`
	State     string `arg:"state" default:"present" choices:"absent present" doc:"Create the group, or remove it."`
	System    bool   `arg:"system" default:"false" doc:"Give a new group a number from the range for the system."`
	NonUnique bool   `arg:"non_unique" default:"false" doc:"Allow a gid that another group has."`
	GIDMin    *int   `arg:"gid_min" doc:"Lowest number that a new group gets, instead of GID_MIN of /etc/login.defs."`
	GIDMax    *int   `arg:"gid_max" doc:"Highest number that a new group gets, instead of GID_MAX of /etc/login.defs."`
	Local     bool   `arg:"local" default:"false" doc:"Look for the group in /etc/group alone, not in a directory of the network."`
	Force     bool   `arg:"force" default:"false" doc:"With absent: remove it even if it is an account's primary group."`
}

var groupModule = tasks.Define(tasks.Module{
	Name: "group", Collections: []string{"ansible.builtin"},
	Summary: "Manage groups",
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "its name"},
		{Name: "gid", Type: "int", Doc: "its number"},
		{Name: "state", Type: "str", Doc: "present or absent"},
		{Name: "system", Type: "bool", Doc: "as asked for"},
	},
	Examples: `
- group: {name: polardb, gid: 1500}
- group: {name: old, state: absent}
`,
}, func(a *groupArgs, l tasks.Local) (tasks.Action, error) {
	if err := accountName("group", "name", a.Name); err != nil {
		return nil, err
	}
	if a.NonUnique && a.GID == nil {
		return nil, &tasks.ArgError{Module: "group", Arg: "non_unique", Problem: "needs gid"}
	}
	for name, given := range map[string]bool{"gid_min": a.GIDMin != nil, "gid_max": a.GIDMax != nil, "force": a.Force} {
		if a.Local && given {
			return nil, &tasks.ArgError{Module: "group", Arg: name, Problem: "and local exclude each other"}
		}
	}
	return &groupAction{*a}, nil
})

// accountName refuses names that the account tools would take for options, and names that would break the account files.
func accountName(module, arg, name string) error {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":,\n/") {
		return &tasks.ArgError{Module: module, Arg: arg, Problem: fmt.Sprintf("cannot be %q", name)}
	}
	return nil
}

type groupAction struct{ groupArgs }

func (a *groupAction) Probe() string {
	return scripts.Script("group", script.Values{"group": a.Name, "local": a.Local})
}

func (a *groupAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Group string `answer:"group"` // its line
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	values := map[string]any{"name": a.Name, "state": a.State, "system": a.System}
	have := strings.Split(said.Group, ":")
	exists := len(have) >= 3
	name := remote.Quote(a.Name)
	if a.State == "absent" {
		if !exists {
			return tasks.Plan{Values: values}, nil
		}
		command := "groupdel "
		if a.Force {
			command += "-f "
		}
		return tasks.Plan{
			Change: true,
			Msg:    "remove the group " + a.Name,
			Values: values,
			Script: script.Preamble + command + name + "\n",
			Output: true,
		}, nil
	}
	gid := -1
	if exists {
		var err error
		if gid, err = strconv.Atoi(have[2]); err != nil {
			return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("the group %s has the number %q", a.Name, have[2])}
		}
		values["gid"] = gid
	}
	if exists && (a.GID == nil || *a.GID == gid) {
		return tasks.Plan{Values: values}, nil
	}
	command, msg := "groupadd", "create the group "+a.Name
	if exists {
		command, msg = "groupmod", fmt.Sprintf("change the number of the group %s from %d to %d", a.Name, gid, *a.GID)
	} else {
		if a.System {
			command += " -r"
		}
		if a.GIDMin != nil {
			command += " -K GID_MIN=" + strconv.Itoa(*a.GIDMin)
		}
		if a.GIDMax != nil {
			command += " -K GID_MAX=" + strconv.Itoa(*a.GIDMax)
		}
	}
	if a.GID != nil {
		command += " -g " + strconv.Itoa(*a.GID)
		values["gid"] = *a.GID
	}
	if a.NonUnique {
		command += " -o"
	}
	return tasks.Plan{Change: true, Msg: msg, Values: values, Script: script.Preamble + command + " " + name + "\n", Output: true}, nil
}
