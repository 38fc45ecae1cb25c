package tasks

import "testing"

func TestSysctl(t *testing.T) {
	apart(t, func(t *testing.T, h *localHost) {
		l := &fakeLocal{}
		args := map[string]any{"name": "net.ipv4.ip_local_port_range", "value": "20000\t  50000", "sysctl_file": "/etc/sysctl.d/90-polardb.conf", "sysctl_set": true}
		mustChange(t, h, "sysctl", args, l)
		if got := h.etcFile(t, "sysctl.d/90-polardb.conf"); got != "net.ipv4.ip_local_port_range=20000 50000\n" {
			t.Errorf("%q", got)
		}
		mustNotChange(t, h, "sysctl", args, l)
		args["value"], args["reload"] = "20001 50000", false
		plan, _ := mustChange(t, h, "sysctl", args, l)
		if len(plan.Diff) != 2 {
			t.Errorf("%+v", plan.Diff)
		}
		mustChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "value": true, "sysctl_file": "/etc/sysctl.d/90-polardb.conf"}, l)
		mustChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "state": "absent", "sysctl_file": "/etc/sysctl.d/90-polardb.conf"}, l)
		mustNotChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "state": "absent", "sysctl_file": "/etc/none"}, l)
		mustFail(t, h, "sysctl", map[string]any{"name": "net.ipv4.no_such", "value": 1, "sysctl_set": true}, l, "no setting net.ipv4.no_such")
		mustFail(t, h, "sysctl", map[string]any{"name": "net.ipv4.ip_forward", "value": "many", "sysctl_set": true, "reload": false}, l, "refused many")
		mustChange(t, h, "sysctl", map[string]any{"name": "net.ipv4.no_such", "value": 1, "sysctl_set": true, "ignoreerrors": true}, l)
	})
}
