package polardb

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type endpointPortArgs struct {
	Ports   []string `arg:"ports,required" doc:"the ports that the unit is to serve"`
	Unit    string   `arg:"unit,required" doc:"the unit"`
	File    string   `arg:"file,required,path" doc:"HAProxy's configuration, or the unit's file, which names the ports that the unit serves already"`
	Program string   `arg:"program" default:"haproxy" choices:"haproxy systemd-socket-activate" doc:"what serves them"`
	Address string   `arg:"address,required" doc:"the host's own address: the one that it connects from, or listens on"`
}

var endpointPortModule = tasks.Define(tasks.Module{
	Name:    "polardb_endpoint_port",
	Summary: "Find out whether a host can serve ports of a cluster's endpoint",
	Notes: []string{
		"Changes nothing. Refused are a port that somebody else listens on, an address that the host does not have, and an SELinux that keeps " +
			"HAProxy from the server's port.",
	},
	Returns: []tasks.Return{
		{Name: "program", Type: "str", Doc: "where the program is; empty: it is not installed"},
		{Name: "serves", Type: "list", Doc: "the ports that the unit serves now"},
	},
	Examples: `- polardb_endpoint_port:
    ports: [6432, 6433]
    unit: polardb-demo-endpoint-proxy
    file: /etc/polardb-demo-endpoint-proxy.cfg
    address: "{{ polardb_address }}"
`,
}, func(a *endpointPortArgs, _ tasks.Local) (tasks.Action, error) {
	wrong := func(arg, format string, args ...any) error {
		return &tasks.ArgError{Module: "polardb_endpoint_port", Arg: arg, Problem: fmt.Sprintf(format, args...)}
	}
	for i, p := range a.Ports {
		if n, err := strconv.Atoi(p); err != nil || n < 1024 || n > 65535 || strconv.Itoa(n) != p {
			return nil, wrong("ports", "must be from 1024 to 65535, not %q: the unit runs as an account that may take no other", p)
		}
		if slices.Contains(a.Ports[:i], p) {
			return nil, wrong("ports", "hold %s twice", p)
		}
	}
	if address, err := netip.ParseAddr(a.Address); err != nil || !address.Is4() {
		return nil, wrong("address", "must be an IPv4 address, not %q: give the host polardb_address", a.Address)
	}
	if !script.IsUnitName(a.Unit) {
		return nil, wrong("unit", "must be the name of a unit, not %q", a.Unit)
	}
	return &endpointPortAction{a}, nil
})

type endpointPortAction struct{ args *endpointPortArgs }

func (e *endpointPortAction) Probe() string {
	a := e.args
	return scripts.Script("polardb_endpoint_port", script.Values{"PORTS": strings.Join(a.Ports, " "), "UNIT": a.Unit, "FILE": a.File,
		"PROGRAM": a.Program, "ADDRESS": a.Address})
}

// endpointPortFound is the answer of the probe.
type endpointPortFound struct {
	Program    string   `answer:"program"`
	Systemd    bool     `answer:"systemd"`
	Configured bool     `answer:"configured"`
	Taken      []string `answer:"taken"` // ports that somebody listens on
	Own        []string `answer:"own"`   // ports that the unit, which runs, serves
	Here       bool     `answer:"here"`
	Confined   bool     `answer:"confined"`
}

func (e *endpointPortAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said endpointPortFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	a := e.args
	if !said.Systemd {
		return tasks.Plan{}, &tasks.Failure{Msg: "the host has no systemd, which the endpoint's units need"}
	}
	serves := []any{}
	for _, p := range a.Ports {
		switch {
		case slices.Contains(said.Own, p):
			serves = append(serves, p)
		case slices.Contains(said.Taken, p):
			return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("somebody listens on port %s already (ss -ltnp 'sport = :%s' on the host says "+
				"who)", p, p),
				Hint: "choose another port in polardb_endpoint (port, readers_port, check_port); nothing was changed"}
		}
	}
	switch {
	case !said.Here:
		return tasks.Plan{}, &tasks.Failure{Msg: a.Address + " is not one of the host's own addresses",
			Hint: "give the host polardb_address, the address that members know it by; nothing was changed"}
	case said.Confined:
		return tasks.Plan{}, &tasks.Failure{Msg: "SELinux lets HAProxy connect to a few ports alone, and the server's is none of them",
			Hint: "setsebool -P haproxy_connect_any on; nothing was changed"}
	}
	msg := fmt.Sprintf("the host can serve %s", strings.Join(a.Ports, ", "))
	return tasks.Plan{Msg: msg, Values: map[string]any{"program": said.Program, "serves": serves}}, nil
}
