package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// The plans where firewalld or ufw runs are in testdata/polardb_firewall.
func TestFirewallPlan(t *testing.T) {
	members := []any{"10.0.0.1", "10.0.0.2"}
	taskstest.TestPlan(t, "polardb_firewall", []taskstest.Case{
		{Name: "no firewall", Args: map[string]any{"port": 5432, "members": members}, Found: "", Does: "nothing: neither firewalld nor ufw runs"},
		{Name: "ufw without rules", Args: map[string]any{"port": 5432, "members": members}, Found: "firewall=ufw\n",
			Does: "change: open 15432/tcp for 10.0.0.1, 15432/tcp for 10.0.0.2, 5432/tcp for everybody"},
		{Name: "one port alone, for members", Args: map[string]any{"rules": "port", "port": 60000, "members": members}, Found: "firewall ufw\ntuple allow tcp 60000 0.0.0.0/0 any 10.9.9.9 in\n",
			Does: "change: open 60000/tcp for 10.0.0.1, 60000/tcp for 10.0.0.2; close 60000/tcp for 10.9.9.9"},
		{Name: "one port alone, for everybody", Args: map[string]any{"rules": "port", "port": 6432}, Found: "firewall ufw\ntuple allow tcp 16432 0.0.0.0/0 any 10.9.9.9 in\n",
			Does: "change: open 6432/tcp for everybody"},
		{Name: "one port alone, for clients", Args: map[string]any{"rules": "port", "port": 6432, "clients": []any{"10.1.0.0/16"}},
			Found: "firewall ufw\ntuple allow tcp 6432 0.0.0.0/0 any 0.0.0.0/0 in\n",
			Does:  "change: open 6432/tcp for 10.1.0.0/16; close 6432/tcp for everybody"},
		{Name: "one port alone, closed", Args: map[string]any{"rules": "port", "port": 6432, "state": "absent"},
			Found: "firewall ufw\ntuple allow tcp 6432 0.0.0.0/0 any 10.0.0.1 in\ntuple allow tcp 16432 0.0.0.0/0 any 10.9.9.9 in\n",
			Does:  "change: close 6432/tcp for 10.0.0.1"},
		{Name: "a port too high", Args: map[string]any{"port": 60000}, Does: `fails: polardb_firewall: argument "port" must be between 1 and`},
		{Name: "a host name", Args: map[string]any{"port": 5432, "members": []any{"node1"}},
			Does: `fails: polardb_firewall: argument "members" hold "node1"`},
		{Name: "an address that is none", Args: map[string]any{"port": 5432, "address": "node1"},
			Does: `fails: polardb_firewall: argument "address" must be an IP address, not "node1"`},
	})
}

func TestFirewallSourcesAreWrittenAsFirewallsPrintThem(t *testing.T) {
	got, err := sources([]string{"10.0.0.5/8", "10.0.0.1", "10.0.0.1/32", "fd00::1", "10.1.2.3/8"})
	if want := "10.0.0.0/8 10.0.0.1 fd00::1"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
}
