package builtin

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// networkFacts reads the interfaces from /sys and addresses and routes from ip, one line each.
func networkFacts(said *setupFound, facts map[string]any) {
	names, all4, all6 := []any{}, []any{}, []any{}
	interfaces := map[string]map[string]any{}
	for _, line := range said.Interfaces {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		mtu, _ := strconv.Atoi(f[1])
		i := map[string]any{"device": f[0], "mtu": mtu, "active": f[2] == "up" || f[2] == "unknown", "type": "ether"}
		if f[0] == "lo" {
			i["type"] = "loopback"
		}
		if len(f) > 3 && f[3] != "00:00:00:00:00:00" {
			i["macaddress"] = f[3]
		}
		interfaces[f[0]] = i
		names = append(names, f[0])
	}
	for _, line := range said.Addresses {
		// "2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\ …"
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "inet" && f[2] != "inet6" {
			continue
		}
		i := interfaces[strings.SplitN(f[1], "@", 2)[0]]
		// A peer's address comes between: "inet 10.1.1.1 peer 10.1.1.2/32".
		text := f[3]
		if len(f) > 5 && f[4] == "peer" && !strings.Contains(text, "/") {
			_, bits, _ := strings.Cut(f[5], "/")
			text += "/" + bits
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil || i == nil {
			continue
		}
		if f[2] == "inet6" {
			list, _ := i["ipv6"].([]any)
			i["ipv6"] = append(list, map[string]any{
				"address": prefix.Addr().String(),
				"prefix":  strconv.Itoa(prefix.Bits()),
				"scope":   word(f, "scope"),
			})
			if !prefix.Addr().IsLoopback() {
				all6 = append(all6, prefix.Addr().String())
			}
			continue
		}
		a := map[string]any{
			"address": prefix.Addr().String(), "prefix": strconv.Itoa(prefix.Bits()), "network": prefix.Masked().Addr().String(),
			"netmask": net.IP(net.CIDRMask(prefix.Bits(), 32)).String(), "broadcast": word(f, "brd"),
		}
		if _, first := i["ipv4"]; !first {
			i["ipv4"] = a
		} else {
			list, _ := i["ipv4_secondaries"].([]any)
			i["ipv4_secondaries"] = append(list, a)
		}
		if !prefix.Addr().IsLoopback() {
			all4 = append(all4, prefix.Addr().String())
		}
	}
	facts["interfaces"], facts["all_ipv4_addresses"], facts["all_ipv6_addresses"] = names, all4, all6
	for name, i := range interfaces {
		facts[strings.NewReplacer("-", "_", ".", "_", ":", "_").Replace(name)] = i
	}
	facts["default_ipv4"] = defaultRoute(said.Route4, interfaces, "ipv4")
	facts["default_ipv6"] = defaultRoute(said.Route6, interfaces, "ipv6")
}

// word returns what follows a keyword; empty when it is missing.
func word(fields []string, key string) string {
	for i, f := range fields {
		if f == key && i+1 < len(fields) {
			return fields[i+1]
		}
	}
	return ""
}

// defaultRoute describes the route of packets to all other networks, from "default via 10.0.0.254 dev eth0 src 10.0.0.1".
func defaultRoute(line string, interfaces map[string]map[string]any, family string) map[string]any {
	f := strings.Fields(line)
	name := word(f, "dev")
	i := interfaces[name]
	if i == nil {
		return map[string]any{}
	}
	route := map[string]any{"interface": name, "gateway": word(f, "via"), "mtu": i["mtu"], "type": i["type"]}
	if mac, ok := i["macaddress"]; ok {
		route["macaddress"] = mac
	}
	source := word(f, "src")
	candidates := []any{i["ipv4"]}
	if family == "ipv6" {
		candidates, _ = i["ipv6"].([]any)
	} else if more, ok := i["ipv4_secondaries"].([]any); ok {
		candidates = append(candidates, more...)
	}
	chosen := map[string]any{}
	for _, c := range candidates {
		a, ok := c.(map[string]any)
		if !ok || family == "ipv6" && a["scope"] != "global" {
			continue
		}
		if len(chosen) == 0 || a["address"] == source {
			chosen = a
		}
	}
	for name, value := range chosen {
		route[name] = value
	}
	return route
}
