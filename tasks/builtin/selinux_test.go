package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSelinuxPlan(t *testing.T) {
	taskstest.TestPlan(t, "selinux", []taskstest.Case{
		{
			Name: "from permissive",
			Args: map[string]any{"state": "enforcing", "policy": "targeted"},
			Found: "now 0\nfile file 644 0 0 root root 39 1700000000 1 64768 12\nparent yes\n" +
				"encoded content\nU0VMSU5VWD1lbmZvcmNpbmcKU0VMSU5VWFRZUEU9dGFyZ2V0ZWQK\n.\n",
			Does: "change: make SELinux enforcing, which is permissive now",
		},
		{Name: "no policy", Args: map[string]any{"state": "enforcing"},
			Does: `fails: selinux: argument "policy" is required unless state is disabled`},
		{Name: "the host has none", Args: map[string]any{"state": "disabled"}, Found: "file absent\n", Does: "nothing: the host has no SELinux"},
		{Name: "cut off", Args: map[string]any{"state": "disabled"}, Found: "now 1\n",
			Does: `fails: the host's answer broke off: it has no "file"`},
	})
}

// A host without SELinux in its kernel keeps what the file says for the next boot.
func TestSelinuxFile(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Write(t, dir+"/config", "# why\nSELINUX=disabled\n", 0o644)
		l := &taskstest.FakeLocal{}
		args := map[string]any{"state": "permissive", "policy": "targeted", "configfile": dir + "/config"}
		if plan, _ := taskstest.MustChange(t, h, "selinux", args, l); plan.Values["reboot_required"] != true {
			t.Skip("SKIP: this machine has SELinux")
		}
		if got := taskstest.Read(t, dir+"/config"); got != "# why\nSELINUX=permissive\nSELINUXTYPE=targeted\n" {
			t.Errorf("%q", got)
		}
		taskstest.MustNotChange(t, h, "selinux", args, l)
	})
}
