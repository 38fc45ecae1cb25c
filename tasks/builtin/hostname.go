package builtin

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type hostnameArgs struct {
	Name string `arg:"name,required" doc:"Name of the host."`
	Use  string `arg:"use" choices:"generic systemd debian redhat sles" doc:"Accepted for Ansible's sake: all keep the name in /etc/hostname."`
}

var hostnameModule = tasks.Define(tasks.Module{
	Name: "hostname", Collections: []string{"ansible.builtin"},
	Summary: "Set a host's name, now and for the next boot",
	Notes:   []string{"/etc/hosts is left alone."},
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "the name"},
		{Name: "ansible_facts", Type: "dict", Doc: "ansible_hostname, ansible_nodename, ansible_fqdn and ansible_domain as they are now"},
	},
	Examples: `
- hostname: {name: "{{ inventory_hostname }}"}
`,
}, func(a *hostnameArgs, _ tasks.Local) (tasks.Action, error) {
	if len(a.Name) > 64 || !validHostname.MatchString(a.Name) {
		return nil, &tasks.ArgError{
			Module:  "hostname",
			Arg:     "name",
			Problem: fmt.Sprintf("is %q: up to 64 letters, digits, - and . are a host's name", a.Name),
		}
	}
	for part := range strings.SplitSeq(a.Name, ".") {
		if len(part) > 63 {
			return nil, &tasks.ArgError{Module: "hostname", Arg: "name",
				Problem: fmt.Sprintf("is %q: between dots there are up to 63 letters", a.Name)}
		}
	}
	return &hostnameAction{*a}, nil
})

var validHostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$`)

type hostnameAction struct{ hostnameArgs }

func (a *hostnameAction) Probe() string {
	return scripts.Script("hostname_look", nil)
}

func (a *hostnameAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Now  string `answer:"now"`
		Boot string `answer:"boot"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	short, domain, _ := strings.Cut(a.Name, ".")
	values := map[string]any{"name": a.Name, "ansible_facts": map[string]any{
		"ansible_hostname": short, "ansible_nodename": a.Name, "ansible_fqdn": a.Name, "ansible_domain": domain,
	}}
	now, boot := said.Now, said.Boot
	if now == a.Name && boot == a.Name {
		return tasks.Plan{Values: values}, nil
	}
	text := scripts.Script("hostname", script.Values{"n": a.Name, "boot": boot != a.Name, "now": now != a.Name})
	return tasks.Plan{
		Change: true, Msg: fmt.Sprintf("name the host %s (it is %s, and %s at the next boot)", a.Name, now, boot), Values: values, Script: text,
		Diff: []tasks.Diff{{
			BeforeHeader: "hostname",
			AfterHeader:  "hostname",
			Before:       "now: " + now + "\nboot: " + boot + "\n",
			After:        "now: " + a.Name + "\nboot: " + a.Name + "\n",
		}},
	}, nil
}
