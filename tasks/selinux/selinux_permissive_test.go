package selinux

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSelinuxPermissive(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir, l := managed(t, h)
		args := func(domain string, permissive bool) map[string]any {
			return map[string]any{"name": domain, "permissive": permissive}
		}
		taskstest.MustNotChange(t, h, "selinux_permissive", args("ntpd_t", true), l)
		taskstest.MustNotChange(t, h, "selinux_permissive", args("ntp", false), l)
		taskstest.MustChange(t, h, "selinux_permissive", args("postgresql_t", true), l)
		taskstest.MustNotChange(t, h, "selinux_permissive", args("postgresql_t", true), l)
		more := args("postgresql_t", false)
		more["no_reload"], more["store"] = true, "targeted"
		taskstest.MustChange(t, h, "selinux_permissive", more, l)
		taskstest.MustNotChange(t, h, "selinux_permissive", more, l)
		if got, want := ran(t, dir), "permissive -a postgresql_t\npermissive -S targeted -N -d postgresql_t\n"; got != want {
			t.Errorf("it ran %q, want %q", got, want)
		}
		for _, bad := range []map[string]any{args("-a", true), args("", true), {"name": "x_t", "permissive": true, "store": "../x"}} {
			if _, err := taskstest.ModuleNamed(t, "selinux_permissive").New(bad, l); err == nil {
				t.Errorf("%v is taken", bad)
			}
		}
	})
}
