package selinux

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type sebooleanArgs struct {
	Name       string `arg:"name,required" doc:"Name of the boolean."`
	State      bool   `arg:"state,required" doc:"Value that it is to have."`
	Persistent bool   `arg:"persistent" default:"false" doc:"Set it for good: in the policy that is loaded at every boot, too."`
	Ignore     bool   `arg:"ignore_selinux_state" default:"false" doc:"Go on where SELinux is off: with persistent the policy is changed, for when it is on."`
}

var sebooleanModule = tasks.Define(tasks.Module{
	Name: "seboolean", Collections: []string{"ansible.posix"},
	Summary: "Set a boolean of SELinux's policy",
	Notes: []string{
		"Needs setsebool on the host (policycoreutils) and no Python. With persistent both the running value and the one after a boot are " +
			"compared; Ansible compares the latter alone, and leaves a boolean that somebody switched for the time being.",
	},
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "as given"}, {Name: "state", Type: "bool", Doc: "as asked for"},
		{Name: "persistent", Type: "bool", Doc: "as asked for"},
	},
	Examples: `
- seboolean: {name: httpd_can_network_connect_db, state: true, persistent: true}
- seboolean: {name: daemons_dump_core, state: false}
`,
}, func(a *sebooleanArgs, l tasks.Local) (tasks.Action, error) {
	if !plainName.MatchString(a.Name) {
		return nil, &tasks.ArgError{Module: "seboolean", Arg: "name", Problem: fmt.Sprintf("cannot be %q", a.Name)}
	}
	return &seboolean{*a, l.Check()}, nil
})

type seboolean struct {
	sebooleanArgs
	asking bool
}

func (s *seboolean) Probe() string {
	return scripts.Script("seboolean_look", script.Values{"name": s.Name})
}

// onOff are the words for a boolean's values.
var onOff = map[string]string{"0": "off", "1": "on", "": "not known"}

func (s *seboolean) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		host
		Name   string `answer:"name,required"` // by which the policy knows it
		Now    string `answer:"now"`           // 0 or 1; empty: the running policy has none
		Boot   string `answer:"boot"`          // likewise, of the policy on disk
		Policy bool   `answer:"policy"`        // that can be read
	}
	if err := found.Decode(&said.host); err != nil {
		return tasks.Plan{}, err
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if plan, ready, err := said.ready(s.asking, s.Ignore, "setsebool", "policycoreutils"); !ready {
		return plan, err
	}
	if said.Now == "" && (said.Enabled || said.Boot == "") || said.Policy && s.Persistent && said.Boot == "" {
		return tasks.NotYet(s.asking, fmt.Sprintf("the policy has no boolean %s", s.Name),
			"install the policy module that brings it, or correct the name")
	}
	if said.Enabled && s.Persistent && !said.Policy {
		return tasks.Plan{}, &tasks.Failure{Msg: "the policy in /etc/selinux cannot be read", Hint: "the task needs become: true"}
	}
	want := "0"
	if s.State {
		want = "1"
	}
	values := map[string]any{"name": s.Name, "state": s.State, "persistent": s.Persistent}
	words, before, after := []string{"setsebool"}, "", ""
	compare := func(when, have string) {
		if have != want {
			before, after = before+when+": "+onOff[have]+"\n", after+when+": "+onOff[want]+"\n"
		}
	}
	if said.Enabled {
		compare("now", said.Now)
	}
	if s.Persistent {
		words = append(words, "-P")
		compare("after a boot", said.Boot)
	}
	if before == "" {
		return tasks.Plan{Values: values}, nil
	}
	text := script.Words(append(words, said.Name, onOff[want]))
	if !said.Enabled { // setsebool works with the running kernel alone
		text = script.Words([]string{"semanage", "boolean", "-N", "-m", "--" + onOff[want], said.Name})
	}
	return tasks.Plan{
		Change: true, Msg: fmt.Sprintf("set the boolean %s to %s", s.Name, onOff[want]), Values: values, Script: script.Preamble + text + "\n",
		Diff: []tasks.Diff{{Before: before, After: after, BeforeHeader: s.Name, AfterHeader: s.Name}},
	}, nil
}
