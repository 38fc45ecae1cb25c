package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/remote"
)

// A play that does everything on the control node connects to none of its hosts; one task for a host, and it is connected to first.
func TestAPlayThatStaysHereConnectsToNoHost(t *testing.T) {
	for tasks, connects := range map[string]bool{
		"- {meta: noop}\n    - {echo: x, delegate_to: localhost}\n    - {echo: x, connection: local}": false,
		"- {block: [{echo: x}], delegate_to: localhost}":                                              false,
		"- {echo: x, delegate_to: localhost}\n    - {echo: x}":                                        true,
		"- {echo: x, delegate_to: b}":                                                                 true,
		"- {echo: x, delegate_to: localhost}\n    - {include_tasks: \"{{ file }}\"}":                  true,
		"- {block: [{echo: x, delegate_to: \"{{ inventory_hostname }}\"}], delegate_to: localhost}":   true,
	} {
		b := newBench(t, "a", "b")
		asked := false
		b.o.Connect = func(_ context.Context, c remote.Config) (session.Connection, error) {
			asked = asked || c.Address != "localhost"
			return nil, errors.New("nobody answers")
		}
		_, _ = b.run("- hosts: a\n  gather_facts: false\n  tasks:\n    " + tasks + "\n")
		if asked != connects {
			t.Errorf("%s: connected %t", tasks, asked)
		}
	}
}
