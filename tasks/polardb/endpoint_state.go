package polardb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// wantedEndpoint is what the inventory says of a cluster's endpoint (polardb_endpoint), as far as status looks at it.
type wantedEndpoint struct {
	address string   // the virtual address; "": none
	proxies []string // the hosts that run HAProxy
	unit    string   // keepalived's; the names of the other units begin with it
}

func (s *statusArgs) wantedEndpoint() wantedEndpoint {
	w := wantedEndpoint{unit: "polardb-" + s.Cluster + "-endpoint"}
	w.address, _ = s.Endpoint["address"].(string)
	list, _ := s.Endpoint["haproxy"].([]any)
	for _, item := range list {
		if name, ok := item.(string); ok {
			w.proxies = append(w.proxies, name)
		}
	}
	return w
}

func (w wantedEndpoint) proxyUnit() string  { return w.unit + "-proxy" }
func (w wantedEndpoint) answerUnit() string { return w.unit + "-answer" }

// units returns those that a host is to have.
func (w wantedEndpoint) units(list []WantedNode, host string) []string {
	var all []string
	if n, err := NodeNamed(list, host); err == nil && n.Role != roleLogger {
		if w.address != "" {
			all = append(all, w.unit)
		}
		if len(w.proxies) > 0 {
			all = append(all, w.answerUnit())
		}
	}
	if slices.Contains(w.proxies, host) {
		all = append(all, w.proxyUnit())
	}
	return all
}

// endpointHost is what one host has of the endpoint.
type endpointHost struct {
	Units   []string `answer:"unit"`   // the name, and active, failed and so on, or absent
	Held    bool     `answer:"held"`   // it has the address
	Servers []string `answer:"server"` // the members that its HAProxy knows: name, and address with port
	name    string
	proxy   bool
	err     error // it was not to be asked
}

// state returns what the host says of a unit; "": nothing.
func (e endpointHost) state(unit string) string {
	for _, line := range e.Units {
		if name, state, _ := strings.Cut(line, " "); name == unit {
			return state
		}
	}
	return ""
}

// knows reports whether the host's HAProxy has a member as it is now.
func (e endpointHost) knows(n WantedNode) bool {
	return slices.Contains(e.Servers, n.Name+" "+n.Address.String())
}

// ask asks all hosts that are to have a part in the endpoint at once, each for at most lookLimit.
func (w wantedEndpoint) ask(ctx context.Context, h tasks.Host, list []WantedNode) []endpointHost {
	var names []string
	for _, n := range list {
		names = append(names, n.Name)
	}
	for _, name := range w.proxies {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	all := make([]endpointHost, 0, len(names))
	for _, name := range names {
		if len(w.units(list, name)) > 0 {
			all = append(all, endpointHost{name: name, proxy: slices.Contains(w.proxies, name)})
		}
	}
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, lookLimit)
			defer cancel()
			all[i].err = w.askHost(ctx, h, list, &all[i])
		})
	}
	wg.Wait()
	return all
}

func (w wantedEndpoint) askHost(ctx context.Context, h tasks.Host, list []WantedNode, e *endpointHost) error {
	host, err := h.Peer(ctx, e.name)
	if err != nil {
		return err
	}
	config := ""
	if e.proxy {
		config = "/etc/" + w.proxyUnit() + ".cfg"
	}
	look := scripts.Script("polardb_endpoint_state", script.Values{
		"UNITS": strings.Join(w.units(list, e.name), " "), "ADDRESS": w.address, "CONFIG": config,
	})
	answer, err := host.Shell().Run(ctx, remote.Command{Script: look})
	if err != nil {
		return err
	}
	return script.Decode(answer.Stdout, e)
}

// endpointState is what all hosts together say of the endpoint.
type endpointState struct {
	wanted wantedEndpoint
	hosts  []endpointHost
}

// holders are the hosts that have the address.
func (s endpointState) holders() []string {
	var all []string
	for _, e := range s.hosts {
		if e.Held {
			all = append(all, e.name)
		}
	}
	return all
}

// running are the hosts whose HAProxy runs.
func (s endpointState) running() []string {
	var all []string
	for _, e := range s.hosts {
		if e.state(s.wanted.proxyUnit()) == "active" {
			all = append(all, e.name)
		}
	}
	return all
}

// values are the state as status returns it.
func (s endpointState) values() map[string]any {
	hosts := []any{}
	for _, e := range s.hosts {
		units := map[string]any{}
		for _, line := range e.Units {
			name, state, _ := strings.Cut(line, " ")
			units[name] = state
		}
		m := map[string]any{"host": e.name, "answers": e.err == nil, "units": units, "holds": e.Held, "proxy": e.proxy}
		hosts = append(hosts, m)
	}
	return map[string]any{"address": s.wanted.address, "holders": convert.AnyTexts(s.holders()), "proxies": convert.AnyTexts(s.wanted.proxies),
		"running": convert.AnyTexts(s.running()), "hosts": hosts, "says": s.String()}
}

// String tells it in a line or two, for people.
func (s endpointState) String() string {
	var lines []string
	if s.wanted.address != "" {
		who := "no host has it"
		if holders := s.holders(); len(holders) > 0 {
			who = strings.Join(holders, " and ") + " has it"
			if len(holders) > 1 {
				who = strings.Join(holders, " and ") + " have it"
			}
		}
		lines = append(lines, s.wanted.address+": "+who)
	}
	if len(s.wanted.proxies) > 0 {
		running := s.running()
		lines = append(lines, fmt.Sprintf("HAProxy runs on %d of %d: %s", len(running), len(s.wanted.proxies), text(strings.Join(running, ", "))))
	}
	return strings.Join(lines, "\n")
}

// remarks returns what is worth a warning. leader is the node that leads; "": none does.
func (s endpointState) remarks(list []WantedNode, leader string) []string {
	const run = "polarbook run endpoint.yml"
	asked, absent := 0, 0
	for _, e := range s.hosts {
		for _, line := range e.Units {
			asked++
			if strings.HasSuffix(line, " absent") {
				absent++
			}
		}
	}
	if asked > 0 && absent == asked {
		return []string{"the inventory has an endpoint (polardb_endpoint), and no host that answers has a part in it: " + run}
	}
	var all []string
	for _, e := range s.hosts {
		if e.err != nil && e.proxy { // a member that does not answer is told of elsewhere
			all = append(all, fmt.Sprintf("%s: whether HAProxy runs there is not known: %v", e.name, e.err))
		}
		for _, line := range e.Units {
			switch unit, state, _ := strings.Cut(line, " "); state {
			case "active":
			case "absent":
				all = append(all, fmt.Sprintf("%s has no unit %s, as others do: %s", e.name, unit, run))
			default:
				all = append(all, fmt.Sprintf("%s: the unit %s does not run (%s): systemctl start %[2]s there; journalctl -u %[2]s says why",
					e.name, unit, state))
			}
		}
		all = append(all, s.unknown(list, e)...)
	}
	if s.wanted.address == "" {
		return all
	}
	switch holders := s.holders(); {
	case len(holders) > 1:
		all = append(all, fmt.Sprintf("%s have the endpoint's address %s at the same time: clients may reach the wrong one: journalctl -u %s "+
			"there",
			strings.Join(holders, " and "), s.wanted.address, s.wanted.unit))
	case len(holders) == 0 && leader != "" && s.answered(leader):
		all = append(all, fmt.Sprintf("no host has the endpoint's address %s, though %s leads: journalctl -u %s there", s.wanted.address,
			leader, s.wanted.unit))
	case len(holders) == 1 && leader != "" && holders[0] != leader:
		all = append(all, fmt.Sprintf("%s has the endpoint's address %s, and %s leads; if that lasts: journalctl -u %s on both",
			holders[0], s.wanted.address, leader, s.wanted.unit))
	}
	return all
}

func (s endpointState) answered(host string) bool {
	return slices.ContainsFunc(s.hosts, func(e endpointHost) bool { return e.name == host && e.err == nil })
}

// unknown tells which members a host's HAProxy does not have as they are: were one of them to lead, it would lead clients nowhere.
func (s endpointState) unknown(list []WantedNode, e endpointHost) []string {
	var lacks []string
	for _, n := range list {
		if n.Role != roleLogger && n.Role != roleLearner && !e.knows(n) {
			lacks = append(lacks, n.Name+" ("+n.Address.String()+")")
		}
	}
	if len(e.Servers) == 0 || len(lacks) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the HAProxy of %s does not know %s: polarbook run endpoint.yml", e.name, strings.Join(lacks, " and "))}
}
