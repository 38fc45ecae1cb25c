package polardb

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type polardbFirewallArgs struct {
	Port    int      `arg:"port,required" doc:"the node's client port; the consensus port is 10000 above it"`
	Address string   `arg:"address" doc:"the node's own address; rules go into firewalld's zone of its interface, or into the default zone"`
	Members []string `arg:"members" doc:"addresses or networks of the members, which may reach both ports"`
	Clients []string `arg:"clients" doc:"other networks that may reach the client port; empty: all"`
	Rules   string   `arg:"rules" default:"ports" choices:"ports port vrrp" doc:"ports: those for the two ports; port: those for port alone; vrrp: those by which members may send VRRP, which moves a virtual address, instead"`
	State   string   `arg:"state" default:"present" choices:"absent present" doc:"absent removes all these rules"`
}

var firewallModule = tasks.Define(tasks.Module{
	Name:    "polardb_firewall",
	Summary: "Let the members, and nobody else, reach a node's consensus port",
	Notes: []string{
		"Works with firewalld and ufw where they run; rules of nftables and iptables are left alone.",
		"Whoever reaches the consensus port can vote, so only the members may: any other rule that accepts just this port, " +
			"for everybody or from one source, is removed. The same goes for the client port when clients are named; " +
			"when none are, it is open to everybody and other rules for it stay.",
		"With rules=port the port is any, such as a proxy's: it is open to members and clients, or to everybody when neither are named, and " +
			"there is no consensus port.",
		"With rules=vrrp the rules for the two ports are left alone, and so are those that accept VRRP from others: somebody else may need them.",
		"Rules of another form (ranges of ports, services, with a priority, a log or an interface) are never touched.",
	},
	Returns: []tasks.Return{
		{Name: "firewall", Type: "str", Doc: "firewalld, ufw or none"},
		{Name: "added", Type: "list", Doc: "rules that were added"},
		{Name: "removed", Type: "list", Doc: "rules that were removed"},
	},
	Examples: "- polardb_firewall: {port: 5432, address: 10.0.0.1, members: [10.0.0.1, 10.0.0.2, 10.0.0.3], clients: [10.1.0.0/16]}\n",
}, func(a *polardbFirewallArgs, _ tasks.Local) (tasks.Action, error) {
	f := &polardbFirewall{args: a}
	highest := dma.MaxPort
	if a.Rules == "port" {
		highest = 65535
	}
	if a.Port < 1 || a.Port > highest {
		return nil, &tasks.ArgError{Module: "polardb_firewall", Arg: "port", Problem: fmt.Sprintf("must be between 1 and %d", highest)}
	}
	var err error
	if f.members, err = sources(a.Members); err != nil {
		return nil, &tasks.ArgError{Module: "polardb_firewall", Arg: "members", Problem: err.Error()}
	}
	if f.clients, err = sources(a.Clients); err != nil {
		return nil, &tasks.ArgError{Module: "polardb_firewall", Arg: "clients", Problem: err.Error()}
	}
	if _, err := netip.ParseAddr(a.Address); err != nil && a.Address != "" {
		return nil, &tasks.ArgError{Module: "polardb_firewall", Arg: "address", Problem: fmt.Sprintf("must be an IP address, not %q", a.Address)}
	}
	return f, nil
})

type polardbFirewall struct {
	args             *polardbFirewallArgs
	members, clients []string // as firewalls print them
}

// sources reads addresses and networks and returns them, once each, as firewalls print them: a network by its first address, a
// single address without its length.
func sources(texts []string) ([]string, error) {
	var list []string
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				return nil, fmt.Errorf("hold %q, which is neither an address nor a network such as 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		source := p.Masked().String()
		if p.IsSingleIP() {
			source = p.Addr().String()
		}
		if !slices.Contains(list, source) {
			list = append(list, source)
		}
	}
	return list, nil
}

// rule lets a source reach a TCP port, or send VRRP, which has no port; an empty source is everybody.
type rule struct {
	Source string
	Port   int // 0: VRRP
}

func (r rule) String() string {
	if r.Port == 0 {
		return "VRRP for " + r.Source
	}
	if r.Source == "" {
		return fmt.Sprintf("%d/tcp for everybody", r.Port)
	}
	return fmt.Sprintf("%d/tcp for %s", r.Port, r.Source)
}

// wanted returns the rules that there should be.
func (f *polardbFirewall) wanted() []rule {
	if f.args.State == "absent" {
		return nil
	}
	var list []rule
	if f.args.Rules == "vrrp" {
		for _, m := range f.members {
			list = append(list, rule{Source: m})
		}
		return list
	}
	if f.args.Rules == "ports" {
		for _, m := range f.members {
			list = append(list, rule{m, dma.ConsensusPort(f.args.Port)})
		}
	}
	if f.everybody() {
		return append(list, rule{"", f.args.Port})
	}
	for _, source := range slices.Concat(f.members, f.clients) {
		if r := (rule{source, f.args.Port}); !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

// everybody reports whether the client port is open to everybody.
func (f *polardbFirewall) everybody() bool {
	return len(f.clients) == 0 && (f.args.Rules == "ports" || len(f.members) == 0)
}

// surplus reports whether an existing rule has to be removed.
func (f *polardbFirewall) surplus(r rule) bool {
	if vrrp := f.args.Rules == "vrrp"; vrrp || r.Port == 0 {
		return vrrp && r.Port == 0 && f.args.State == "absent" && slices.Contains(f.members, r.Source)
	}
	switch {
	case r.Port == f.args.Port:
		// While everybody may reach the port, other rules for it do no harm, and somebody may want them later.
		if f.args.State != "absent" && f.everybody() {
			return false
		}
	case f.args.Rules != "ports" || r.Port != dma.ConsensusPort(f.args.Port):
		return false
	}
	return !slices.Contains(f.wanted(), r)
}

func (f *polardbFirewall) Probe() string {
	return scripts.Script("polardb_firewall", script.Values{"ADDRESS": f.args.Address})
}

// firewallFound is the answer of the probe. Ports and Rules begin with the word for where they hold: now or boot, in the zone of
// the node's address, or now-default or boot-default.
type firewallFound struct {
	Firewall string   `answer:"firewall"` // firewalld, ufw or none
	Zone     string   `answer:"zone"`
	Default  string   `answer:"default"`
	Ports    []string `answer:"ports"`
	Rules    []string `answer:"rule"`
	Tuples   []string `answer:"tuple"` // of ufw's rule files
}

// RichRule matches the rules that polarbook makes in firewalld; its groups are the source and the port.
var RichRule = regexp.MustCompile(`^rule family="ipv[46]" source address="([^"]+)" port port="(\d+)" protocol="tcp" accept$`)

func (f *polardbFirewall) Plan(found tasks.Found) (tasks.Plan, error) {
	var said firewallFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	c := firewallChange{script: script.Preamble}
	switch said.Firewall {
	case "firewalld":
		f.firewalld(said, &c)
	case "ufw":
		f.ufw(said, &c)
	default:
		values := map[string]any{"firewall": "none", "added": []any{}, "removed": []any{}}
		return tasks.Plan{Msg: "neither firewalld nor ufw runs", Values: values}, nil
	}
	values := map[string]any{"firewall": said.Firewall, "added": []any{}, "removed": []any{}}
	if len(c.added)+len(c.removed) == 0 {
		return tasks.Plan{Msg: "the firewall is as wanted", Values: values}, nil
	}
	var steps, before, after []string
	for _, r := range c.added {
		after = append(after, r.String())
	}
	for _, r := range c.removed {
		before = append(before, r.String())
	}
	if len(after) > 0 {
		steps = append(steps, "open "+strings.Join(after, ", "))
	}
	if len(before) > 0 {
		steps = append(steps, "close "+strings.Join(before, ", "))
	}
	// added and removed are about this change alone: planned again after it, there is nothing to do.
	return tasks.Plan{Change: true, Msg: strings.Join(steps, "; "), Script: c.script, Values: values,
		Made: map[string]any{"added": convert.AnyTexts(after), "removed": convert.AnyTexts(before)},
		Diff: []tasks.Diff{{BeforeHeader: "firewall", AfterHeader: "firewall", Before: ruleLines(before), After: ruleLines(after)}}}, nil
}

func ruleLines(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return strings.Join(texts, "\n") + "\n"
}

// firewallChange collects the change. A rule that is added both now and for the next start is listed once.
type firewallChange struct {
	script         string
	added, removed []rule
}

func (c *firewallChange) note(list *[]rule, r rule) {
	if !slices.Contains(*list, r) {
		*list = append(*list, r)
	}
}

// firewalld compares the rules that hold now, and those that hold from the next start on, in the zone of the node's address. It
// does so in the default zone too, because an earlier release opened both ports for everybody there.
func (f *polardbFirewall) firewalld(found firewallFound, c *firewallChange) {
	zone, standard := found.Zone, found.Default
	places := []struct {
		label, zone, permanent string
		own                    bool
	}{{"now-default", standard, "", zone == standard}, {"boot-default", standard, " --permanent", zone == standard}}
	if zone != standard {
		places = append(places, places[0], places[1])
		places[2].label, places[2].zone, places[2].own = "now", zone, true
		places[3].label, places[3].zone, places[3].own = "boot", zone, true
	}
	var open, shut string
	for _, p := range places {
		there := firewalldRules(found, p.label)
		var add, remove []string
		for _, r := range f.wanted() {
			if p.own && !slices.Contains(there, r) {
				add = append(add, "--add-"+firewalldOption(r))
				c.note(&c.added, r)
			}
		}
		for _, r := range there {
			// In a zone that is not the node's, only the rules of an earlier release are removed.
			if f.surplus(r) && (p.own || r.Source == "") || !p.own && f.args.Rules != "vrrp" && r == (rule{"", f.args.Port}) {
				remove = append(remove, "--remove-"+firewalldOption(r))
				c.note(&c.removed, r)
			}
		}
		for _, step := range []struct {
			to    *string
			words []string
		}{{&open, add}, {&shut, remove}} {
			// One call takes several rules, but only of one kind.
			for _, kind := range []string{"rich-rule=", "port="} {
				var words []string
				for _, w := range step.words {
					if strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(w, "--add-"), "--remove-"), kind) {
						words = append(words, w)
					}
				}
				if len(words) > 0 {
					*step.to += fmt.Sprintf("said=$(firewall-cmd%s --zone=%s %s 2>&1) || die \"firewalld refused: $said\"\n",
						p.permanent, remote.Quote(p.zone), script.Words(words))
				}
			}
		}
	}
	// The new rules come first, so that nobody who may connect is shut out in between.
	c.script += open + shut
}

func firewalldRules(found firewallFound, label string) []rule {
	var list []rule
	for _, line := range found.Ports {
		where, ports, _ := strings.Cut(line, " ")
		for _, p := range strings.Fields(ports) {
			number, isTCP := strings.CutSuffix(p, "/tcp")
			if n, err := strconv.Atoi(number); where == label && isTCP && err == nil {
				list = append(list, rule{"", n})
			}
		}
	}
	for _, line := range found.Rules {
		where, text, _ := strings.Cut(line, " ")
		if m := RichRule.FindStringSubmatch(text); where == label && m != nil {
			n, _ := strconv.Atoi(m[2])
			list = append(list, rule{m[1], n})
		} else if m := vrrpRule.FindStringSubmatch(text); where == label && m != nil {
			list = append(list, rule{Source: m[1]})
		}
	}
	return list
}

// vrrpRule matches the rules for VRRP that polarbook makes in firewalld; its group is the source.
var vrrpRule = regexp.MustCompile(`^rule family="ipv[46]" source address="([^"]+)" protocol value="vrrp" accept$`)

// firewalldOption returns port=5432/tcp, or rich-rule=… for a rule with a source.
func firewalldOption(r rule) string {
	if r.Source == "" {
		return fmt.Sprintf("port=%d/tcp", r.Port)
	}
	family := "ipv4"
	if strings.Contains(r.Source, ":") {
		family = "ipv6"
	}
	if r.Port == 0 {
		return fmt.Sprintf(`rich-rule=rule family="%s" source address="%s" protocol value="vrrp" accept`, family, r.Source)
	}
	return fmt.Sprintf(`rich-rule=rule family="%s" source address="%s" port port="%d" protocol="tcp" accept`, family, r.Source, r.Port)
}

func (f *polardbFirewall) ufw(found firewallFound, c *firewallChange) {
	var there []rule
	for _, line := range found.Tuples {
		line, _, _ = strings.Cut(line, " comment=")
		w := strings.Fields(line)
		// allow tcp 15432 0.0.0.0/0 any 10.0.0.1 in
		if len(w) == 7 && w[1] == "vrrp" && w[2] == "any" {
			w[1], w[2] = "tcp", "0"
		}
		if len(w) != 7 || w[0] != "allow" || w[1] != "tcp" || w[4] != "any" || w[6] != "in" || w[3] != "0.0.0.0/0" && w[3] != "::/0" {
			continue
		}
		port, err := strconv.Atoi(w[2])
		if err != nil {
			continue
		}
		r := rule{w[5], port}
		if r.Source == "0.0.0.0/0" || r.Source == "::/0" {
			r.Source = ""
		}
		if !slices.Contains(there, r) {
			there = append(there, r)
		}
	}
	command := func(verb string, r rule) string {
		from := r.Source
		if from == "" {
			from = "any"
		}
		if r.Port == 0 {
			return fmt.Sprintf("said=$(ufw %s proto vrrp from %s to any 2>&1) || die \"ufw refused: $said\"\n", verb, remote.Quote(from))
		}
		return fmt.Sprintf("said=$(ufw %s proto tcp from %s to any port %d 2>&1) || die \"ufw refused: $said\"\n",
			verb, remote.Quote(from), r.Port)
	}
	for _, r := range f.wanted() {
		if !slices.Contains(there, r) {
			c.note(&c.added, r)
			c.script += command("allow", r)
		}
	}
	for _, r := range there {
		if f.surplus(r) {
			c.note(&c.removed, r)
			c.script += command("delete allow", r)
		}
	}
}
