package system

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// rebooting is a host that loses its connection when it is told to reboot, and cannot be reached a few times.
type rebooting struct {
	*taskstest.LocalHost
	here, stays bool
	gone        int   // how often it will not be reached
	end         error // what it says once it is back
	down        int   // how often it went down
	tests       int   // how often its test command fails
}

func (h *rebooting) Shell() tasks.Shell                 { return h }
func (h *rebooting) Here(context.Context) (bool, error) { return h.here, nil }

func (h *rebooting) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	lost := &remote.UnreachableError{Host: "node", Err: errors.New("connection lost")}
	switch {
	case strings.Contains(c.Script, "shutdown -r") || strings.Contains(c.Script, "turn off"):
		h.down++
		return remote.Result{}, lost
	case h.down > 0 && h.gone > 0:
		h.gone--
		return remote.Result{}, lost
	case h.down > 0 && h.end != nil:
		return remote.Result{}, h.end
	case c.Script == "which boot":
		if h.down > 0 && !h.stays {
			return remote.Result{Stdout: []byte("second\n")}, nil
		}
		return remote.Result{Stdout: []byte("first\n")}, nil
	case c.Script == "is it well" && h.tests > 0:
		h.tests--
		return remote.Result{Status: 1, Stderr: []byte("starting\n")}, nil
	case c.Script == "is it well":
		return remote.Result{}, nil
	}
	return h.LocalHost.Run(ctx, c)
}

func TestReboot(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, local *taskstest.LocalHost, dir string) {
		taskstest.MustWrite(t, dir+"/shutdown", "")
		do := func(h *rebooting, more map[string]any) (tasks.Plan, tasks.Result, error) {
			h.LocalHost = local
			args := map[string]any{"boot_time_command": "which boot", "test_command": "is it well", "search_paths": []any{"/no", dir}}
			for name, value := range more {
				args[name] = value
			}
			a := taskstest.NewAction(t, "reboot", args, &taskstest.FakeLocal{})
			taskstest.Work[*reboot](t, a).pause = time.Millisecond
			found, err := tasks.Find(context.Background(), h, a, tasks.Found{})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := a.Plan(found)
			if err != nil {
				return plan, tasks.Result{}, err
			}
			applier, ok := a.(tasks.Applier)
			if !ok {
				t.Fatal("it cannot be done")
			}
			r, err := applier.Apply(context.Background(), h, plan)
			return plan, r, err
		}
		h := &rebooting{gone: 3, tests: 2}
		plan, r, err := do(h, nil)
		if err != nil || !plan.Change || r.Values["rebooted"] != true || h.down != 1 || h.gone+h.tests != 0 {
			t.Errorf("%+v %+v %+v %v", h, plan, r, err)
		}
		if _, _, err = do(&rebooting{gone: 1}, map[string]any{"reboot_command": "/sbin/turn off now"}); err != nil {
			t.Error(err)
		}
		fails := func(h *rebooting, more map[string]any, text string) {
			t.Helper()
			if _, _, err := do(h, more); err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("error %v, want one that says %q", err, text)
			}
		}
		fails(&rebooting{here: true}, nil, "the control node would be rebooted")
		fails(&rebooting{stays: true}, map[string]any{"reboot_timeout": 1}, "waited 1 seconds for the host to be back: it has not gone down yet")
		fails(&rebooting{tests: 1 << 30}, map[string]any{"reboot_timeout": 1}, "for its test command to succeed: exit status 1: starting")
		fails(&rebooting{}, map[string]any{"reboot_command": "nothing_such -x"}, "the program nothing_such is in none of /no, "+dir)
		fails(&rebooting{}, map[string]any{"reboot_command": "/bin/false now"}, "the host could not be rebooted")
		fails(&rebooting{}, map[string]any{"boot_time_command": "exit 3"}, "boot_time_command ended with exit status 3")
		// Another host that answers in its place is not waited for.
		fails(&rebooting{gone: 1, end: &remote.LockedError{Host: "node"}}, nil, "lock")
	})
}

func TestRebootRefusals(t *testing.T) {
	taskstest.TestPlan(t, "reboot", []taskstest.Case{
		{Name: "no time", Args: map[string]any{"reboot_timeout": 0}, Does: `fails: reboot: argument "reboot_timeout" has to be more than 0`},
		{Name: "two lines", Args: map[string]any{"msg": "a\nb"}, Does: `fails: reboot: argument "msg" has to be one line`},
		{Name: "no test", Args: map[string]any{"test_command": " "}, Does: `fails: reboot: argument "test_command" and boot_time_command cannot be empty`},
	})
}
