package polardb

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
)

// table shows what is there and what would become of it.
func (a *adoptionAction) table(found adoptionFound, vars map[string]map[string]any) string {
	rows := [][]string{{"HOST", "WHAT", "IS", "BECOMES"}}
	add := func(host, what, is, becomes string) {
		if is != "" || becomes != "" {
			rows = append(rows, []string{host, what, shown(is), shown(becomes)})
		}
	}
	for _, name := range a.names {
		n := a.nodes[name]
		switch {
		case n.Fault != "":
			add(name, "server", n.Fault, "refused")
			continue
		case n.Ours:
			add(name, "node", "polarbook's already", "as it is")
			continue
		case n.Begun:
			add(name, "node", "begun to be taken over", "taken over to the end")
		}
		role := "member " + cmp.Or(n.Own, "(not known)")
		if v, asked := found.survey.Of(name); asked && v.Err == nil && !v.NoViews {
			role += ", " + v.Status.Role.String()
		} else if err := found.failed[name]; err != nil {
			role += ", no answer"
		}
		add(name, "server", fmt.Sprintf("%s, %s", n.Version, role), "the same data, nothing is moved")
		add(name, "account", n.Account, "the same")
		add(name, "PGDATA", n.Pgdata+told(n.Given, n.Pgdata), "the same")
		add(name, "POLARDATA", n.Data+told(n.Datadir, n.Data), "the same")
		if a.args.Package == "" {
			add(name, "engine", n.Prefix, "a copy in "+a.args.Home+", from the next start on")
		} else {
			add(name, "engine", n.Prefix, a.args.Package+" in "+a.args.Home+", from the next start on")
		}
		add(name, "started by", startedBy(n), "polardb-"+a.args.Cluster+".service")
		if own, err := dma.ParseAddress(n.Own); err == nil {
			is, appname := n.DMA["polar_dma_repl_appname"], ""
			if appname, err = own.AppName(); err == nil && is != appname {
				add(name, "application name", cmp.Or(is, "(none)"), appname)
			}
		}
		v := vars[name]
		if s, _ := v["polardb_settings"].(map[string]any); len(s) > 0 {
			add(name, "settings", strings.Join(slices.Sorted(maps.Keys(s)), " "), "kept, in polardb_settings")
		}
		if len(n.Included) > 0 {
			add(name, "included files", strings.Join(n.Included, " "), "what they set is kept, they are not read any more")
		}
		if len(n.Auto) > 0 {
			add(name, "ALTER SYSTEM", strings.Join(n.Auto, " "), "stays in postgresql.auto.conf")
		}
		if s, _ := v["polardb_dma_settings"].(map[string]any); len(s) > 0 {
			add(name, "polar_dma.conf", strings.Join(slices.Sorted(maps.Keys(s)), " "), "kept, in polardb_dma_settings")
		}
		first, _ := v["polardb_hba_first"].([]any)
		after, _ := v["polardb_hba"].([]any)
		add(name, "pg_hba.conf", fmt.Sprintf("%d lines", len(first)+len(after)),
			fmt.Sprintf("kept in their order (%d in polardb_hba_first, %d in polardb_hba), the members' added", len(first), len(after)))
		if ssl := n.setting("ssl"); truth(ssl) == "on" {
			add(name, "TLS", cmp.Or(n.setting("ssl_cert_file"), "server.crt"), "kept as settings; polardb_tls would replace it")
		}
		restart, _ := a.needs(name, found, v)
		switch {
		case len(restart) > 0:
			add(name, "restart", "needed", "one node after the other: "+strings.Join(restart, " "))
		case n.UnitNow != "" && n.UnitNow != "polardb-"+a.args.Cluster+".service":
			add(name, "restart", "needed", "one node after the other: to leave "+n.UnitNow)
		case found.failed[name] == nil && n.PID != 0:
			add(name, "restart", "not needed", "the server runs on; the unit has it from its next start on")
		}
		for _, f := range n.Boot {
			add(name, "by hand", f+" starts the server at boot", "take that out yourself: polarbook does not change the file")
		}
	}
	return Columns(rows)
}

// shown returns what a host said for a table: bounded, on one line.
func shown(text string) string { return oneLineOf(text, 160) }

func oneLineOf(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-3]) + "..."
	}
	return text
}

func told(given, real string) string {
	if given = strings.TrimRight(given, "/"); given == real || given == "" {
		return ""
	}
	return " (named " + given + ")"
}

func startedBy(n foundNode) string {
	var by []string
	if n.Unit != "" {
		by = append(by, n.Unit)
	}
	for _, u := range n.Units {
		if u != n.Unit {
			by = append(by, u+" at boot")
		}
	}
	for _, f := range n.Boot {
		by = append(by, f+" at boot")
	}
	if len(by) == 0 {
		return "by hand, nothing at boot"
	}
	return strings.Join(by, ", ")
}
