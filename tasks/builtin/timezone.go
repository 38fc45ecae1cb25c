package builtin

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type timezoneArgs struct {
	Name    string `arg:"name" doc:"Time zone, such as Asia/Shanghai or Etc/UTC."`
	HWClock string `arg:"hwclock" alias:"rtc" choices:"local UTC" doc:"Whether the hardware clock has local time or UTC; for hosts that systemd runs."`
}

var timezoneModule = tasks.Define(tasks.Module{
	Name: "timezone", Collections: []string{"community.general"},
	Summary: "Set a host's time zone",
	Notes:   []string{"Running programs may keep the old time zone until they are restarted."},
	Returns: []tasks.Return{{Name: "name", Type: "str", Doc: "the time zone"}},
	Examples: `
- timezone: {name: Asia/Shanghai}
`,
}, func(a *timezoneArgs, l tasks.Local) (tasks.Action, error) {
	if a.Name == "" && a.HWClock == "" {
		return nil, &tasks.ArgError{Module: "timezone", Arg: "name", Problem: "is missing, and so is hwclock"}
	}
	if a.Name != "" && (!zoneName.MatchString(a.Name) || strings.Contains(a.Name, "..")) {
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
	return scripts.Script("timezone_look", script.Values{"z": a.Name, "clock": a.HWClock != ""})
}

func (a *timezoneAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Zone    string `answer:"zone"` // where /etc/localtime leads
		None    bool   `answer:"none"` // there is no /etc/localtime
		Known   bool   `answer:"known"`
		Systemd bool   `answer:"systemd"`
		Keeps   bool   `answer:"text"` // there is an /etc/timezone, or should be
		Text    string `answer:"text"`
		Clock   string `answer:"clock"` // "yes" for local time
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	values := map[string]any{"name": a.Name}
	plan := tasks.Plan{Values: values}
	if a.Name != "" {
		// systemd goes by the link alone, and without one it is UTC; elsewhere /etc/timezone has to agree.
		_, zone, _ := strings.Cut(said.Zone, "zoneinfo/")
		if said.None {
			zone = "UTC"
		}
		right := zone == a.Name && (said.Systemd || !said.Keeps || said.Text == a.Name)
		switch {
		case right:
		case !said.Known:
			return tasks.NotYet(a.asking, fmt.Sprintf("the host has no time zone %s", a.Name),
				"is it spelled as in /usr/share/zoneinfo, and the package tzdata installed?")
		default:
			if zone == "" {
				zone = "unknown"
			}
			plan.Change, plan.Msg = true, fmt.Sprintf("change the time zone from %s to %s", zone, a.Name)
			if zone == a.Name {
				plan.Msg = "write the time zone " + a.Name + " to /etc/timezone"
			}
			plan.Script = scripts.Script("timezone", script.Values{"z": a.Name, "text": said.Keeps})
			plan.Diff = []tasks.Diff{{BeforeHeader: "time zone", AfterHeader: "time zone", Before: zone + "\n", After: a.Name + "\n"}}
		}
	}
	if a.HWClock == "" {
		return plan, nil
	}
	if said.Clock == "" {
		return tasks.Plan{}, &tasks.Failure{
			Msg: "the host does not tell what time its hardware clock has", Hint: "hwclock is for hosts that systemd runs: it asks timedatectl",
		}
	}
	values["hwclock"] = a.HWClock
	have := map[bool]string{true: "local", false: "UTC"}[said.Clock == "yes"]
	if have == a.HWClock {
		return plan, nil
	}
	if plan.Change {
		plan.Msg += ", and "
	}
	plan.Change = true
	plan.Msg += fmt.Sprintf("set the hardware clock from %s to %s", have, a.HWClock)
	plan.Script += script.Preamble + "timedatectl set-local-rtc " +
		map[bool]string{true: "yes", false: "no"}[a.HWClock == "local"] + " || exit\n"
	clock := tasks.Diff{BeforeHeader: "hardware clock", AfterHeader: "hardware clock", Before: have + "\n", After: a.HWClock + "\n"}
	plan.Diff = append(plan.Diff, clock)
	return plan, nil
}
