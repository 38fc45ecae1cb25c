package engine

import (
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/templates"
)

// address is ansible_host for a task where no variable says so: that of the host which the task runs on. It is for templates
// alone: who connects must know that nobody has named an address.
func (v *variables) address() (any, bool) {
	if v.p == nil || v.sc == nil || v.reaching {
		return nil, false
	}
	asking := *v
	asking.reaching = true
	at, err := asking.targetOf()
	if err != nil {
		return nil, false
	}
	for _, name := range []string{"ansible_ssh_host", "ansible_host"} {
		address, ok := at.v.given(name)
		if !ok {
			continue
		}
		address, err = at.v.render(address)
		return untrusted(address), err == nil
	}
	return at.h.name, true
}

// wayToHost is what a task finds of how its host is reached where no variable says so. As in Ansible hostvars and vars have none of it,
// and nothing is there for ansible_shell_type.
func (v *variables) wayToHost(name string) (any, bool) {
	if v.p == nil || v.sc == nil {
		return nil, false
	}
	switch name {
	case "ansible_timeout", "ansible_ssh_timeout":
		return int(v.r.o.SSH.ConnectTimeout / time.Second), true
	case "ansible_shell_executable":
		return "/bin/sh", true
	case "ansible_pipelining", "ansible_ssh_pipelining":
		return false, true
	}
	return nil, false
}

// delegatedVars is ansible_delegated_vars: the variables of the host that a task is delegated to, by its name.
type delegatedVars struct{ to target }

// Keys is the one name.
func (d delegatedVars) Keys() []string { return []string{d.to.h.name} }

// Get returns that host's variables.
func (d delegatedVars) Get(name string) (any, bool) {
	if name != d.to.h.name {
		return nil, false
	}
	return templates.Scope{Vars: d.to.v}, true
}

// delegated are ansible_delegated_vars, which a task without delegate_to does not have. As in Ansible inventory_hostname is the task's
// own, and what nothing says of the address, the port and the user is there all the same.
func (v *variables) delegated() (any, bool) {
	if v.p == nil || v.sc == nil || v.reaching || !v.sc.keyword(delegateTo).Given() {
		return nil, false
	}
	asking := *v
	asking.reaching = true
	to, err := asking.targetOf()
	if err != nil {
		return nil, false
	}
	of := *to.v
	of.reaching = false
	more := map[string]any{"inventory_hostname": v.h.name}
	by, _ := of.user()
	for name, otherwise := range map[string]any{"ansible_host": to.h.name, "ansible_port": nil, "ansible_user": by} {
		if _, given := of.given(name); !given {
			more[name] = otherwise
		}
	}
	to.v = of.with(more)
	return delegatedVars{to}, true
}

func (v *variables) targetOf() (target, error) {
	name, err := v.text(v.sc.keyword(delegateTo), "")
	if err != nil || name == "" || name == v.h.name {
		return target{v.h, v}, err
	}
	return v.p.targetOf(v.p.r.guest(name), v.sc, v.origin)
}

// user is ansible_user for a task where no variable says so: that of the host which it is delegated to, the keyword's, or that of the
// command line.
func (v *variables) user() (any, bool) {
	if v.p == nil || v.sc == nil {
		return nil, false
	}
	if !v.reaching && v.sc.keyword(delegateTo).Given() {
		asking := *v
		asking.reaching = true
		if at, err := asking.targetOf(); err == nil && at.h != v.h {
			for _, name := range []string{"ansible_ssh_user", "ansible_user"} {
				if by, ok := at.v.given(name); ok {
					by, err = at.v.render(by)
					return untrusted(by), err == nil
				}
			}
		}
	}
	if by := v.sc.keyword(remoteUser); by.Given() && by.Raw != nil {
		return by.Raw, true
	}
	by := v.p.r.o.Defaults.Keywords[session.RemoteUser]
	return by, by != ""
}
