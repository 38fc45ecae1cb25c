package builtin

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSlurpOnHosts(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		taskstest.Write(t, dir+"/f", "it's\x00\xff\n", 0o600)
		plan := taskstest.MustNotChange(t, h, "slurp", map[string]any{"src": dir + "/f"}, l)
		got, _ := base64.StdEncoding.DecodeString(plan.Values["content"].(string))
		if string(got) != "it's\x00\xff\n" || plan.Values["encoding"] != "base64" || plan.Values["source"] != dir+"/f" {
			t.Errorf("%q %v", got, plan.Values)
		}
		taskstest.MustFail(t, h, "slurp", map[string]any{"src": dir + "/none"}, l, "/none does not exist")
		taskstest.MustFail(t, h, "slurp", map[string]any{"src": dir}, l, "cannot be read")
		taskstest.Write(t, dir+"/large", strings.Repeat("x", files.EditLimit+1), 0o600)
		taskstest.MustFail(t, h, "slurp", map[string]any{"src": dir + "/large"}, l, "bytes, and up to")
		asked, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "slurp", map[string]any{"src": dir + "/none"},
			&taskstest.FakeLocal{Checking: true}))
		if got := taskstest.Outcome(asked, err); got != "unknown: "+dir+"/none does not exist" {
			t.Error(got)
		}
	})
}
