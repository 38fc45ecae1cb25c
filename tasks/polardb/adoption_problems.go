package polardb

import (
	"cmp"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

// problems returns why the cluster is not taken over, by the names of hosts.
func (a *adoptionAction) problems(found adoptionFound, vars map[string]map[string]any) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, oneLineOf(fmt.Sprintf(format, args...), 1000)) }
	ours, theirs := []string{}, []string{}
	for _, name := range a.names {
		switch n := a.nodes[name]; {
		case n.Fault != "":
			add("%s: %s", name, n.Fault)
		case n.Ours && !n.Begun:
			ours = append(ours, name)
		case !n.Ours:
			theirs = append(theirs, name)
		}
	}
	if len(ours) > 0 && len(theirs) > 0 {
		add("%s: set up by polarbook, and %s is not: hosts of two clusters in one group?", strings.Join(ours, ", "), strings.Join(theirs, ", "))
	}
	if len(list) > 0 || len(theirs) == 0 {
		return list
	}
	for _, name := range theirs {
		for _, fault := range a.unfitNode(name) {
			add("%s: %s", name, fault)
		}
	}
	// In check mode, too, what differs between the hosts is said all at once.
	for what, of := range map[string]func(foundNode) string{
		"the account":                              func(n foundNode) string { return n.Account },
		"the engine's version":                     func(n foundNode) string { return n.Version },
		"the system identifier (two clusters?)":    func(n foundNode) string { return n.System },
		"TLS (ssl)":                                func(n foundNode) string { return cmp.Or(truth(n.setting("ssl")), "off") },
		"polar_dma_repl_user":                      func(n foundNode) string { return n.DMA["polar_dma_repl_user"] },
		"the consensus port's distance from ports": func(n foundNode) string { return cmp.Or(n.DMA["polar_dma_port_deviation"], "10000") },
	} {
		values := map[string][]string{}
		for _, name := range a.names {
			if n := a.nodes[name]; !n.Ours || n.Begun {
				values[of(n)] = append(values[of(n)], name)
			}
		}
		if len(values) > 1 {
			var parts []string
			for value, names := range values {
				parts = append(parts, fmt.Sprintf("%s on %s", cmp.Or(value, "(none)"), strings.Join(names, ", ")))
			}
			slices.Sort(parts)
			add("%s differs: %s", what, strings.Join(parts, "; "))
		}
	}
	for _, name := range a.names {
		if n := a.nodes[name]; !n.Ours && !slices.Equal(n.HBA, a.nodes[a.names[0]].HBA) && !a.nodes[a.names[0]].Ours {
			add("pg_hba.conf of %s and of %s differ: polarbook has one for all members; make them the same", a.names[0], name)
		}
	}
	list = append(list, a.memberProblems(found)...)
	list = append(list, a.askedProblems(found, vars)...)
	slices.Sort(list)
	return slices.Compact(list)
}

// unfitNode returns what is wrong with one node alone.
func (a *adoptionAction) unfitNode(name string) []string {
	n := a.nodes[name]
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	node := NodeArgs{Pgdata: n.Pgdata, Polardata: n.Data, Home: a.args.Home, Port: n.Port, Cluster: a.args.Cluster}
	if err := node.Check(); err != nil {
		add("%v", err)
	}
	if n.PID == 0 && !n.Begun {
		add("its server does not run: start it first")
	}
	if n.Link {
		add("PGDATA or POLARDATA is a symbolic link (%s, %s): set polardb_pgdata and polardb_polardata to the directories themselves (%s, %s), "+
			"and give the server those", n.Given, n.Datadir, n.Pgdata, n.Data)
	}
	if len(n.Stray) > 0 {
		add("its server was started with options that polarbook would lose: %s", strings.Join(n.Stray, " "))
	}
	if truth(n.DMA["polar_enable_dma"]) != "on" {
		add("polar_enable_dma is not on: it is no member of a cluster of three nodes")
	}
	if d := cmp.Or(n.DMA["polar_dma_port_deviation"], n.setting("polar_dma_port_deviation"), "10000"); d != "10000" {
		add("polar_dma_port_deviation is %s: polarbook knows 10000 only", d)
	}
	if a.args.Package == "" && slices.Contains([]string{"/", "/usr", "/usr/local", "/opt"}, path.Clean(n.Prefix)) {
		add("its engine lies in %s, among other programs: give polarbook the engine's package (polardb_package)", n.Prefix)
	}
	switch n.Password {
	case "other":
		add("the replication password (polardb_replication_password, or POLARDB_REPLICATION_PASSWORD) is not the one in its polar_dma.conf")
	case "not given":
		add("the replication password is not given: it stands in its polar_dma.conf; set POLARDB_REPLICATION_PASSWORD, or " +
			"polardb_replication_password")
	}
	if own, err := dma.ParseAddress(n.Own); n.Own != "" && err != nil {
		add("the members know it as %s: %v", n.Own, err)
	} else if n.Own == "" {
		add("its consensus meta does not say who it is")
	} else if own.Port != n.Port {
		add("it listens on port %d, and the members know it as %s", n.Port, n.Own)
	}
	says, _ := a.args.Says[name].(map[string]any)
	for key, is := range map[string]any{"polardb_user": n.Account, "polardb_pgdata": n.Pgdata, "polardb_polardata": n.Data,
		"polardb_port": n.Port} {
		text, err := convert.Text(says[key])
		if err != nil || text == fmt.Sprint(is) || text == map[string]string{"polardb_user": defaultAccount, "polardb_pgdata": defaultPgdata,
			"polardb_polardata": defaultPolardata, "polardb_port": fmt.Sprint(dma.DefaultPort)}[key] || says[key] == nil {
			continue
		}
		if key == "polardb_pgdata" && path.Clean(text) == path.Clean(n.Given) || key == "polardb_polardata" &&
			path.Clean(text) == path.Clean(n.Datadir) {
			add("%s is %s in the inventory, which leads to %v: write that", key, text, is)
			continue
		}
		add("%s is %s in the inventory, and %v on the host", key, text, is)
	}
	return list
}

// memberProblems compares the hosts with the members that the cluster knows.
func (a *adoptionAction) memberProblems(found adoptionFound) []string {
	var list []string
	byAddress := map[string]string{}
	for _, name := range a.names {
		own := a.nodes[name].Own
		if other := byAddress[own]; other != "" && own != "" {
			list = append(list, fmt.Sprintf("%s and %s both take themselves for the member %s", other, name, own))
		}
		byAddress[own] = name
	}
	members := map[string]string{} // with who lists it
	if found.noLeader == "" && found.leader.Node != "" {
		for _, row := range found.leader.Cluster {
			if m, err := dma.FromConsensus(row.IPPort); err == nil {
				members[m.String()] = found.leader.Node + ", which leads"
			}
		}
		for own, name := range byAddress {
			if members[own] == "" && !a.nodes[name].Ours {
				list = append(list, fmt.Sprintf("%s is %s, and %s, which leads, does not list it: two clusters, or a node that was dropped?", name,
					own, found.leader.Node))
			}
		}
	} else {
		for _, name := range a.names {
			metas, err := dma.ParseMembers(a.nodes[name].Members)
			if err != nil || metas.Self == 0 {
				continue
			}
			for _, e := range metas.Entries {
				if m, err := dma.FromConsensus(e.IPPort); err == nil {
					members[m.String()] = cmp.Or(members[m.String()], "the meta of "+name)
				}
			}
		}
	}
	for member, by := range members {
		if byAddress[member] == "" {
			list = append(list, fmt.Sprintf("%s is a member by %s, and no host of the group %s: put it into the inventory, or drop it first",
				member, by, a.args.Group))
		}
	}
	return list
}

// askedProblems returns what the servers' own answers speak against.
func (a *adoptionAction) askedProblems(found adoptionFound, vars map[string]map[string]any) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, oneLineOf(fmt.Sprintf(format, args...), 1000)) }
	if a.unfit != nil {
		add("the hosts' addresses: %v", a.unfit)
		return list
	}
	if refused := passwordRefused(found.survey, a.args.LoginUser); refused != nil {
		add("the nodes refuse the role %s, a superuser with the name of the account that runs the engine: set polardb_password "+
			"(by default POLARDB_REPLICATION_PASSWORD) to its password, or make it: CREATE ROLE %s SUPERUSER LOGIN PASSWORD "+
			"'…'", a.args.LoginUser, a.args.LoginUser)
		return list
	}
	begun := slices.ContainsFunc(a.names, func(name string) bool { return a.nodes[name].Begun })
	for _, name := range a.names {
		n := a.nodes[name]
		v, _ := found.survey.Of(name)
		switch {
		case n.Begun || n.Ours:
		case found.failed[name] != nil:
			add("%s: no answer: %v", name, found.failed[name])
		case v.NoViews && !n.Logger:
			add("%s: the consensus views are missing: CREATE EXTENSION polar_monitor in the database postgres, on the leader", name)
		}
		if _, refused := a.needs(name, found, vars[name]); len(refused) > 0 && !n.Ours {
			add("%s: %s", name, strings.Join(refused, "; "))
		}
	}
	if role, known := found.roles[a.args.LoginUser]; known && !role.super {
		add("the role %s is no superuser", a.args.LoginUser)
	}
	if len(list) == 0 && found.noLeader != "" && !begun {
		add("no node leads: %s", found.noLeader)
	}
	return list
}

// outProblems refuses to begin what could not go on: after it every other playbook needs the inventory.
func (a *adoptionAction) outProblems(found adoptionFound, vars map[string]map[string]any, text string) []string {
	switch {
	case found.outFault != "":
		return []string{"inventory_out: " + found.outFault}
	case a.args.Out != "" && found.there && string(found.before) != text && !a.args.Overwrite:
		return []string{a.args.Out + " is there already and holds something else: name another file, or give -e inventory_overwrite=yes"}
	case a.args.Out != "":
		return nil
	}
	for _, name := range a.names {
		says, _ := a.args.Says[name].(map[string]any)
		for key, value := range vars[name] {
			if have, known := says[key]; !known || !sameVariable(have, value) {
				return []string{fmt.Sprintf("the inventory does not say yet how %s is set up (%s): have it written with -e inventory_out=FILE", name,
					key)}
			}
		}
	}
	return nil
}

// sameVariable compares a variable of the inventory with what is to stand there; numbers and texts alike are the same.
func sameVariable(have, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok || len(h) != len(w) {
			return false
		}
		for key := range w {
			if !sameVariable(h[key], w[key]) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		return ok && slices.EqualFunc(h, w, sameVariable)
	}
	a, errA := convert.Text(have)
	b, errB := convert.Text(want)
	return errA == nil && errB == nil && strings.EqualFold(a, b) || reflect.DeepEqual(have, want)
}
