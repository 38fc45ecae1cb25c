package selinux

import (
	"fmt"
	"slices"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type sePermissiveArgs struct {
	Domain     string `arg:"domain,required" alias:"name" doc:"Domain, such as postgresql_t."`
	Permissive bool   `arg:"permissive,required" doc:"Whether what the domain may not do is only noted."`
	NoReload   bool   `arg:"no_reload" default:"false" doc:"Leave the kernel's policy as it is until the next boot."`
	Store      string `arg:"store" doc:"Store of the policy, such as targeted; that of the configuration by default."`
}

var sePermissiveModule = tasks.Define(tasks.Module{
	Name: "selinux_permissive", Collections: []string{"community.general"},
	Summary: "Make a domain of SELinux's policy permissive, or not",
	Notes: []string{
		"Needs semanage on the host: " + semanagePackage + ". A domain that the policy itself makes permissive stays so.",
	},
	Returns: []tasks.Return{
		{Name: "domain", Type: "str", Doc: "as given"}, {Name: "permissive", Type: "bool", Doc: "as asked for"},
		{Name: "store", Type: "str", Doc: "as given"},
	},
	Examples: `
- selinux_permissive: {domain: postgresql_t, permissive: true}
`,
}, func(a *sePermissiveArgs, l tasks.Local) (tasks.Action, error) {
	if !plainName.MatchString(a.Domain) {
		return nil, &tasks.ArgError{Module: "selinux_permissive", Arg: "domain", Problem: fmt.Sprintf("cannot be %q", a.Domain)}
	}
	if a.Store != "" && !plainName.MatchString(a.Store) {
		return nil, &tasks.ArgError{Module: "selinux_permissive", Arg: "store", Problem: fmt.Sprintf("cannot be %q", a.Store)}
	}
	return &sePermissive{*a, l.Check()}, nil
})

type sePermissive struct {
	sePermissiveArgs
	asking bool
}

func (s *sePermissive) Probe() string {
	return scripts.Script("permissive_look", script.Values{"store": s.Store})
}

func (s *sePermissive) Plan(found tasks.Found) (tasks.Plan, error) {
	var on host
	if err := found.Decode(&on); err != nil {
		return tasks.Plan{}, err
	}
	var said struct {
		Domains []string `answer:"domain"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	// As in Ansible, whether SELinux is on does not matter.
	if plan, ready, err := on.ready(s.asking, true, "semanage", semanagePackage); !ready {
		return plan, err
	}
	plan := tasks.Plan{Values: map[string]any{"domain": s.Domain, "permissive": s.Permissive, "store": s.Store}}
	if slices.Contains(said.Domains, s.Domain) == s.Permissive {
		return plan, nil
	}
	words := []string{"semanage", "permissive"}
	if s.Store != "" {
		words = append(words, "-S", s.Store)
	}
	if s.NoReload || !on.Enabled {
		words = append(words, "-N")
	}
	plan.Change, plan.Msg = true, "make the domain "+s.Domain+" permissive"
	verb := "-a"
	if !s.Permissive {
		plan.Msg, verb = "make the domain "+s.Domain+" enforcing", "-d"
	}
	plan.Script = script.Preamble + script.Words(append(words, verb, s.Domain)) + "\n"
	return plan, nil
}
