package playbooks

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks"
)

// scope holds what surrounds a list of tasks.
type scope struct {
	file    *file
	origin  Origin
	handler bool
	// defaults are the module_defaults in force, outermost first.
	defaults []map[string]map[string]Value
	// vars are the play's and the includes' variables that are literal, for the names of imports.
	vars map[string]any
	// maybe: a condition around it, or its own, is decided in the run; around: one around it.
	maybe, around bool
	// tolerant: ignore_errors is set around it, or it is in a block that has a rescue.
	tolerant bool
	// collections are where roles are looked for by their short names.
	collections []string
}

// with is the scope within something that has module_defaults and variables of its own.
func (c *scope) with(k *Common) *scope {
	inner := *c
	if len(k.ModuleDefaults) > 0 {
		inner.defaults = append(slices.Clone(c.defaults), k.ModuleDefaults)
	}
	inner.vars = withLiterals(c.vars, k.Vars)
	if len(k.Collections) > 0 {
		inner.collections = append(slices.Clone(k.Collections), c.collections...)
	}
	inner.maybe = c.maybe || undecidedValues(k.When)
	inner.tolerant = c.tolerant || k.IgnoreErrors.Given()
	return &inner
}

// nodes reads a list of tasks, blocks and includes.
func (l *loader) nodes(c *scope, n *yaml.Node, what string) []Node {
	f := c.file
	if n == nil || isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.fail(f.at(n), 1, "each begins with a dash", "%s has to be a list of tasks", what)
		return nil
	}
	var list []Node
	for _, item := range n.Content {
		item = follow(item)
		if item.Kind != yaml.MappingNode {
			hint := "a task is a mapping: a module's name and its arguments, and keywords"
			if _, _, ok := l.moduleNamed(item.Value); ok {
				hint = "a module's name has a colon behind it: " + item.Value + ":"
			}
			l.fail(f.at(item), 0, hint, "%s has to be a list of tasks; this is %s", what, nodeKind(item))
			continue
		}
		if node := l.node(c, item); node != nil {
			list = append(list, node)
		}
	}
	return list
}

func nodeKind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case isNull(n):
		return "nothing"
	}
	return describe(n.Value)
}

func (l *loader) node(c *scope, n *yaml.Node) Node {
	es := entries(n)
	inner := *c
	inner.around = c.maybe
	inner.maybe = c.maybe || undecided(es)
	c = &inner
	defer l.perhaps(c.maybe || c.handler)()
	for _, e := range es {
		switch e.key {
		case "block", "rescue", "always":
			return l.block(c, n, es)
		}
	}
	call := l.call(c, n, es)
	if call == nil {
		return nil
	}
	if shortName(call.name) == "include" {
		return l.oldInclude(c, n, es, call)
	}
	switch name := shortName(call.name); name {
	case "include_tasks", "include_role":
		return l.include(c, n, es, call)
	case "import_tasks":
		return l.importTasks(c, n, es, call)
	case "import_role":
		return l.importRole(c, n, es, call)
	}
	return l.task(c, n, es, call)
}

// task reads a task that calls a module or a built-in action.
func (l *loader) task(c *scope, n *yaml.Node, es []entry, call *call) Node {
	f := c.file
	m, isAction, _ := l.moduleNamed(call.name)
	if m != nil {
		l.warnShadowed(f.at(call.at), call.name, m)
	}
	t := &Task{Module: m, Origin: c.origin, sure: !c.maybe, Called: call.name}
	t.Pos = f.at(n)
	if call.lacking != nil {
		t.Unavailable = call.lacking
		m = &tasks.Module{Name: call.name, FreeForm: "free_form", AnyArgs: true}
		t.Module = nil
	}
	if isAction {
		t.Module, t.BuiltinAction = nil, m.Name
	}
	if m == nil {
		t.ModuleFrom = Value{call.name, f.at(call.value)}
		m = &tasks.Module{Name: call.name, FreeForm: FreeText, AnyArgs: true}
		if call.text == "" && call.module == nil { // what stands behind it is checked with it
			l.checkText(t.ModuleFrom.Pos, call.name)
		}
	}
	on := onTask
	if c.handler {
		on = onHandler
	}
	loops := newLoopReader(l, f)
	for _, e := range es {
		if e.key == call.key || e.key == "args" && e.at != call.at {
			continue
		}
		if _, word := keywords[e.key]; !word {
			if strings.HasPrefix(e.key, "with_") {
				loops.read(e)
			}
			continue // strange keys have been reported
		}
		if !l.keyword(f, e, on) || l.common(c, e, &t.Common) || loops.read(e) {
			continue
		}
		switch e.key {
		case "register":
			if t.Register = l.word(f, e); t.Register != "" {
				l.variableName(f, e.value, t.Register)
			} else if isNull(e.value) {
				l.fail(f.at(e.at), 0, "write the name of a variable", "register names nothing")
			}
		case "until":
			t.Until = l.conditions(f, e)
		case "retries":
			t.Retries = l.integer(f, e, 0, 1<<30)
		case "delay":
			t.Delay = l.amount(f, e)
		case "async":
			t.Async = l.integer(f, e, 0, 1<<30)
		case "poll":
			t.Poll = l.integer(f, e, 0, 1<<30)
		case "changed_when":
			t.ChangedWhen = l.conditions(f, e)
		case "failed_when":
			t.FailedWhen = l.conditions(f, e)
		case "notify":
			t.Notify = l.texts(f, e)
		case "listen":
			for _, v := range l.texts(f, e) {
				t.Listen = append(t.Listen, v.Raw.(string))
			}
		}
	}
	t.Loop = loops.result()
	if call.local {
		if t.DelegateTo.Given() {
			l.fail(t.DelegateTo.Pos, 0, "write the module itself instead of local_action",
				"local_action says where the task runs; delegate_to cannot")
		}
		t.DelegateTo = Value{"localhost", f.at(call.at)}
	}
	beside := map[string]bool{}
	for _, e := range es {
		if arg, ok := m.Arg(e.key); ok && keywords[e.key].on == 0 {
			beside[arg.Name] = true
		}
	}
	args := l.taskArguments(c, es, call, m, t)
	t.Args = args.values
	if args.whole.Given() {
		if t.ArgsFrom.Given() {
			l.fail(args.whole.Pos, 0, "", "%s has all its arguments from two templates", m.Name)
		}
		t.ArgsFrom = args.whole
	}
	if t.ArgsFrom.Given() {
		l.warn(t.ArgsFrom.Pos, 0, "write the arguments one a line, each with a template of its own",
			"whoever has a say in this template decides what %s does", m.Name)
	}
	if t.Unavailable != nil || t.ModuleFrom.Given() {
		return t
	}
	if t.DelegateTo.Given() || m.Name == "fetch" {
		l.makes = true
	}
	t.Unavailable = l.checkArgs(f, m, args, argumentCheck{
		at: f.at(call.at), width: len([]rune(call.key)),
		inherited: c.with(&t.Common).defaultsOf(m), more: t.ArgsFrom.Given(), beside: beside,
	})
	if isAction {
		l.checkBuiltinAction(f, m, args, t)
		if v := t.Args["action"]; c.handler && m.Name == "meta" && v.Raw == "flush_handlers" {
			l.fail(v.Pos, 0, "put it among the tasks", "flush_handlers cannot be a handler")
		} else if c.handler && m.Name == "meta" && v.Raw == "end_role" {
			l.fail(v.Pos, 0, "put it among the tasks", "end_role cannot be a handler")
		}
	}
	l.checkSources(c, m, args, t)
	l.checkAsync(f, m, call, t)
	return t
}

// WithoutAsync is what to do about a task that cannot have async.
const WithoutAsync = "leave async out; timeout bounds how long a task may take"

// checkAsync refuses async where Ansible does.
func (l *loader) checkAsync(f *file, m *tasks.Module, call *call, t *Task) {
	limit, ok := t.Async.Raw.(int)
	if !t.Async.Given() || ok && limit == 0 || t.Module != nil && (!ok || !m.NoAsync) || t.Unavailable != nil {
		return
	}
	const msg = "%s does not support async, in Ansible neither"
	t.Unavailable = l.lack(t.Async.Pos, 0, WithoutAsync, msg, call.name)
}

// taskArguments joins what stands under the module and under args; the former wins, as in Ansible.
func (l *loader) taskArguments(c *scope, es []entry, call *call, m *tasks.Module, t *Task) arguments {
	f := c.file
	all := newArguments()
	for _, e := range es {
		switch {
		case e.key != "args":
		case e.value.Kind == yaml.MappingNode:
			all = l.argsOf(f, m, e.value)
		case e.value.Kind == yaml.ScalarNode && isTemplate(e.value.Value):
			if t == nil {
				l.fail(f.at(e.value), 0, "", "the arguments of %s cannot be a template as a whole", m.Name)
				break
			}
			t.ArgsFrom = l.value(f, e.value)
		case !isNull(e.value):
			l.fail(f.at(e.value), 0, "", `args has to be a mapping or a template of one, "{{ … }}"`)
		}
	}
	var own arguments
	switch {
	case call.action && call.value.Kind == yaml.ScalarNode:
		own = newArguments()
		if call.text != "" {
			own = l.argsIn(f, m, call.value, call.text, call.skip)
		}
	case call.action:
		own = l.argsOf(f, m, call.value)
		delete(own.values, "module")
		delete(own.places, "module")
		if call.module != nil && call.text != "" { // what stands behind the module's name wins
			behind := l.argsIn(f, m, call.module, call.text, call.skip)
			for name, v := range behind.values {
				own.set(name, v, behind.places[name])
			}
			own.broken, own.whole = own.broken || behind.broken, behind.whole
		}
	default:
		own = l.argumentsUnder(f, m, call.entry)
	}
	for name, v := range own.values {
		all.set(name, v, own.places[name])
	}
	all.broken, all.whole = own.broken, own.whole
	return all
}

// defaultsOf are the module_defaults for a module, the innermost winning.
func (c *scope) defaultsOf(m *tasks.Module) map[string]Value {
	merged := map[string]Value{}
	for _, level := range c.defaults {
		for name, v := range level[m.Name] {
			merged[name] = v
		}
	}
	return merged
}
