package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

type inventoryCmd struct {
	Group string `arg:"" optional:"" default:"all" complete:"group" help:"With --graph: begin with this group."`
	hostOptions
	List   bool   `help:"Print all groups and the variables of all hosts."`
	Host   string `placeholder:"NAME" complete:"host" help:"Print the variables of this host."`
	Graph  bool   `help:"Print groups and hosts as a tree."`
	Vars   bool   `help:"With --graph: print variables too."`
	YAML   bool   `name:"yaml" short:"y" help:"Print YAML, not JSON."`
	TOML   bool   `name:"toml" hidden:""`
	Export bool   `help:"With --list: print variables where they are defined, so that it can be read again as an inventory."`
	Output string `placeholder:"FILE" help:"With --list: write to this file."`

	Verbose    int  `short:"v" type:"counter" hidden:"" help:"Accepted: there is no more to show."`
	FlushCache bool `name:"flush-cache" hidden:"" help:"Accepted: polarbook keeps no inventory from one run to the next."`

	PlaybookDir string `name:"playbook-dir" placeholder:"DIR" help:"Read group_vars and host_vars of this directory as well."`

	w     *workplace
	limit map[string]bool // the hosts that are shown
	more  []string        // directories with variables of groups and of hosts themselves
}

func (c *inventoryCmd) Run(t *terminal, _ runContext) error {
	chosen := 0
	for _, on := range []bool{c.List, c.Host != "", c.Graph} {
		if on {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return errors.New("name one of --list, --host NAME and --graph")
	case c.TOML:
		return errors.New("--toml is not implemented by polarbook: print JSON, or YAML with --yaml")
	}
	var err error
	if c.Output, err = c.ownFile(c.Output); err != nil {
		return err
	}
	if c.w, err = c.prepare(t); err != nil {
		return err
	}
	// Ansible takes the working directory for the playbook's.
	if err := c.w.inv.AddPlaybookDir(cmp.Or(c.PlaybookDir, ".")); err != nil {
		return err
	}
	if c.PlaybookDir != "" {
		c.more = []string{c.PlaybookDir}
	}
	hosts := c.w.inv.Hosts()
	if c.Limit != "" {
		if hosts, err = c.w.inv.Limit(hosts, c.Limit); err != nil {
			return err
		}
	}
	c.limit = map[string]bool{}
	for _, h := range hosts {
		c.limit[h.Name] = true
	}
	text := ""
	switch {
	case c.Graph:
		text, err = c.graph()
	case c.Host != "":
		text, err = c.host()
	case c.YAML:
		text, err = c.yamlList()
	default:
		text, err = c.jsonList(hosts)
	}
	if err != nil {
		return err
	}
	if c.Output != "" && c.List {
		return os.WriteFile(c.Output, []byte(text), 0o600)
	}
	_, err = fmt.Fprintln(t.out, strings.TrimSuffix(text, "\n"))
	return err
}

// internalVars are what Ansible gives every host, which is not shown.
var internalVars = []string{
	"inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short", "groups", "group_names", "omit",
	"playbook_dir", "ansible_facts", "ansible_version",
}

// vars are the variables of a host as they are shown: all that it has, or with --export its own.
func (c *inventoryCmd) vars(name string) (*ordered.Map, error) {
	h, ok := c.w.inv.Host(name)
	if !ok {
		return nil, fmt.Errorf("the inventory has no host %q", name)
	}
	if c.Export {
		vars, err := c.w.inv.OwnVars(h, c.more...)
		return c.shown(vars), err
	}
	inv, err := c.w.inv.Vars(h)
	if err != nil {
		return nil, err
	}
	var l inventory.Layers
	l = l.Merging(c.w.merges()).With(inventory.InventoryVars, inv).With(inventory.ExtraVars, ordered.Sorted(c.w.vars))
	return c.shown(l.Merge()), nil
}

func (c *inventoryCmd) shown(vars *ordered.Map) *ordered.Map {
	vars = vars.Clone()
	for _, name := range internalVars {
		vars.Delete(name)
	}
	return vars
}

func (c *inventoryCmd) host() (string, error) {
	hosts, err := c.w.inv.Select(c.Host)
	if err != nil {
		return "", err
	}
	if len(hosts) != 1 {
		return "", errors.New("--host wants the name of one host")
	}
	vars, err := c.vars(hosts[0].Name)
	if err != nil {
		return "", err
	}
	return c.dump(vars)
}

func (c *inventoryCmd) jsonList(hosts []*inventory.Host) (string, error) {
	out := ordered.New(0)
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		g, err := c.w.inv.Group(name, c.more...)
		if err != nil {
			return err
		}
		group := ordered.New(3)
		if names := c.limited(g.Hosts); name != "all" && len(names) > 0 {
			group.Set("hosts", names)
		}
		var children []any
		for _, child := range g.Children {
			children = append(children, child)
			if !seen[child] {
				seen[child] = true
				if err := add(child); err != nil {
					return err
				}
			}
		}
		if len(children) > 0 {
			group.Set("children", children)
		}
		if vars := c.shown(g.Vars); c.Export && vars.Len() > 0 {
			group.Set("vars", vars)
		}
		if group.Len() > 0 {
			out.Set(name, group)
		}
		return nil
	}
	if err := add("all"); err != nil {
		return "", err
	}
	hostvars := ordered.New(len(hosts))
	for _, h := range hosts {
		vars, err := c.vars(h.Name)
		if err != nil {
			return "", err
		}
		if vars.Len() > 0 {
			hostvars.Set(h.Name, vars)
		}
	}
	out.Set("_meta", ordered.Of("hostvars", hostvars, "profile", "inventory_legacy"))
	return c.dump(out)
}

func (c *inventoryCmd) yamlList() (string, error) {
	seenHosts, seenGroups := map[string]bool{}, map[string]bool{}
	var format func(name string) (*ordered.Map, error)
	format = func(name string) (*ordered.Map, error) {
		g, err := c.w.inv.Group(name, c.more...)
		if err != nil {
			return nil, err
		}
		group, children, hosts := ordered.New(3), ordered.New(0), ordered.New(0)
		for _, child := range g.Children {
			if seenGroups[child] {
				children.Set(child, ordered.New(0))
				continue
			}
			below, err := format(child)
			if err != nil {
				return nil, err
			}
			children.Update(below)
			seenGroups[child] = true
		}
		if children.Len() > 0 {
			group.Set("children", children)
		}
		for _, h := range c.limited(g.Hosts) {
			name, _ := h.(string)
			vars := ordered.New(0)
			if !seenHosts[name] {
				seenHosts[name] = true
				if vars, err = c.vars(name); err != nil {
					return nil, err
				}
			}
			hosts.Set(name, vars)
		}
		if name != "all" && hosts.Len() > 0 {
			group.Set("hosts", hosts)
		}
		if vars := c.shown(g.Vars); c.Export && vars.Len() > 0 {
			group.Set("vars", vars)
		}
		if group.Len() == 0 {
			return ordered.New(0), nil
		}
		return ordered.Of(name, group), nil
	}
	all, err := format("all")
	if err != nil {
		return "", err
	}
	return c.dump(all)
}

// limited are those of a group's hosts that are shown.
func (c *inventoryCmd) limited(names []string) []any {
	var list []any
	for _, name := range names {
		if c.limit[name] {
			list = append(list, name)
		}
	}
	return list
}

func (c *inventoryCmd) graph() (string, error) {
	var lines []string
	line := func(text string, depth int) {
		if depth > 0 {
			text = strings.Repeat("  |", depth) + "--" + text
		}
		lines = append(lines, text)
	}
	show := func(vars *ordered.Map, depth int) error {
		names := vars.Keys()
		slices.Sort(names)
		for _, name := range names {
			text, err := c.render("{{ '{%s = %s}' | format(name, value) }}", ordered.Of("name", name, "value", vars.Value(name)))
			if err != nil {
				return err
			}
			line(text, depth)
		}
		return nil
	}
	var walk func(name string, depth int) error
	walk = func(name string, depth int) error {
		g, err := c.w.inv.Group(name, c.more...)
		if err != nil {
			return err
		}
		line("@"+name+":", depth)
		for _, child := range g.Children {
			if err := walk(child, depth+1); err != nil {
				return err
			}
		}
		for _, h := range g.Hosts {
			if name == "all" {
				break
			}
			line(h, depth+1)
			if c.Vars {
				vars, err := c.vars(h)
				if err == nil {
					err = show(vars, depth+2)
				}
				if err != nil {
					return err
				}
			}
		}
		if c.Vars {
			return show(c.shown(g.Vars), depth+1)
		}
		return nil
	}
	err := walk(c.Group, 0)
	return strings.Join(lines, "\n"), err
}

// dump writes a value as Python does: JSON with an indent of four, or YAML with one of two.
func (c *inventoryCmd) dump(value *ordered.Map) (string, error) {
	filter := "to_nice_json(ensure_ascii=false)"
	if c.YAML {
		filter = "to_nice_yaml(indent=2)"
	}
	return c.render("{{ value | "+filter+" }}", ordered.Of("value", value))
}

// render renders a template of ours over values that are shown as they are.
func (c *inventoryCmd) render(text string, values *ordered.Map) (string, error) {
	vars := map[string]any{}
	for name, x := range values.All() {
		vars[name] = templates.Unsafe{Value: x}
	}
	out, err := c.w.render.RenderValue(text, templates.Map(vars))
	if err != nil {
		return "", err
	}
	if u, ok := out.(templates.Unsafe); ok {
		out = u.Value
	}
	return fmt.Sprint(out), nil
}
