package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/lint"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/templates"
)

// finders find the values of what has the tag complete. None of them runs a program, asks for a password or reaches a host.
var finders = map[string]func(p *typed, current string) []candidate{
	"playbook": func(_ *typed, current string) []candidate {
		return append(builtinPlaybooks(), playbookFiles(current)...)
	},
	"builtin": func(*typed, string) []candidate { return builtinPlaybooks() },
	"hosts":   (*typed).patterns,
	"host":    func(p *typed, _ string) []candidate { return p.names(true, false) },
	"group":   func(p *typed, _ string) []candidate { return p.names(false, true) },
	"node": func(p *typed, _ string) []candidate {
		return append([]candidate{{"leader", ""}, {"follower", "the one that is least behind"}}, p.nodes()...)
	},
	"cluster": (*typed).clusterNames,
	"vars":    (*typed).variables,
	"module": func(*typed, string) []candidate {
		var list []candidate
		for _, m := range all.All() {
			list = append(list, candidate{m.Name, m.Summary})
		}
		return list
	},
	"rule": func(*typed, string) []candidate {
		var list []candidate
		for _, r := range lint.Rules {
			list = append(list, candidate{r.ID, r.Summary})
		}
		return list
	},
}

func builtinPlaybooks() []candidate {
	infos, err := playbooks.List()
	if err != nil {
		return nil
	}
	var list []candidate
	for _, p := range infos {
		list = append(list, candidate{p.Name, p.Summary})
	}
	return list
}

// playbookFiles lists the files that hold plays, and directories.
func playbookFiles(current string) []candidate {
	return paths(current, func(path string) bool {
		ext := filepath.Ext(path)
		if ext != ".yml" && ext != ".yaml" {
			return false
		}
		const most = 1 << 20
		info, err := os.Stat(path)
		return err == nil && info.Size() <= most && holdsPlays(path)
	})
}

// inventory reads the inventory that the words before the cursor name, or the one that is here. Programs are not run.
func (p *typed) inventory() *inventory.Inventory {
	o := hostOptions{Inventory: p.given["inventory"]}
	set, err := o.readSettings(func(string) {})
	if err != nil {
		return nil
	}
	sources, err := o.sources(set)
	if err != nil || slices.ContainsFunc(sources, runsPrograms) {
		return nil
	}
	reading, err := inventoryOptions(set)
	if err != nil {
		return nil
	}
	reading.Expressions = expressions{templates.New(templates.Options{Env: os.LookupEnv})}
	inv, err := inventory.LoadWith(reading, sources)
	if err != nil {
		return nil
	}
	return inv
}

// runsPrograms reports whether a source of an inventory is a program, or a directory with one.
func runsPrograms(source string) bool {
	info, err := os.Stat(source)
	if err != nil {
		return false
	}
	if !info.IsDir() {
		return info.Mode().Perm()&0o111 != 0
	}
	entries, err := os.ReadDir(source)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return (e.Type().IsRegular() || e.Type()&os.ModeSymlink != 0) && runsPrograms(filepath.Join(source, e.Name()))
	})
}

func (p *typed) names(hosts, groups bool) []candidate {
	inv := p.inventory()
	if inv == nil {
		return nil
	}
	var list []candidate
	if hosts {
		for _, h := range inv.Hosts() {
			list = append(list, candidate{h.Name, "host"})
		}
	}
	if groups {
		for name, members := range inv.Groups() {
			list = append(list, candidate{name, "group of " + plural(len(members), "host")})
		}
		slices.SortFunc(list, func(a, b candidate) int { return strings.Compare(a.value, b.value) })
	}
	return list
}

// patterns completes the last part of a pattern: web:!no... is web:!node1.
func (p *typed) patterns(current string) []candidate {
	at := strings.LastIndexAny(current, ",:&!") + 1
	return suggestions{list: p.names(true, true)}.after(current[:at]).list
}

// nodes are the hosts that the built-in playbooks work on.
func (p *typed) nodes() []candidate {
	inv := p.inventory()
	if inv == nil {
		return nil
	}
	var list []candidate
	for _, name := range inv.Groups()[clustersGroup] {
		list = append(list, candidate{name, "node"})
	}
	return list
}

// clusterNames tells the clusters of the inventory apart.
func (p *typed) clusterNames(string) []candidate {
	inv := p.inventory()
	if inv == nil {
		return nil
	}
	w := &workplace{inv: inv, render: templates.New(templates.Options{})}
	set, err := w.clusters()
	if err != nil {
		return nil
	}
	var list []candidate
	for _, name := range set.names {
		list = append(list, candidate{name, plural(len(set.hosts[name]), "host")})
	}
	return list
}

// nodeVariables are those of the built-in playbooks that name nodes.
var nodeVariables = []string{"node", "to", "on", "lost"}

// variables completes -e: files after @, the names of nodes, and the names of the variables that the playbook takes.
func (p *typed) variables(current string) []candidate {
	if file, ok := strings.CutPrefix(current, "@"); ok {
		return suggestions{list: paths(file, func(string) bool { return true })}.after("@").list
	}
	name, value, given := strings.Cut(current, "=")
	if given {
		if !slices.Contains(nodeVariables, name) {
			return nil
		}
		at := strings.LastIndex(value, ",") + 1
		return suggestions{list: p.nodes()}.after(name + "=" + value[:at]).list
	}
	infos, err := playbooks.List()
	if err != nil {
		return nil
	}
	var list []candidate
	for _, book := range infos {
		if !slices.Contains(p.given["argument"], book.Name) {
			continue
		}
		for _, v := range book.Variables {
			list = append(list, candidate{v.Name + "=", v.Doc})
		}
	}
	return list
}
