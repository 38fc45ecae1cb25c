package builtin

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
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
		i := map[string]any{"device": f[0], "mtu": mtu, "active": f[2] != "down", "type": "unknown"}
		if len(f) > 3 && f[3] != "00:00:00:00:00:00" {
			i["macaddress"] = f[3]
		}
		interfaces[f[0]] = i
		names = append(names, f[0])
	}
	for _, line := range said.Links {
		name, rest, _ := strings.Cut(line, " ")
		about, value, _ := strings.Cut(rest, " ")
		if i := interfaces[name]; i != nil {
			linkFact(i, about, strings.TrimSpace(value))
		}
	}
	for _, line := range said.Addresses {
		// "2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\ …"
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "inet" && f[2] != "inet6" {
			continue
		}
		device := strings.SplitN(f[1], "@", 2)[0]
		i := interfaces[device]
		// Of "inet 10.1.1.1 peer 10.1.1.2/32" the prefix is the peer's.
		text := f[3]
		if len(f) > 5 && f[4] == "peer" && !strings.Contains(text, "/") {
			_, bits, _ := strings.Cut(f[5], "/")
			if f[2] == "inet" {
				bits = "32"
			}
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
		a, secondary := address4(f, prefix), slices.Contains(f, "secondary")
		label := labelOf(f, device)
		if interfaces[label] == nil { // Ansible takes a label of its own, such as eth0:1, for an interface of that name
			interfaces[label] = map[string]any{}
		}
		addAddress(interfaces[label], a, secondary)
		if secondary && label != device {
			addAddress(i, a, true)
		}
		if !strings.HasPrefix(prefix.Addr().String(), "127.") {
			all4 = append(all4, prefix.Addr().String())
		}
	}
	facts["interfaces"], facts["all_ipv4_addresses"], facts["all_ipv6_addresses"] = names, all4, all6
	for name, i := range interfaces {
		facts[strings.NewReplacer("-", "_", ":", "_").Replace(name)] = i
	}
	facts["default_ipv4"] = defaultRoute(said.Route4, interfaces, "ipv4")
	storageFacts(said, facts)
	facts["default_ipv6"] = defaultRoute(said.Route6, interfaces, "ipv6")
}

func address4(f []string, prefix netip.Prefix) map[string]any {
	return map[string]any{
		"address": prefix.Addr().String(), "prefix": strconv.Itoa(prefix.Bits()), "network": prefix.Masked().Addr().String(),
		"netmask": net.IP(net.CIDRMask(prefix.Bits(), 32)).String(), "broadcast": word(f, "brd"),
	}
}

// labelOf is the label of an address, the last word of what ip prints as its first line; where it prints none, the device.
func labelOf(f []string, device string) string {
	for _, w := range f {
		if label, ok := strings.CutSuffix(w, `\`); ok && label != "" {
			return label
		}
	}
	return device
}

// addAddress adds an address: the first one is ipv4, all others and those that the kernel calls secondary are ipv4_secondaries.
func addAddress(i, a map[string]any, secondary bool) {
	if _, there := i["ipv4"]; !there && !secondary {
		i["ipv4"] = a
		return
	}
	list, _ := i["ipv4_secondaries"].([]any)
	i["ipv4_secondaries"] = append(list, a)
}

// linkTypes are the kernel's numbers of what is at the other end (ARPHRD).
var linkTypes = map[string]string{"1": "ether", "32": "infiniband", "512": "ppp", "772": "loopback", "65534": "tunnel"}

// linkFact adds what a file of an interface in /sys says.
func linkFact(i map[string]any, about, value string) {
	first, _, _ := strings.Cut(value, " ")
	switch about {
	case "type":
		if kind := linkTypes[value]; kind != "" {
			i["type"] = kind
		}
	case "flags":
		bits, _ := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 64)
		i["promisc"] = bits&0x100 != 0
	case "speed":
		if n, err := strconv.Atoi(value); err == nil {
			i["speed"] = n
		}
	case "pciid", "module":
		i[about] = value
	case "bridge/bridge_id":
		i["type"], i["id"] = "bridge", value
		if i["interfaces"] == nil {
			i["interfaces"] = []any{}
		}
	case "bridge/stp_state":
		i["stp"] = value == "1"
	case "port":
		list, _ := i["interfaces"].([]any)
		i["interfaces"] = append(list, value)
	case "bonding/slaves":
		i["type"], i["slaves"] = "bonding", convert.AnyTexts(strings.Fields(value))
	case "bonding/mode", "bonding/miimon", "bonding/lacp_rate":
		i[strings.TrimPrefix(about, "bonding/")] = first
	case "bonding/primary":
		if value != "" {
			i["primary"] = value
		}
	case "bonding/all_slaves_active":
		if i["primary"] != nil {
			i["all_slaves_active"] = value == "1"
		}
	case "bonding_slave/perm_hwaddr":
		i["perm_macaddress"] = value
	}
}

// storageFacts are the names that a host has in storage networks.
func storageFacts(said *setupFound, facts map[string]any) {
	facts["hostnqn"], facts["iscsi_iqn"] = "", ""
	for _, line := range said.NVMe {
		if strings.HasPrefix(line, "nqn.") {
			facts["hostnqn"] = strings.TrimSpace(line)
			break
		}
	}
	for _, line := range said.ISCSI {
		if name, ok := strings.CutPrefix(line, "InitiatorName="); ok {
			facts["iscsi_iqn"] = strings.TrimSpace(name)
			break
		}
	}
	ports := []any{}
	for _, port := range said.FibreChannel {
		ports = append(ports, strings.TrimPrefix(strings.TrimSpace(port), "0x"))
	}
	facts["fibre_channel_wwn"] = ports
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
	maps.Copy(route, chosen)
	if family == "ipv4" && len(chosen) > 0 {
		route["alias"] = name
	}
	return route
}
