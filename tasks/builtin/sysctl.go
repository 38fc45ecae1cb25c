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
	e.Rewrite = s.rewrite
	return s, nil
})

type sysctlAction struct {
	sysctlArgs
	file *files.Edit
}

// wanted returns the value as the kernel takes it: yes and no are numbers there.
func (a *sysctlAction) wanted() string {
	if a.Value == nil {
		return ""
	}
	value := strings.Join(strings.Fields(*a.Value), " ")
	switch strings.ToLower(value) {
	case "yes", "y", "on", "true":
		return "1"
	case "no", "n", "off", "false":
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

// rewrite sets the value at its last place in the file, and drops all others.
func (a *sysctlAction) rewrite(text string, exists bool) (string, string, map[string]any, error) {
	var out []string
	last := -1
	same := false
	for _, line := range files.KeepLines(text) {
		name, value, ok := strings.Cut(files.Bare(line), "=")
		name = strings.TrimPrefix(strings.TrimSpace(name), "-")
		if !ok || strings.HasPrefix(name, "#") || strings.HasPrefix(name, ";") || !sameSetting(name, a.Name) {
			out = append(out, line)
			continue
		}
		if last >= 0 {
			out = append(out[:last], out[last+1:]...)
		}
		last = len(out)
		out = append(out, line)
		same = strings.Join(strings.Fields(value), " ") == a.wanted()
	}
	switch {
	case a.State == "absent" && last < 0:
		return text, "", nil, nil
	case a.State == "absent":
		return strings.Join(append(out[:last], out[last+1:]...), ""), "remove " + a.Name, nil, nil
	case last >= 0 && same:
		return strings.Join(out, ""), "drop what was set twice", nil, nil
	}
	line := a.Name + "=" + a.wanted() + "\n"
	if last >= 0 {
		out[last] = line
	} else {
		if n := len(out); n > 0 && !strings.HasSuffix(out[n-1], "\n") {
			out[n-1] += "\n"
		}
		out = append(out, line)
	}
	return strings.Join(out, ""), "set " + a.Name + " to " + a.wanted(), nil, nil
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

// sameSetting compares names in either spelling: vm.swappiness and vm/swappiness.
func sameSetting(a, b string) bool {
	return a == b || strings.NewReplacer(".", "/", "/", ".").Replace(a) == b && strings.Contains(a, "/")
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
	reload := "if have sysctl; then sysctl -p " + string(script.Path(a.SysctlFile)) + " >/dev/null; fi"
	if a.IgnoreErrors {
		reload = "if have sysctl; then sysctl -e -p " + string(script.Path(a.SysctlFile)) + " >/dev/null 2>&1 || :; fi"
	}
	if plan.Change && a.Reload {
		plan.Script += reload + " || die \"the file was written, but the kernel did not take all of it: " +
			"a wrong name or value, or a container that may not set it (ignoreerrors goes on)\"\n"
	}
	if !a.SysctlSet || a.State != "present" || live == a.wanted() {
		return plan, nil
	}
	if !said.Known {
		if a.IgnoreErrors {
			return plan, nil
		}
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("the kernel has no setting %s", a.Name),
			Hint: "is the name right, and the kernel module that brings it loaded?",
		}
	}
	// What may be refused without harm cannot be proven by looking again.
	plan.Event = a.IgnoreErrors
	inFile := plan.Proof
	plan.Proof = func(found tasks.Found) (tasks.Plan, error) { return a.proof(found, live, inFile) }
	if !plan.Change {
		plan.Msg = fmt.Sprintf("set %s in the kernel from %s to %s", a.Name, live, a.wanted())
		plan.Script = script.Preamble
	}
	plan.Change = true
	plan.Diff = append(plan.Diff, tasks.Diff{
		BeforeHeader: a.Name + " (kernel)",
		AfterHeader:  a.Name + " (kernel)",
		Before:       live + "\n",
		After:        a.wanted() + "\n",
	})
	refused := fmt.Sprintf("the kernel refused %s for %s", a.wanted(), a.Name)
	plan.Script += "printf '%s\\n' " + remote.Quote(a.wanted()) + " > " + remote.Quote(a.procPath())
	if a.IgnoreErrors {
		plan.Script += " 2>/dev/null || :\n"
	} else {
		plan.Script += " || die " + remote.Quote(refused) + "\n"
	}
	return plan, nil
}
