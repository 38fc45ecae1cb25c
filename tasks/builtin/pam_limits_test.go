package builtin

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestPamLimits(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		file := dir + "/limits.d/x.conf"
		args := map[string]any{"domain": "*", "limit_type": "soft", "limit_item": "nofile", "value": 1024, "dest": file}
		taskstest.MustFail(t, h, "pam_limits", args, l, "limits.d, where x.conf is to be, does not exist")
		if err := os.Mkdir(dir+"/limits.d", 0o755); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "pam_limits", args, l)
		if got := taskstest.Read(t, file); got != "*\tsoft\tnofile\t1024\n" {
			t.Errorf("%q", got)
		}
		taskstest.MustNotChange(t, h, "pam_limits", args, l)
		args["value"], args["comment"] = 2048, "why"
		taskstest.MustChange(t, h, "pam_limits", args, l)
		if got := taskstest.Read(t, file); got != "*\tsoft\tnofile\t2048\t#why\n" {
			t.Errorf("%q", got)
		}
	})
}

func TestPamLimitsRefusals(t *testing.T) {
	taskstest.TestPlan(t, "pam_limits", []taskstest.Case{
		{
			Name: "no number",
			Args: map[string]any{"domain": "dba", "limit_type": "soft", "limit_item": "nofile", "value": "many"},
			Does: `fails: pam_limits: argument "value" must be a number`,
		},
		{
			Name: "a negative number",
			Args: map[string]any{"domain": "dba", "limit_type": "soft", "limit_item": "nofile", "value": -5},
			Does: `fails: pam_limits: argument "value" must be a number`,
		},
		{
			Name: "too nice",
			Args: map[string]any{"domain": "dba", "limit_type": "soft", "limit_item": "nice", "value": 20},
			Does: `fails: pam_limits: argument "value" must be a number from -20 to 19 for nice`,
		},
		{
			Name: "a comment for a domain",
			Args: map[string]any{"domain": "#", "limit_type": "soft", "limit_item": "nofile", "value": 1},
			Does: `fails: pam_limits: argument "domain" cannot be "#"`,
		},
		{
			Name: "both bounds",
			Args: map[string]any{"domain": "dba", "limit_type": "-", "limit_item": "nofile", "value": 1, "use_min": true, "use_max": true},
			Does: `fails: pam_limits: argument "use_max" and use_min exclude each other`,
		},
	})
}
