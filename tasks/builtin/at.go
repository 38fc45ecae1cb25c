package builtin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type atArgs struct {
	Command string `arg:"command" doc:"Command to run once, later."`
	Script  string `arg:"script_file,path" doc:"File on the host whose commands are run instead."`
	Count   int    `arg:"count" doc:"Number of units from now; required unless state is absent."`
	Units   string `arg:"units" choices:"minutes hours days weeks" doc:"Unit of count."`
	State   string `arg:"state" default:"present" choices:"absent present" doc:"Add the job, or remove all jobs with these commands."`
	Unique  bool   `arg:"unique" default:"false" doc:"Add no job when one with these commands is already waiting."`
}

var atModule = tasks.Define(tasks.Module{
	Name: "at", Collections: []string{"ansible.posix"},
	Summary: "Run a command once, later",
	Notes:   []string{"Needs the program at and its daemon on the host. Without unique, a job is added each time, as in Ansible."},
	Returns: []tasks.Return{
		{Name: "state", Type: "str", Doc: "as asked for"},
		{Name: "jobs", Type: "list", Doc: "numbers of the jobs with these commands that were waiting"},
	},
	Examples: `
- at: {command: systemctl restart chronyd, count: 20, units: minutes, unique: true}
- at: {command: systemctl restart chronyd, state: absent}
`,
}, func(a *atArgs, l tasks.Local) (tasks.Action, error) {
	problem := func(arg, text string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "at", Arg: arg, Problem: text}
	}
	switch {
	case (a.Command == "") == (a.Script == ""):
		return problem("command", "or script_file is required, and one of them only")
	case a.State == "present" && (a.Count <= 0 || a.Units == ""):
		return problem("count", "and units are required: how long from now")
	}
	return &atAction{*a, l.Check()}, nil
})

type atAction struct {
	atArgs
	asking bool
}

// Probe returns the commands when they are in a file on the host, and every job that is waiting.
func (a *atAction) Probe() string {
	values := script.Values{}
	if a.Script != "" {
		values["f"] = script.Path(a.Script)
	}
	return scripts.Script("at", values)
}

func (a *atAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Missing bool   `answer:"missing"`
		Read    bool   `answer:"wanted"`
		Wanted  []byte `answer:"wanted"`
		Jobs    []struct {
			Number string `answer:"job"`
			Text   []byte `answer:"text"`
		} `answer:"job"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if said.Missing {
		return tasks.NotYet(a.asking, "the program at is not installed", "install the package at, and start atd")
	}
	wanted := a.Command
	if a.Script != "" {
		if !said.Read {
			return tasks.NotYet(a.asking, a.Script+" is not on the host, or may not be read", "")
		}
		wanted = string(said.Wanted)
	}
	jobs := []any{}
	for _, job := range said.Jobs {
		if strings.Contains(string(job.Text), strings.TrimRight(wanted, "\n")) {
			jobs = append(jobs, job.Number)
		}
	}
	values := map[string]any{"state": a.State, "jobs": jobs}
	switch {
	case a.State == "absent" && len(jobs) == 0, a.State == "present" && a.Unique && len(jobs) > 0:
		return tasks.Plan{Values: values}, nil
	case a.State == "absent":
		var words []string
		for _, n := range jobs {
			words = append(words, fmt.Sprint(n))
		}
		return tasks.Plan{Change: true, Msg: "remove the jobs " + strings.Join(words, ", "), Values: values,
			Script: script.Preamble + "atrm " + script.Words(words) + "\n"}, nil
	}
	when := strconv.Itoa(a.Count) + " " + a.Units
	return tasks.Plan{Change: true, Event: true, Msg: "run it in " + when, Values: values,
		Stdin:  []byte(strings.TrimSuffix(wanted, "\n") + "\n"),
		Script: script.Preamble + "at now + " + script.Words(strings.Fields(when)) + "\n"}, nil
}
