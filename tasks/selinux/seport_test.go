package selinux

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSeport(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir, l := managed(t, h)
		args := func(ports any, more ...any) map[string]any {
			all := map[string]any{"ports": ports, "proto": "tcp", "setype": "postgresql_port_t"}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		taskstest.MustNotChange(t, h, "seport", args("5432,9898"), l)
		taskstest.MustNotChange(t, h, "seport", args(8000, "state", "absent"), l)
		// Of another protocol it is another port, and a port within a range is one of its own.
		taskstest.MustChange(t, h, "seport", args([]any{5432, 5433, "20000-20010", 5433}), l)
		taskstest.MustNotChange(t, h, "seport", args([]any{"20000-20010", "5433"}), l)
		taskstest.MustChange(t, h, "seport", args(5432, "setype", "http_port_t", "reload", false), l)
		taskstest.MustNotChange(t, h, "seport", args(9898, "state", "absent", "local", true), l)
		taskstest.MustChange(t, h, "seport", args(5433, "state", "absent", "local", true), l)
		want := "port -a -t postgresql_port_t -r s0 -p tcp 5433\nport -a -t postgresql_port_t -r s0 -p tcp 20000-20010\n" +
			"port -N -m -t http_port_t -r s0 -p tcp 5432\nport -d -p tcp 5433\n"
		if got := ran(t, dir); got != want {
			t.Errorf("it ran\n%swant\n%s", got, want)
		}
	})
}

func TestSeportRefusals(t *testing.T) {
	taskstest.TestPlan(t, "seport", []taskstest.Case{
		{Name: "a name for a port", Args: map[string]any{"ports": "http", "proto": "tcp", "setype": "x_t"}, Does: `fails: seport: argument "ports" cannot have "http"`},
		{Name: "an option", Args: map[string]any{"ports": "-d", "proto": "tcp", "setype": "x_t"}, Does: `fails: seport: argument "ports" cannot have "-d"`},
		{Name: "no ports", Args: map[string]any{"ports": []any{}, "proto": "tcp", "setype": "x_t"}, Does: `fails: seport: argument "ports" is empty`},
		{Name: "an option for a type", Args: map[string]any{"ports": 1, "proto": "tcp", "setype": "-t"}, Does: `fails: seport: argument "setype" cannot be "-t"`},
	})
}
