package builtin

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSysctl(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		args := map[string]any{"name": "net.ipv4.ip_local_port_range", "value": "20000\t  50000",
			"sysctl_file": "/etc/sysctl.d/90-polardb.conf", "sysctl_set": true}
		taskstest.MustFail(t, h, "sysctl", args, l, "/etc/sysctl.d, where 90-polardb.conf is to be, does not exist")
		if err := os.Mkdir(h.Etc+"/sysctl.d", 0o755); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "sysctl", args, l)
		if got := h.EtcFile(t, "sysctl.d/90-polardb.conf"); got != "net.ipv4.ip_local_port_range=20000\t  50000\n" {
			t.Errorf("%q", got)
		}
		taskstest.MustNotChange(t, h, "sysctl", args, l)
		args["value"], args["reload"] = "20001 50000", false
		plan, _ := taskstest.MustChange(t, h, "sysctl", args, l)
		if len(plan.Diff) != 2 {
			t.Errorf("%+v", plan.Diff)
		}
		taskstest.MustChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "value": true,
			"sysctl_file": "/etc/sysctl.d/90-polardb.conf"}, l)
		taskstest.MustChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "state": "absent",
			"sysctl_file": "/etc/sysctl.d/90-polardb.conf"}, l)
		taskstest.MustNotChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "state": "absent", "sysctl_file": "/etc/none"}, l)
		taskstest.MustFail(t, h, "sysctl", map[string]any{"name": "net.ipv4.no_such", "value": 1, "sysctl_set": true}, l,
			"no setting net.ipv4.no_such")
		taskstest.MustFail(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "value": "many", "sysctl_set": true,
			"reload": false}, l, "refused many")
		taskstest.MustChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.no_such", "value": 1, "sysctl_set": true, "ignoreerrors": true}, l)
	})
}
