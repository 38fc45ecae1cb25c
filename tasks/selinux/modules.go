package selinux

import (
	"regexp"

	"github.com/polarbook/polarbook/tasks"
)

// Modules returns the modules of SELinux's policy. A module is a variable in the file of its name.
func Modules() []tasks.Module {
	return []tasks.Module{sebooleanModule, seportModule, sefcontextModule, sePermissiveModule}
}

// plainName is what names of the policy are made of: booleans, types, users and stores.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// levels is a level or range of levels, such as s0-s0:c0.c1023.
var levels = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:,-]*$`)

// host is what every probe of this package answers.
type host struct {
	Enabled bool `answer:"enabled"` // the kernel has SELinux on
	Tool    bool `answer:"tool"`    // the program that is needed is there
	Told    bool `answer:"told"`    // and answered to its end
}

// ready fails where nothing can be changed. may is false when nothing is to be done in a run that only asks.
func (h host) ready(asking, ignore bool, tool, pkg string) (tasks.Plan, bool, error) {
	switch {
	case !h.Enabled && !ignore:
		plan, err := tasks.NotYet(asking, "SELinux is disabled on this host",
			"leave the task out there, or set ignore_selinux_state to change the policy that is used once it is enabled")
		return plan, false, err
	case !h.Tool:
		plan, err := tasks.NotYet(asking, tool+" is not installed on this host", "install "+pkg+" first")
		return plan, false, err
	case !h.Told:
		return tasks.Plan{}, false, &tasks.Failure{Msg: tool + " could not read the policy",
			Hint: "the task needs become: true, and a policy on the host"}
	}
	return tasks.Plan{}, true, nil
}

const semanagePackage = "policycoreutils-python-utils (policycoreutils-python on RHEL 7)"
