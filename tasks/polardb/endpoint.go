package polardb

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type endpointArgs struct {
	Address   string   `arg:"address,required" doc:"the virtual address, IPv4, without a length: the interface's network counts"`
	Interface string   `arg:"interface" doc:"the interface that is to carry it; empty: the one that has member"`
	RouterID  int      `arg:"router_id" default:"0" doc:"the number by which VRRP tells virtual addresses of one network apart, 1 to 255; 0: the last part of the address"`
	Member    string   `arg:"member,required" doc:"the host's own address as a member"`
	Members   []string `arg:"members" doc:"the members' addresses"`
	Config    string   `arg:"config,required,path" doc:"keepalived's configuration for this address, by which is known that it was set up here before"`
	Home      string   `arg:"home" default:"/opt/polardb" doc:"where the engine is installed"`
	User      string   `arg:"user" default:"polardb" doc:"the account that runs the engine"`
}

var endpointModule = tasks.Define(tasks.Module{
	Name:    "polardb_endpoint",
	Summary: "Find out whether a host can carry the virtual address of a cluster",
	Notes: []string{
		"Changes nothing. Refused are an address that is a member's or in none of the interface's networks, an interface that is not there, " +
			"and an address that the host has already from somebody else.",
		"Whether another host answers for the address is told in answers: one that does may be a member that holds it.",
	},
	Returns: []tasks.Return{
		{Name: "interface", Type: "str", Doc: "the interface"},
		{Name: "router_id", Type: "int", Doc: "the number for VRRP"},
		{Name: "keepalived", Type: "str", Doc: "where keepalived is; empty: it is not installed"},
		{Name: "held", Type: "bool", Doc: "whether the host has the address now"},
		{Name: "answers", Type: "str", Doc: "the hardware address of another host that answers for it; empty: none does"},
	},
	Examples: `- polardb_endpoint:
    address: 10.0.0.100
    member: "{{ polardb_address }}"
    config: /etc/polardb-demo-endpoint.conf
`,
}, func(a *endpointArgs, _ tasks.Local) (tasks.Action, error) {
	wrong := func(arg, format string, args ...any) error {
		return &tasks.ArgError{Module: "polardb_endpoint", Arg: arg, Problem: fmt.Sprintf(format, args...)}
	}
	e := &endpointAction{args: a}
	var err error
	if e.address, err = netip.ParseAddr(a.Address); err != nil || !e.address.Is4() {
		return nil, wrong("address", "must be an IPv4 address without a length, such as 10.0.0.100, not %q", a.Address)
	}
	if e.member, err = netip.ParseAddr(a.Member); err != nil || !e.member.Is4() {
		return nil, wrong("member", "must be an IPv4 address, not %q", a.Member)
	}
	if !e.address.IsGlobalUnicast() {
		return nil, wrong("address", "must be one that a host can have, and is %s", a.Address)
	}
	if e.address == e.member || slices.Contains(a.Members, a.Address) {
		return nil, wrong("address", "is %s, which is a member's own: the endpoint needs an address that no host has", a.Address)
	}
	if a.RouterID == 0 {
		last := e.address.As4()[3]
		if last == 0 {
			return nil, wrong("router_id", "must be given, from 1 to 255: the last part of %s is 0", a.Address)
		}
		a.RouterID = int(last)
	}
	if a.RouterID < 1 || a.RouterID > 255 {
		return nil, wrong("router_id", "must be from 1 to 255, not %d", a.RouterID)
	}
	if a.Interface != "" && !script.IsUnitName(a.Interface) {
		return nil, wrong("interface", "must be an interface's name, not %q", a.Interface)
	}
	return e, nil
})

type endpointAction struct {
	args            *endpointArgs
	address, member netip.Addr
}

func (e *endpointAction) Probe() string {
	a := e.args
	return scripts.Script("polardb_endpoint", script.Values{"ENDPOINT": e.address.String(), "CONFIG": a.Config,
		"OWNER": a.User, "BIN": a.Home + "/current/bin", "LIB": a.Home + "/current/lib"})
}

// endpointFound is the answer of the probe.
type endpointFound struct {
	IP         bool     `answer:"ip"`
	Keepalived string   `answer:"keepalived"`
	Configured bool     `answer:"configured"`
	Addresses  []string `answer:"address"` // interface, and address with the length of its network
	Held       bool     `answer:"held"`
	Answers    string   `answer:"answers"`
}

func (e *endpointAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said endpointFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	a := e.args
	switch {
	case !said.IP:
		return tasks.Plan{}, &tasks.Failure{Msg: "the host has no program ip, by which interfaces are known",
			Hint: "install it (Debian: iproute2, Red Hat: iproute)"}
	case said.Held && !said.Configured:
		return tasks.Plan{}, &tasks.Failure{Msg: "the host has the address " + a.Address + " already, and polarbook did not give it to it",
			Hint: "take it away there, or choose another address (polardb_endpoint); nothing was changed"}
	}
	carrier, networks := e.carrier(said.Addresses)
	if carrier == "" && a.Interface == "" {
		return tasks.Plan{}, &tasks.Failure{Msg: "no interface of the host has the address " + a.Member,
			Hint: "name the one that is to carry " + a.Address + ": interface in polardb_endpoint; nothing was changed"}
	}
	if len(networks) == 0 {
		return tasks.Plan{}, &tasks.Failure{Msg: "the host has no interface " + a.Interface + " with an IPv4 address; it has " +
			strings.Join(interfaces(said.Addresses), ", "),
			Hint: "correct interface in polardb_endpoint, or leave it out; nothing was changed"}
	}
	if !slices.ContainsFunc(networks, func(n netip.Prefix) bool { return hasHost(n, e.address) }) {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is no host's address in a network of %s, which has %s", a.Address, carrier,
			prefixes(networks)),
			Hint: "choose an address of that network that no host has (polardb_endpoint); nothing was changed"}
	}
	msg := "the host can carry " + a.Address + " on " + carrier
	if said.Held {
		msg = "the host has " + a.Address + " on " + carrier
	}
	return tasks.Plan{Msg: msg, Values: map[string]any{"interface": carrier, "router_id": a.RouterID, "keepalived": said.Keepalived,
		"held": said.Held, "answers": said.Answers}}, nil
}

// carrier returns the interface that is to carry the address, with the networks that it has.
func (e *endpointAction) carrier(addresses []string) (name string, networks []netip.Prefix) {
	name = e.args.Interface
	for _, line := range addresses {
		on, text, _ := strings.Cut(line, " ")
		if p, err := netip.ParsePrefix(text); err == nil && name == "" && p.Addr() == e.member {
			name = on
		}
	}
	for _, line := range addresses {
		on, text, _ := strings.Cut(line, " ")
		// The virtual address itself is there with the length 32.
		if p, err := netip.ParsePrefix(text); err == nil && on == name && p.Addr() != e.address {
			networks = append(networks, p)
		}
	}
	return name, networks
}

// hasHost reports whether an address is a host's in a network: neither outside, nor the network's own, nor its broadcast address.
func hasHost(network netip.Prefix, a netip.Addr) bool {
	masked := network.Masked()
	if !masked.Contains(a) || masked.Bits() > 30 {
		return masked.Contains(a) && masked.Bits() == 31
	}
	next := a.Next()
	return a != masked.Addr() && masked.Contains(next)
}

func interfaces(addresses []string) []string {
	var all []string
	for _, line := range addresses {
		if on, _, _ := strings.Cut(line, " "); !slices.Contains(all, on) {
			all = append(all, on)
		}
	}
	return all
}

func prefixes(list []netip.Prefix) string {
	var all []string
	for _, p := range list {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}
