package playbooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks"
)

// variables is a mapping of variables whose names can be used in an expression.
func (l *loader) variables(f *file, e entry) map[string]Value {
	if isNull(e.value) {
		return nil
	}
	if e.value.Kind == yaml.SequenceNode && e.key == "vars" {
		l.warn(f.at(e.value), 1, "write one mapping", "ansible-core refuses vars as a list since 2.18; up to then they are put together")
		vars := map[string]Value{}
		for _, item := range items(e.value) {
			maps.Copy(vars, l.variables(f, entry{"each of the vars", e.at, item}))
		}
		return vars
	}
	if e.value.Kind != yaml.MappingNode {
		l.fail(f.at(e.value), 1, "write name: value", "%s has to be a mapping", e.key)
		return nil
	}
	defer l.perhaps(true)() // a value is rendered where it is used, if it is
	vars := map[string]Value{}
	for _, v := range entries(e.value) {
		l.variableName(f, v.at, v.key)
		l.define(f, v.at, v.key)
		if v.key == "ansible_become_method" {
			vars[v.key] = l.oneOf(f, v, tasks.BecomeMethods...)
			continue
		}
		vars[v.key] = l.variable(f, v.value)
	}
	return vars
}

// variableName checks a name as Ansible does: it has to be an identifier, and should not be one of the language's words.
func (l *loader) variableName(f *file, at *yaml.Node, name string) {
	width := len([]rune(name))
	if !identifier(name) {
		hint := "a name is made of letters, digits and underscores and does not begin with a digit"
		if slices.Contains(pythonWords, name) {
			hint = "it is a word of the language of expressions"
		}
		if better := strings.ReplaceAll(name, "-", "_"); identifier(better) {
			hint = fmt.Sprintf("did you mean %q?", better)
		}
		l.fail(f.at(at), width, hint, "%q cannot be the name of a variable", name)
		return
	}
	if _, reserved := keywords[name]; reserved || slices.Contains(magic, name) {
		l.warn(f.at(at), width, "", "the variable %q has the name of a word of the language", name)
	}
}

// magic are the variables that are set by what runs the playbook and cannot be set by it.
var magic = []string{
	"hostvars", "groups", "group_names", "inventory_hostname", "inventory_hostname_short", "playbook_dir", "role_path", "omit",
}

// pythonWords cannot be variables because Jinja2 or Ansible cannot name them.
var pythonWords = strings.Fields(`False None True and as assert async await break class continue def del elif else except
	finally for from global if import in is lambda nonlocal not or pass raise return try while with yield true false none`)

func identifier(name string) bool {
	for i, r := range name {
		switch {
		case r == '_', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		case i > 0 && r >= '0' && r <= '9':
		default:
			return false
		}
	}
	return name != "" && !slices.Contains(pythonWords, name)
}
