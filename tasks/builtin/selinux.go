package builtin

import (
	"fmt"
	"maps"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type selinuxArgs struct {
	State      string `arg:"state,required" choices:"disabled enforcing permissive" doc:"Mode of SELinux, now and at the next boot."`
	Policy     string `arg:"policy" doc:"Policy, such as targeted; required unless state is disabled."`
	ConfigFile string `arg:"configfile,path" alias:"conf file" default:"/etc/selinux/config" doc:"Configuration file of SELinux."`
}

var selinuxModule = tasks.Define(tasks.Module{
	Name: "selinux", Collections: []string{"ansible.posix"},
	Summary: "Set SELinux's mode",
	Notes:   []string{"Changing to or from disabled takes a reboot: only the file is changed then, and reboot_required is true."},
	Returns: []tasks.Return{
		{Name: "state", Type: "str", Doc: "as asked for"},
		{Name: "policy", Type: "str", Doc: "as asked for"},
		{Name: "reboot_required", Type: "bool", Doc: "whether it takes a reboot"},
		{Name: "configfile", Type: "str", Doc: "the file"},
	},
	Without: map[string]string{
		"update_kernel_param": "change the kernel's parameters with a command: grubby --update-kernel=ALL --args=selinux=0",
	},
	Examples: `
- selinux: {state: permissive, policy: targeted}
`,
}, func(a *selinuxArgs, l tasks.Local) (tasks.Action, error) {
	if a.State != "disabled" && a.Policy == "" {
		return nil, &tasks.ArgError{Module: "selinux", Arg: "policy", Problem: "is required unless state is disabled"}
	}
	e, err := files.NewEdit("selinux", files.EditArgs{Path: a.ConfigFile}, false, l)
	if err != nil {
		return nil, err
	}
	s := &selinux{selinuxArgs: *a, file: e}
	e.Rewrite = s.rewrite
	return s, nil
})

type selinux struct {
	selinuxArgs
	file *files.Edit
}

func (s *selinux) Probe() string {
	return "if [ -e /sys/fs/selinux/enforce ]; then echo \"now $(cat /sys/fs/selinux/enforce)\"; fi\n" + s.file.Probe()
}

func (s *selinux) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	wanted := map[string]string{"SELINUX": s.State}
	if s.Policy != "" {
		wanted["SELINUXTYPE"] = s.Policy
	}
	lines := files.KeepLines(text)
	for i, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		if value, ok := wanted[name]; ok {
			lines[i] = name + "=" + value + "\n"
			delete(wanted, name)
		}
	}
	for _, name := range []string{"SELINUX", "SELINUXTYPE"} {
		if value, missing := wanted[name]; missing {
			lines = append(lines, name+"="+value+"\n")
		}
	}
	return strings.Join(lines, ""), "configure SELinux as " + s.State, nil, nil
}

func (s *selinux) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		File script.File `answer:"file,required"`
		Now  string      `answer:"now"` // of a kernel that has SELinux: 0 or 1
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if !said.File.Exists() && said.Now == "" && s.State == "disabled" {
		return tasks.Plan{Msg: "the host has no SELinux", Values: map[string]any{"state": s.State, "reboot_required": false}}, nil
	}
	plan, err := s.file.Plan(found)
	if err != nil || plan.Unknown != "" {
		return plan, err
	}
	now := map[string]string{"": "disabled", "0": "permissive", "1": "enforcing"}[said.Now]
	reboot := (now == "disabled") != (s.State == "disabled")
	maps.Copy(plan.Values, map[string]any{"state": s.State, "policy": s.Policy, "configfile": s.ConfigFile, "reboot_required": reboot})
	if now == s.State || reboot {
		return plan, nil
	}
	if !plan.Change {
		plan.Script = script.Preamble
	}
	plan.Change = true
	plan.Msg = fmt.Sprintf("make SELinux %s, which is %s now", s.State, now)
	plan.Diff = append(plan.Diff, tasks.Diff{BeforeHeader: "SELinux", AfterHeader: "SELinux", Before: now + "\n", After: s.State + "\n"})
	plan.Script += "setenforce " + map[string]string{"permissive": "0", "enforcing": "1"}[s.State] + " || exit 1\n"
	return plan, nil
}
