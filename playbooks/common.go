package playbooks

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
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
		into.When = l.conditions(f, e)
	case "tags":
		into.Tags = l.tags(f, e)
	case "become":
		into.Become = l.boolean(f, e)
	case "become_user":
		into.BecomeUser = l.text(f, e)
	case "become_method":
		into.BecomeMethod = l.oneOf(f, e, "sudo", "su")
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
		l.collections(f, e)
	case "connection":
		v := l.text(f, e)
		if s, ok := v.Raw.(string); ok && s != "ssh" && s != "smart" && s != "ansible.builtin.ssh" {
			l.fail(f.at(n), 0, "leave it out", "the connection %q is not implemented by polarbook, which reaches hosts by SSH", s)
		}
	default:
		return false
	}
	return true
}

// text is a string; numbers and booleans become one, as Ansible's strings do.
func (l *loader) text(f *file, e entry) Value {
	v := l.value(f, e.value)
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case string:
	case bool, int, float64:
		v.Raw = scalarText(raw)
	default:
		l.fail(f.at(e.value), 1, "", "%s has to be a string, not %s", e.key, describe(raw))
		return Value{}
	}
	return v
}

func scalarText(raw any) string {
	switch v := raw.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(raw)
}

// word is a string that is no template.
func (l *loader) word(f *file, e entry) string {
	v := l.text(f, e)
	s, _ := v.Raw.(string)
	if isTemplate(s) {
		l.fail(f.at(e.value), 0, "", "%s cannot be a template: it is needed before any host is asked", e.key)
	}
	return s
}

func (l *loader) oneOf(f *file, e entry, choices ...string) Value {
	v := l.text(f, e)
	s, ok := v.Raw.(string)
	if !ok || isTemplate(s) {
		return v
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "ansible.builtin."), "ansible.legacy.")
	if !slices.Contains(choices, s) {
		hint := didYouMean(s, choices)
		l.fail(f.at(e.value), 0, hint, "%s has to be one of %s, not %q", e.key, strings.Join(choices, ", "), s)
	}
	v.Raw = s
	return v
}

func (l *loader) boolean(f *file, e entry) Value {
	v := l.value(f, e.value)
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case bool:
		return v
	case int:
		if raw == 0 || raw == 1 {
			return Value{raw == 1, v.Pos}
		}
	case string:
		if isTemplate(raw) {
			return v
		}
		switch strings.ToLower(raw) {
		case "yes", "on", "true", "1", "y", "t":
			return Value{true, v.Pos}
		case "no", "off", "false", "0", "n", "f":
			return Value{false, v.Pos}
		}
		if hint := `an expression is written in braces: "{{ … }}"`; strings.ContainsAny(raw, " .=") {
			l.fail(f.at(e.value), 0, hint, "%s has to be true, false or a template, not %q", e.key, raw)
			return Value{}
		}
	}
	l.fail(f.at(e.value), 0, "", "%s has to be true or false, not %s", e.key, describe(v.Raw))
	return Value{}
}

func (l *loader) integer(f *file, e entry, least, most int) Value {
	v := l.value(f, e.value)
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case string:
		if isTemplate(raw) {
			return v
		}
		if n, err := strconv.Atoi(strings.TrimSpace(raw)); err == nil {
			v.Raw = n
		}
	}
	n, ok := v.Raw.(int)
	if !ok {
		l.fail(f.at(e.value), 0, "", "%s has to be a whole number, not %s", e.key, describe(v.Raw))
		return Value{}
	}
	if n < least || n > most {
		l.fail(f.at(e.value), 0, "", "%s has to be between %d and %d, not %d", e.key, least, most, n)
	}
	return v
}

// amount is a number, not negative, that need not be whole.
func (l *loader) amount(f *file, e entry) Value {
	v := l.value(f, e.value)
	n := 0.0
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case int:
		n = float64(raw)
	case float64:
		n = raw
	case string:
		if isTemplate(raw) {
			return v
		}
		parsed, err := strconv.ParseFloat(strings.TrimSpace(raw), 64)
		if err != nil {
			l.fail(f.at(e.value), 0, "", "%s has to be a number, not %s", e.key, describe(raw))
			return Value{}
		}
		n, v.Raw = parsed, parsed
	default:
		l.fail(f.at(e.value), 0, "", "%s has to be a number, not %s", e.key, describe(raw))
		return Value{}
	}
	if !(n >= 0) {
		l.fail(f.at(e.value), 0, "", "%s cannot be less than 0", e.key)
	}
	return v
}

// items are the nodes of a list; a single value counts as a list of it, nothing as an empty one.
func items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		list := make([]*yaml.Node, 0, len(n.Content))
		for _, item := range n.Content {
			list = append(list, follow(item))
		}
		return list
	}
	if isNull(n) {
		return nil
	}
	return []*yaml.Node{n}
}

// texts is a string or a list of strings.
func (l *loader) texts(f *file, e entry) []Value {
	var list []Value
	for _, item := range items(e.value) {
		if v := l.text(f, entry{e.key, e.at, item}); v.Given() {
			list = append(list, v)
		}
	}
	return list
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
			l.fail(f.at(item), 0, "", "a tag cannot be a template: tags are chosen before any host is asked")
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
		case map[string]any:
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

// variables is a mapping of variables whose names can be used in an expression.
func (l *loader) variables(f *file, e entry) map[string]Value {
	if isNull(e.value) {
		return nil
	}
	if e.value.Kind != yaml.MappingNode {
		l.fail(f.at(e.value), 1, "write name: value", "%s has to be a mapping", e.key)
		return nil
	}
	vars := map[string]Value{}
	for _, v := range entries(e.value) {
		l.variableName(f, v.at, v.key)
		vars[v.key] = l.value(f, v.value)
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
var magic = []string{"hostvars", "groups", "group_names", "inventory_hostname", "inventory_hostname_short", "playbook_dir", "role_path", "omit"}

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

func (l *loader) collections(f *file, e entry) {
	known := []string{"ansible.builtin", "ansible.legacy", "ansible.posix", "community.general", "community.postgresql"}
	for _, v := range l.texts(f, e) {
		if s, _ := v.Raw.(string); !slices.Contains(known, s) {
			l.fail(v.Pos, 0, "those it knows of are "+strings.Join(known, ", "), "polarbook has nothing of the collection %q", s)
		}
	}
}

// moduleDefaults are default arguments by module; later entries of a list win over earlier ones, as in Ansible.
func (l *loader) moduleDefaults(f *file, e entry) map[string]map[string]Value {
	all := map[string]map[string]Value{}
	for _, item := range items(e.value) {
		if item.Kind != yaml.MappingNode {
			l.fail(f.at(item), 0, "", "module_defaults has to be a mapping of modules to their arguments")
			continue
		}
		for _, m := range entries(item) {
			if strings.HasPrefix(m.key, "group/") {
				l.fail(f.at(m.at), 0, "name the modules", "groups of modules are not implemented by polarbook, though Ansible has them")
				continue
			}
			module, ok := l.Lookup(plainName(m.key))
			if !ok {
				l.unknownModule(f, m.at, m.key)
				continue
			}
			if m.value.Kind != yaml.MappingNode {
				l.fail(f.at(m.value), 0, "", "the defaults of %s have to be a mapping of its arguments", m.key)
				continue
			}
			args := l.argsOf(f, module, m.value)
			l.checkArgs(f, module, args, argumentCheck{defaults: true})
			if all[module.Name] == nil {
				all[module.Name] = map[string]Value{}
			}
			maps.Copy(all[module.Name], args.values)
		}
	}
	return all
}

// describe is a value as a message names it.
func describe(raw any) string {
	switch v := raw.(type) {
	case nil:
		return "nothing"
	case string:
		if len(v) > 60 {
			v = v[:57] + "…"
		}
		return strconv.Quote(v)
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	}
	return scalarText(raw)
}
