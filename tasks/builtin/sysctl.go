package builtin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type sysctlArgs struct {
	Name         string  `arg:"name,required" alias:"key" doc:"Setting, such as vm.swappiness."`
	Value        *string `arg:"value" alias:"val" doc:"Value; required for state: present."`
	State        string  `arg:"state" default:"present" choices:"present absent" doc:"Set it in the file, or remove it from there."`
	SysctlFile   string  `arg:"sysctl_file,path" default:"/etc/sysctl.conf" doc:"File to edit. One in /etc/sysctl.d is read at every boot, /etc/sysctl.conf not on every system (Debian 13)."`
	Reload       bool    `arg:"reload" default:"true" doc:"Load the file (sysctl -p) after a change."`
	SysctlSet    bool    `arg:"sysctl_set" default:"false" doc:"Also compare the kernel's value, and set it when it differs."`
	IgnoreErrors bool    `arg:"ignoreerrors" default:"false" doc:"Go on when the kernel does not know the setting or refuses the value."`
}

var sysctlModule = tasks.Define(tasks.Module{
	Name: "sysctl", Collections: []string{"ansible.posix"},
	Summary: "Manage kernel settings, in a file and in the kernel",
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "the setting"},
		{Name: "value", Type: "str", Doc: "its value in the file"},
		{Name: "live", Type: "str", Doc: "the kernel's value"},
	},
	Examples: `
- sysctl: {name: vm.swappiness, value: "1", sysctl_file: /etc/sysctl.d/90-polardb.conf, sysctl_set: true}
- sysctl: {name: net.ipv4.ip_local_port_range, value: 32768 60999}
- sysctl: {name: kernel.old, state: absent, reload: false}
`,
}, func(a *sysctlArgs, l tasks.Local) (tasks.Action, error) {
	a.Name = strings.TrimSpace(a.Name)
	if a.Name == "" || strings.ContainsAny(a.Name, " \t\n=#") || strings.Contains(a.Name, "..") || strings.HasPrefix(a.Name, "-") {
		return nil, &tasks.ArgError{Module: "sysctl", Arg: "name", Problem: fmt.Sprintf("cannot be %q", a.Name)}
	}
	if a.State == "present" {
		if a.Value == nil || strings.TrimSpace(*a.Value) == "" {
			return nil, &tasks.ArgError{Module: "sysctl", Arg: "value", Problem: "is required for state: present"}
		}
		if strings.Contains(strings.TrimSpace(*a.Value), "\n") {
			return nil, &tasks.ArgError{Module: "sysctl", Arg: "value", Problem: "has more than one line"}
		}
	}
	e, err := files.NewEdit("sysctl", files.EditArgs{Path: a.SysctlFile}, true, l)
	if err != nil {
		return nil, err
	}
	s := &sysctlAction{sysctlArgs: *a, file: e}
	e.Rewrite, e.InDirectory = s.rewrite, true
	return s, nil
})

type sysctlAction struct {
	sysctlArgs
	file *files.Edit
}

// wanted returns the value as the kernel takes it: yes and no are numbers there. Blanks within it stay as they are.
func (a *sysctlAction) wanted() string {
	if a.Value == nil {
		return ""
	}
	value := strings.TrimSpace(*a.Value)
	switch strings.ToLower(value) {
	case "yes", "y", "on", "true", "t":
		return "1"
	case "no", "n", "off", "false", "f":
		return "0"
	}
	return value
}

// procPath returns the setting's file: dots are slashes there and slashes dots, as in net.ipv4.conf.eth0/100.
func (a *sysctlAction) procPath() string {
	return "/proc/sys/" + strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, a.Name)
}

func (a *sysctlAction) Probe() string {
	return scripts.Script("sysctl", script.Values{"k": a.procPath()}) + a.file.Probe()
}

// rewrite writes the file as Ansible does: a change gives every setting the form NAME=VALUE, in the place where it stands first,
// with the value that it has there. What the file says last of a setting is what it is compared by.
func (a *sysctlAction) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	var out strings.Builder
	in, there := "", false
	seen := map[string]bool{}
	for _, line := range files.KeepLines(text) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, "=")
		if !ok || line[0] == '#' || line[0] == ';' {
			out.WriteString(line + "\n")
			continue
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if name == a.Name {
			in, there = value, true
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		switch {
		case name != a.Name:
			out.WriteString(name + "=" + value + "\n")
		case a.State == "present":
			out.WriteString(name + "=" + a.wanted() + "\n")
		}
	}
	switch {
	case a.State == "absent" && in == "", there && in == a.wanted():
		return text, "", nil, nil
	case a.State == "absent":
		return out.String(), "remove " + a.Name, nil, nil
	case !there:
		out.WriteString(a.Name + "=" + a.wanted() + "\n")
	}
	return out.String(), "set " + a.Name + " to " + a.wanted(), nil, nil
}

// proof looks whether the kernel took the value. It may show another than was written: 0x64 is 100 there, and some are
// rounded, so that a value that is neither what it was nor what was asked for is the kernel's way to write it.
func (a *sysctlAction) proof(found tasks.Found, before string, inFile func(tasks.Found) (tasks.Plan, error)) (tasks.Plan, error) {
	var said sysctlFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	plan := tasks.Plan{Values: map[string]any{}}
	if inFile != nil {
		var err error
		if plan, err = inFile(found); err != nil {
			return plan, err
		}
	}
	plan.Values["live"] = said.Live
	if said.Live == before && !sameNumbers(said.Live, a.wanted()) {
		plan.Change, plan.Msg = true, fmt.Sprintf("%s is still %s in the kernel", a.Name, said.Live)
	}
	return plan, nil
}

// sameNumbers compares lists of numbers, as C reads them: 0x64 and 0144 are 100.
func sameNumbers(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return slices.EqualFunc(x, y, func(a, b string) bool {
		n, err1 := strconv.ParseInt(a, 0, 64)
		m, err2 := strconv.ParseInt(b, 0, 64)
		return err1 == nil && err2 == nil && n == m
	})
}

// sysctlFound is the answer of the probe of a sysctlAction.
type sysctlFound struct {
	File  script.File `answer:"file,required"`
	Known bool        `answer:"known"`
	Live  string      `answer:"live"`
}

func (a *sysctlAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said sysctlFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if a.State == "absent" && !said.File.Exists() {
		return tasks.Plan{Values: map[string]any{"name": a.Name}}, nil
	}
	plan, err := a.file.Plan(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	live := said.Live
	plan.Values["name"], plan.Values["value"], plan.Values["live"] = a.Name, a.wanted(), live
	differs := a.State == "present" && !slices.Equal(strings.Fields(live), strings.Fields(a.wanted()))
	set := a.SysctlSet && differs
	if set && !said.Known && !a.IgnoreErrors {
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("the kernel has no setting %s", a.Name),
			Hint: "is the name right, and the kernel module that brings it loaded?",
		}
	}
	if !plan.Change && !set && !(a.Reload && differs) {
		return plan, nil
	}
	if !plan.Change {
		plan.Msg = fmt.Sprintf("set %s in the kernel from %s to %s", a.Name, live, a.wanted())
		plan.Script = script.Preamble
	}
	if inFile := plan.Proof; set && said.Known {
		plan.Proof = func(found tasks.Found) (tasks.Plan, error) { return a.proof(found, live, inFile) }
		plan.Script = script.Preamble + a.setLive() + plan.Script
	}
	if !plan.Change && !set || a.IgnoreErrors {
		// What may be refused without harm, or is left to sysctl, cannot be proven by looking again.
		plan.Proof = accepted(plan.Values)
	}
	plan.Change = true
	if differs {
		plan.Diff = append(plan.Diff, tasks.Diff{
			BeforeHeader: a.Name + " (kernel)",
			AfterHeader:  a.Name + " (kernel)",
			Before:       live + "\n",
			After:        a.wanted() + "\n",
		})
	}
	if a.Reload {
		plan.Script += scripts.Script("sysctl_reload", script.Values{"file": script.Path(a.SysctlFile), "lenient": a.IgnoreErrors})
	}
	return plan, nil
}

// setLive returns the script that sets the value in the kernel. It comes before the file is written, which stays as it is when
// the kernel refuses the value.
func (a *sysctlAction) setLive() string {
	text := "printf '%s\\n' " + remote.Quote(a.wanted()) + " > " + remote.Quote(a.procPath())
	if a.IgnoreErrors {
		return "{ " + text + "; } 2>/dev/null || :\n"
	}
	return text + " || die " + remote.Quote(fmt.Sprintf("the kernel refused %s for %s", a.wanted(), a.Name)) + "\n"
}
