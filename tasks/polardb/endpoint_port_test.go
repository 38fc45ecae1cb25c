package polardb

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestEndpointPortPlan(t *testing.T) {
	args := func(more ...any) map[string]any {
		all := map[string]any{"ports": []any{"6432", "6433"}, "unit": "polardb-demo-endpoint-proxy", "file": "/etc/x.cfg", "address": "10.0.0.9"}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	host := "program /usr/sbin/haproxy\nsystemd yes\nhere yes\n"
	taskstest.TestPlan(t, "polardb_endpoint_port", []taskstest.Case{
		{Name: "free ports", Args: args(), Found: host, Does: "nothing: the host can serve 6432, 6433"},
		{Name: "the unit serves them", Args: args(), Found: host + "configured yes\nown 6432\nown 6433\ntaken 6432\ntaken 6433\n", Does: "nothing: the host can serve 6432, 6433"},
		{Name: "not installed", Args: args(), Found: "systemd yes\nhere yes\n", Does: "nothing: the host can serve 6432, 6433"},
		{Name: "somebody listens", Args: args(), Found: host + "taken 6433\n", Does: "fails: somebody listens on port 6433 already"},
		{Name: "the unit serves one, and somebody listens on the other", Args: args(), Found: host + "configured yes\nown 6432\ntaken 6432\ntaken 6433\n",
			Does: "fails: somebody listens on port 6433 already"},
		{Name: "no systemd", Args: args(), Found: "here yes\n", Does: "fails: the host has no systemd"},
		{Name: "another's address", Args: args(), Found: "systemd yes\n", Does: "fails: 10.0.0.9 is not one of the host's own addresses"},
		{Name: "SELinux", Args: args(), Found: host + "confined yes\n", Does: "fails: SELinux lets HAProxy connect to a few ports alone"},
		{Name: "a low port", Args: args("ports", []any{"543"}), Does: `fails: polardb_endpoint_port: argument "ports" must be from 1024 to 65535, not "543"`},
		{Name: "no port", Args: args("ports", []any{"6432; reboot"}), Does: `fails: polardb_endpoint_port: argument "ports" must be from 1024 to 65535`},
		{Name: "one port twice", Args: args("ports", []any{"6432", "6432"}), Does: `fails: polardb_endpoint_port: argument "ports" hold 6432 twice`},
		{Name: "a name", Args: args("address", "proxy1"), Does: `fails: polardb_endpoint_port: argument "address" must be an IPv4 address`},
		{Name: "a unit that is none", Args: args("unit", "x; reboot"), Does: `fails: polardb_endpoint_port: argument "unit" must be the name of a unit`},
	})
}
