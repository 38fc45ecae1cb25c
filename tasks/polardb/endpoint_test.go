package polardb

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestEndpointPlan(t *testing.T) {
	args := func(more ...any) map[string]any {
		all := map[string]any{"address": "10.0.0.100", "member": "10.0.0.1", "members": []any{"10.0.0.1", "10.0.0.2"}, "config": "/etc/x.conf"}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	host := "ip yes\nkeepalived /usr/sbin/keepalived\naddress lo 127.0.0.1/8\naddress eth0 10.0.0.1/24\naddress eth1 192.0.2.1/30\n"
	taskstest.TestPlan(t, "polardb_endpoint", []taskstest.Case{
		{Name: "the interface of the member", Args: args(), Found: host, Does: "nothing: the host can carry 10.0.0.100 on eth0"},
		{Name: "an interface that is named", Args: args("interface", "eth1", "address", "192.0.2.2"), Found: host, Does: "nothing: the host can carry 192.0.2.2 on eth1"},
		{Name: "it holds the address", Args: args(), Found: host + "configured yes\naddress eth0 10.0.0.100/32\nheld yes\n", Does: "nothing: the host has 10.0.0.100 on eth0"},
		{Name: "somebody else gave it the address", Args: args(), Found: host + "held yes\n", Does: "fails: the host has the address 10.0.0.100 already"},
		{Name: "no ip", Args: args(), Found: "", Does: "fails: the host has no program ip"},
		{Name: "no interface of that name", Args: args("interface", "eth7"), Found: host, Does: "fails: the host has no interface eth7 with an IPv4 address; it has lo, eth0, eth1"},
		{Name: "the member's address is on none", Args: args("member", "10.0.0.9"), Found: host, Does: "fails: no interface of the host has the address 10.0.0.9"},
		{Name: "outside of the network", Args: args("address", "10.0.1.100"), Found: host, Does: "fails: 10.0.1.100 is no host's address in a network of eth0, which has 10.0.0.1/24"},
		{Name: "the broadcast address", Args: args("address", "10.0.0.255"), Found: host, Does: "fails: 10.0.0.255 is no host's address"},
		{Name: "the network's own address", Args: args("address", "192.0.2.0", "interface", "eth1", "router_id", 7), Found: host, Does: "fails: 192.0.2.0 is no host's address"},
		{Name: "an address with a length", Args: args("address", "10.0.0.100/24"), Does: `fails: polardb_endpoint: argument "address" must be an IPv4 address without a length`},
		{Name: "IPv6", Args: args("address", "fd00::1"), Does: `fails: polardb_endpoint: argument "address" must be an IPv4 address`},
		{Name: "a member's address", Args: args("address", "10.0.0.2"), Does: `fails: polardb_endpoint: argument "address" is 10.0.0.2, which is a member's own`},
		{Name: "an address that no host can have", Args: args("address", "224.0.0.18"), Does: `fails: polardb_endpoint: argument "address" must be one that a host can have`},
		{Name: "a router_id too high", Args: args("router_id", 256), Does: `fails: polardb_endpoint: argument "router_id" must be from 1 to 255`},
		{Name: "no router_id, and the address has none", Args: args("address", "10.0.0.0"), Does: `fails: polardb_endpoint: argument "router_id" must be given`},
		{Name: "an interface that is none", Args: args("interface", "eth0; reboot"), Does: `fails: polardb_endpoint: argument "interface" must be an interface's name`},
	})
}
