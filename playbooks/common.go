package playbooks

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// common reads a keyword that all kinds of thing share. It reports whether the keyword is one.
func (l *loader) common(c *scope, e entry, into *Common) bool {
	f, n := c.file, e.value
	switch e.key {
	case "name":
		into.Name = l.text(f, e)
	case "vars":
		into.Vars = l.variables(f, e)
	case "when":
		defer l.perhaps(c.around)() // it is what is looked at first
		into.When = l.conditions(f, e)
	case "tags":
		into.Tags = l.tags(f, e)
	case "become":
		into.Become = l.boolean(f, e)
	case "become_user":
		into.BecomeUser = l.text(f, e)
	case "become_method":
		into.BecomeMethod = l.oneOf(f, e, tasks.BecomeMethods...)
	case "become_flags":
		into.BecomeFlags = l.text(f, e)
	case "remote_user":
		into.RemoteUser = l.text(f, e)
	case "port":
		into.Port = l.integer(f, e, 1, 65535)
	case "environment":
		into.Environment = l.environment(f, e)
	case "ignore_errors":
		into.IgnoreErrors = l.boolean(f, e)
	case "ignore_unreachable":
		into.IgnoreUnreachable = l.boolean(f, e)
	case "no_log":
		into.NoLog = l.boolean(f, e)
	case "run_once":
		into.RunOnce = l.boolean(f, e)
	case "check_mode":
		into.CheckMode = l.boolean(f, e)
	case "diff":
		into.Diff = l.boolean(f, e)
	case "any_errors_fatal":
		into.AnyErrorsFatal = l.boolean(f, e)
	case "throttle":
		into.Throttle = l.integer(f, e, 0, 1<<20)
	case "timeout":
		into.Timeout = l.integer(f, e, 0, 1<<30)
	case "delegate_to":
		into.DelegateTo = l.text(f, e)
	case "delegate_facts":
		into.DelegateFacts = l.boolean(f, e)
	case "module_defaults":
		into.ModuleDefaults = l.moduleDefaults(f, e)
	case "collections":
		into.Collections = l.collections(f, e)
	case "debugger":
		if s := l.word(f, e); s != "" && s != "never" {
			l.fail(f.at(n), 0, "polarbook run --start-at-task goes on from a task",
				"polarbook has no debugger of tasks: %q can only be never", "debugger")
		}
	case "connection":
		into.Connection = l.text(f, e)
		if s, ok := into.Connection.Raw.(string); ok && !isTemplate(s) && !slices.Contains(connections, s) {
			l.fail(f.at(n), 0, "leave it out, or use local for this machine",
				"the connection %q is not implemented by polarbook, which reaches hosts by SSH", s)
		}
	default:
		return false
	}
	return true
}

// connections are the names under which Ansible has SSH and the machine that it runs on.
var connections = []string{
	"ssh", "smart", "paramiko", "paramiko_ssh", "local", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh", "ansible.builtin.local",
	"ansible.legacy.ssh", "ansible.legacy.local",
}

// conditions are expressions of which all must hold.
func (l *loader) conditions(f *file, e entry) []Value {
	var list []Value
	for _, item := range items(e.value) {
		v := l.plain(f, item)
		switch raw := v.Raw.(type) {
		case bool:
		case string:
			l.expression(f, item)
		case int, float64:
			v.Raw = scalarText(raw)
		default:
			l.fail(f.at(item), 1, "", "%s has to be an expression or a list of expressions, not %s", e.key, describe(raw))
			continue
		}
		list = append(list, v)
	}
	return list
}

func (l *loader) tags(f *file, e entry) []string {
	var list []string
	for _, item := range items(e.value) {
		v := l.plain(f, item)
		switch v.Raw.(type) {
		case string, int:
		default:
			l.fail(f.at(item), 0, "", "a tag has to be a word, not %s", describe(v.Raw))
			continue
		}
		text := scalarText(v.Raw)
		if isTemplate(text) {
			l.templates(f, item) // the engine renders it with what the play knows without any host
			list = append(list, text)
			continue
		}
		for tag := range strings.SplitSeq(text, ",") {
			if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(list, tag) {
				list = append(list, tag)
			}
		}
	}
	return list
}

// environment is a dict, a template of one, or a list of such.
func (l *loader) environment(f *file, e entry) []Value {
	var list []Value
	for _, item := range items(e.value) {
		v := l.value(f, item)
		switch raw := v.Raw.(type) {
		case *ordered.Map:
		case string:
			if !isTemplate(raw) {
				l.fail(f.at(item), 0, "write NAME: value", "environment has to be a mapping, not %q", raw)
			}
		default:
			l.fail(f.at(item), 1, "write NAME: value", "environment has to be a mapping, not %s", describe(raw))
		}
		list = append(list, v)
	}
	return list
}

// collections are names of collections. Those that are not there find nothing, as in Ansible.
func (l *loader) collections(f *file, e entry) []string {
	var list []string
	for _, v := range l.texts(f, e) {
		s, _ := v.Raw.(string)
		if strings.Count(s, ".") != 1 {
			l.fail(v.Pos, 0, "write NAMESPACE.NAME", "%q is not the name of a collection", s)
			continue
		}
		list = append(list, s)
	}
	return list
}

// moduleDefaults are default arguments by module; later entries of a list win over earlier ones, as in Ansible.
func (l *loader) moduleDefaults(f *file, e entry) map[string]map[string]Value {
	all := map[string]map[string]Value{}
	for _, item := range items(e.value) {
		if item.Kind != yaml.MappingNode {
			l.fail(f.at(item), 0, "", "module_defaults has to be a mapping of modules to their arguments")
			continue
		}
		es := entries(item)
		slices.SortStableFunc(es, func(a, b entry) int { // a module's own defaults win over those of its groups
			return cmp.Compare(strings.Index(b.key, "group/"), strings.Index(a.key, "group/"))
		})
		for _, m := range es {
			if group, ok := strings.CutPrefix(m.key, "group/"); ok {
				l.groupDefaults(f, m, group, all)
				continue
			}
			module, ok := l.module(m.key)
			if !ok && l.ansibleHas(m.key) {
				continue // no task here can have that module
			}
			if !ok {
				_ = l.unknownModule(f, m.at, m.key)
				continue
			}
			if m.value.Kind != yaml.MappingNode {
				l.fail(f.at(m.value), 0, "", "the defaults of %s have to be a mapping of its arguments", m.key)
				continue
			}
			args := l.argsOf(f, module, m.value)
			_ = l.checkArgs(f, module, args, argumentCheck{defaults: true})
			if all[module.Name] == nil {
				all[module.Name] = map[string]Value{}
			}
			maps.Copy(all[module.Name], args.values)
		}
	}
	return all
}

// groupsElsewhere are the groups of modules that ansible-core and the collections which polarbook has modules of know, and of which
// it has no module; groupsHere those whose modules all have a name that begins so.
var (
	groupsElsewhere = []string{
		"acme", "aws", "azure", "cpm", "docker", "gcp", "k8s", "os", "ovirt", "vmware",
		"community.general.consul", "community.general.keycloak", "community.general.proxmox",
	}
	groupsHere = map[string]string{"community.postgresql.all": "postgresql_", "community.mysql.all": "mysql_"}
)

// groupDefaults gives each module of a group its default arguments. What one of them does not know is its own mistake, as in Ansible.
func (l *loader) groupDefaults(f *file, e entry, group string, into map[string]map[string]Value) {
	begin, here := groupsHere[group]
	name := strings.TrimPrefix(strings.TrimPrefix(group, "ansible.builtin."), "ansible.legacy.")
	switch {
	case !here && slices.Contains(groupsElsewhere, name):
		return
	case !here:
		l.fail(f.at(e.at), len([]rune(e.key)), "name the modules", "there is no group of modules %q here", group)
		return
	case e.value.Kind != yaml.MappingNode:
		l.fail(f.at(e.value), 0, "", "the defaults of %s have to be a mapping of arguments", e.key)
		return
	}
	for _, short := range l.moduleNames() {
		m, ok := l.Lookup(short)
		if !ok || !strings.HasPrefix(short, begin) {
			continue
		}
		if into[m.Name] == nil {
			into[m.Name] = map[string]Value{}
		}
		maps.Copy(into[m.Name], l.argsOf(f, m, e.value).values)
	}
}
