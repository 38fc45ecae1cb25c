package builtin

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type timezoneArgs struct {
	Name string `arg:"name,required" doc:"Time zone, such as Asia/Shanghai or Etc/UTC."`
}

var timezoneModule = tasks.Define(tasks.Module{
	Name: "timezone", Collections: []string{"community.general"},
	Summary: "Set a host's time zone",
	Notes:   []string{"Running programs may keep the old time zone until they are restarted. The hardware clock is left alone."},
	Returns: []tasks.Return{{Name: "name", Type: "str", Doc: "the time zone"}},
	Examples: `
- timezone: {name: Asia/Shanghai}
`,
}, func(a *timezoneArgs, l tasks.Local) (tasks.Action, error) {
	if !zoneName.MatchString(a.Name) || strings.Contains(a.Name, "..") {
		return nil, &tasks.ArgError{Module: "timezone", Arg: "name", Problem: fmt.Sprintf("cannot be %q", a.Name)}
	}
	return &timezoneAction{*a, l.Check()}, nil
})

var zoneName = regexp.MustCompile(`^[A-Za-z0-9+_-]+(/[A-Za-z0-9+_-]+)*$`)

type timezoneAction struct {
	timezoneArgs
	asking bool
}

func (a *timezoneAction) Probe() string {
	return scripts.Script("timezone_look", script.Values{"z": a.Name})
}

func (a *timezoneAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Zone    string `answer:"zone"` // where /etc/localtime leads
		None    bool   `answer:"none"` // there is no /etc/localtime
		Known   bool   `answer:"known"`
		Systemd bool   `answer:"systemd"`
		Keeps   bool   `answer:"text"` // there is an /etc/timezone, or should be
		Text    string `answer:"text"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	values := map[string]any{"name": a.Name}
	// systemd goes by the link alone, and without one it is UTC; elsewhere /etc/timezone has to agree.
	_, zone, _ := strings.Cut(said.Zone, "zoneinfo/")
	if said.None {
		zone = "UTC"
	}
	right := zone == a.Name && (said.Systemd || !said.Keeps || said.Text == a.Name)
	switch {
	case right:
		return tasks.Plan{Values: values}, nil
	case !said.Known:
		return tasks.NotYet(a.asking, fmt.Sprintf("the host has no time zone %s", a.Name),
			"is it spelled as in /usr/share/zoneinfo, and the package tzdata installed?")
	}
	if zone == "" {
		zone = "unknown"
	}
	msg := fmt.Sprintf("change the time zone from %s to %s", zone, a.Name)
	if zone == a.Name {
		msg = "write the time zone " + a.Name + " to /etc/timezone"
	}
	text := scripts.Script("timezone", script.Values{"z": a.Name, "text": said.Keeps})
	return tasks.Plan{
		Change: true, Msg: msg, Values: values, Script: text,
		Diff: []tasks.Diff{{BeforeHeader: "time zone", AfterHeader: "time zone", Before: zone + "\n", After: a.Name + "\n"}},
	}, nil
}
