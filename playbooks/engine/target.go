package engine

import (
	"fmt"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// target is where a task runs: its own host or the one it is delegated to, with the variables that say how to reach it.
type target struct {
	h *host
	v *variables
}

// target returns where the task runs.
func (s *taskRun) target(v *variables) (target, error) {
	on, err := v.targetOf()
	if err != nil {
		return target{}, fmt.Errorf("delegate_to: %w", err)
	}
	return on, nil
}

// peer is another host of the inventory with its own variables.
func (p *playRun) peer(name string, sc *scope, origin *playbooks.Origin) (target, error) {
	h, ok := p.r.host(name)
	if !ok {
		return target{}, fmt.Errorf("the inventory has no host %q", name)
	}
	return p.targetOf(h, sc, origin)
}

func (p *playRun) targetOf(h *host, sc *scope, origin *playbooks.Origin) (target, error) {
	v, err := p.vars(h, sc, origin)
	if err != nil {
		return target{}, err
	}
	return target{h, v}, nil
}

// HostName is the host's in the inventory. With Text and Keyword a target is a session.Variables: what
// says how it is reached.
func (on target) HostName() string { return on.h.name }

// Text returns a variable, rendered.
func (on target) Text(name string) (string, bool, error) {
	x, ok := on.v.given(name)
	if !ok || x == nil {
		return "", false, nil
	}
	if inventory.SecretName(name) {
		on.v.noteSecret(name, x)
	}
	out, err := on.v.render(x)
	if err != nil {
		return "", false, err
	}
	return text(trusted(out)), true, nil
}

// Keyword returns a keyword of the task or play, rendered.
func (on target) Keyword(k session.Keyword) (string, bool, error) {
	x := on.v.sc.keyword(connectionKeywords[k])
	if k == session.Port {
		n, err := on.v.number(x, 0)
		return text(int(n)), n > 0, err
	}
	out, given, err := on.v.value(x)
	if err != nil || !given || out == nil {
		return "", false, err
	}
	return text(out), true, nil
}

var connectionKeywords = map[session.Keyword]func(*playbooks.Common) playbooks.Value{
	session.RemoteUser: remoteUser, session.Port: portOf, session.Become: becomeOf,
	session.ConnectBy: connection, session.BecomeUser: becomeUser, session.BecomeMethod: becomeMethod, session.BecomeFlags: becomeFlags,
}

// hostFor makes the host of a task, without connecting to it yet.
func (p *playRun) hostFor(d *moduleRun) (*session.Handle, error) {
	env, err := environment(d.v, d.s.sc)
	if err != nil {
		return nil, err
	}
	return p.handle(d.s, d.target, d.v.h, env, d.s.hidden(d.v))
}

// handle returns a task's handle of a target. told is the host for which progress is reported.
func (p *playRun) handle(s *taskRun, on target, told *host, env map[string]string, quiet bool) (*session.Handle, error) {
	peer := func(name string) (session.Variables, error) { return p.peer(name, s.sc, &s.t.Origin) }
	return p.r.sessions.Handle(on, session.Work{ID: s.id, Host: told.name, Env: env, Quiet: quiet, Peer: peer})
}

// environment has what all levels set, as Python prints it.
func environment(v *variables, sc *scope) (map[string]string, error) {
	var env map[string]string
	for _, x := range sc.environment() {
		out, _, err := v.value(x)
		if err != nil {
			return nil, fmt.Errorf("environment: %w", err)
		}
		dict, ok := out.(*ordered.Map)
		if !ok {
			if s := text(out); s == "" {
				continue
			}
			return nil, at(x.Pos, fmt.Errorf("environment has to be a dict, not %q", text(out)))
		}
		for name, value := range dict.All() {
			if env == nil {
				env = map[string]string{}
			}
			if value == templates.Omit {
				continue
			}
			env[name] = text(value)
			if value == nil {
				env[name] = convert.Repr(nil)
			}
		}
	}
	return env, nil
}
