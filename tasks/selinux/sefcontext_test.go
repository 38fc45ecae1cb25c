package selinux

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSefcontext(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir, l := managed(t, h)
		args := func(target string, more ...any) map[string]any {
			all := map[string]any{"target": target}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		plan := taskstest.MustNotChange(t, h, "sefcontext", args("/srv/.*", "setype", "var_t"), l)
		if plan.Values["seuser"] != "system_u" || plan.Values["serange"] != "s0" || plan.Values["ftype"] != "a" {
			t.Errorf("it says %v", plan.Values)
		}
		taskstest.MustNotChange(t, h, "sefcontext", args("/srv/.*", "setype", "dir_t", "ftype", "d", "selevel", "s0:c1"), l)
		// The level stays where none is given, and an expression is no text that others begin with.
		taskstest.MustChange(t, h, "sefcontext", args("/srv/.*", "setype", "new_t", "ftype", "d"), l)
		taskstest.MustChange(t, h, "sefcontext", args("/srv/.", "setype", "x_t", "seuser", "staff_u"), l)
		taskstest.MustNotChange(t, h, "sefcontext", args("/srv/.", "setype", "x_t"), l)
		taskstest.MustChange(t, h, "sefcontext", args("/srv/.*/y", "setype", "<<none>>", "reload", false), l)
		taskstest.MustChange(t, h, "sefcontext", args("/srv/.", "state", "absent"), l)
		taskstest.MustNotChange(t, h, "sefcontext", args("/var/run", "substitute", "/run"), l)
		taskstest.MustChange(t, h, "sefcontext", args("/srv/c", "substitute", "/var/lib/c"), l)
		plan, _ = taskstest.MustChange(t, h, "sefcontext", args("/srv/c", "substitute", "/var/c"), l)
		if d := plan.Diff[0]; d.Before != "/srv/c = /var/lib/c\n" || d.After != "/srv/c = /var/c\n" {
			t.Errorf("the difference is %+v", d)
		}
		taskstest.MustNotChange(t, h, "sefcontext", args("/srv/c", "substitute", "/elsewhere", "state", "absent"), l)
		taskstest.MustNotChange(t, h, "sefcontext", args("/srv/c", "setype", "x_t", "state", "absent"), l)
		taskstest.MustChange(t, h, "sefcontext", args("/srv/c", "state", "absent"), l)
		want := "fcontext -m -f d -t new_t -s system_u -r s0:c1 /srv/.*\nfcontext -a -f a -t x_t -s staff_u -r s0 /srv/.\n" +
			"fcontext -N -a -f a -t <<none>> /srv/.*/y\nfcontext -d -f a /srv/.\nfcontext -a -e /var/lib/c /srv/c\n" +
			"fcontext -m -e /var/c /srv/c\nfcontext -d -e /var/c /srv/c\n"
		if got := ran(t, dir); got != want {
			t.Errorf("it ran\n%swant\n%s", got, want)
		}
	})
}

func TestSefcontextRefusals(t *testing.T) {
	taskstest.TestPlan(t, "sefcontext", []taskstest.Case{
		{Name: "nothing to set", Args: map[string]any{"target": "/x"}, Does: `fails: sefcontext: argument "setype" or substitute is required`},
		{Name: "both", Args: map[string]any{"target": "/x", "setype": "x_t", "substitute": "/y"},
			Does: `fails: sefcontext: argument "substitute" and setype exclude each other`},
		{Name: "a kind of files with a path", Args: map[string]any{"target": "/x", "ftype": "a", "substitute": "/y"},
			Does: `fails: sefcontext: argument "substitute" and ftype exclude each other`},
		{Name: "an option", Args: map[string]any{"target": "-D", "setype": "x_t"}, Does: `fails: sefcontext: argument "target" cannot be "-D"`},
		{Name: "two lines", Args: map[string]any{"target": "/x\n/y", "setype": "x_t"}, Does: `fails: sefcontext: argument "target" cannot be`},
		{Name: "a blank", Args: map[string]any{"target": "/x y", "setype": "x_t"}, Does: `fails: sefcontext: argument "target" and substitute cannot have blanks`},
		{Name: "no type", Args: map[string]any{"target": "/x", "setype": "x t"}, Does: `fails: sefcontext: argument "setype" cannot be "x t"`},
		{Name: "no level", Args: map[string]any{"target": "/x", "setype": "x_t", "selevel": "-r"}, Does: `fails: sefcontext: argument "selevel" cannot be "-r"`},
	})
}
