package playbooks

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks"
)

// scope is what surrounds a list of tasks.
type scope struct {
	file    *file
	origin  Origin
	handler bool
	// defaults are the module_defaults in force, outermost first.
	defaults []map[string]map[string]Value
	// vars are the play's and the includes' variables that are literal, for the names of imports.
	vars map[string]any
}

// with is the scope within something that has module_defaults and variables of its own.
func (c *scope) with(k *Common) *scope {
	inner := *c
	if len(k.ModuleDefaults) > 0 {
		inner.defaults = append(slices.Clone(c.defaults), k.ModuleDefaults)
	}
	inner.vars = withLiterals(c.vars, k.Vars)
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
			l.fail(f.at(item), 0, "a task is a mapping: a module's name and its arguments, and keywords", "%s has to be a list of tasks; this is %s", what, nodeKind(item))
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

// call is the key of a task that says what it does.
type call struct {
	entry
	name   string // of the module, as written
	text   string // its arguments when they are what is left of `action: module arguments`
	skip   int    // bytes of the scalar before text
	action bool   // it is action or local_action
	local  bool
}

var includes = []string{"include_tasks", "import_tasks", "include_role", "import_role"}

// call finds what a task does. Nil means that it has said what is wrong.
func (l *loader) call(c *scope, n *yaml.Node, es []entry) *call {
	f := c.file
	var found *call
	var strange []entry
	refused := false
	for _, e := range es {
		_, word := keywords[e.key]
		var next *call
		switch {
		case e.key == "action" || e.key == "local_action":
			if next = l.actionCall(f, e); next == nil {
				refused = true
				continue
			}
		case shortName(e.key) == "import_playbook":
			l.fail(f.at(e.at), 0, "it stands where a play could stand", "import_playbook is not a task")
			return nil
		case word:
			if e.key == "include" {
				l.keyword(f, e, onTask)
				refused = true
			}
			continue
		case strings.HasPrefix(e.key, "with_"):
			continue
		case slices.Contains(includes, shortName(e.key)):
			next = &call{entry: e, name: e.key}
		default:
			if _, _, ok := l.moduleNamed(e.key); !ok {
				strange = append(strange, e)
				continue
			}
			next = &call{entry: e, name: e.key}
		}
		if found != nil {
			l.fail(f.at(e.at), len([]rune(e.key)), "make it a task of its own, with a dash", "a task does one thing; this one already has %s on line %d", found.key, found.at.Line)
			return nil
		}
		found = next
	}
	switch {
	case found == nil && len(strange) > 0:
		for _, e := range strange {
			l.unknownModule(f, e.at, e.key)
		}
		return nil
	case found == nil && !refused:
		l.fail(f.at(n), 1, "", "this task says nothing to do: it has no module")
	case found == nil: // said already
	default:
		m, _, _ := l.moduleNamed(found.name)
		for _, e := range strange {
			l.strangeKey(f, e, found, m)
		}
		if m == nil && !slices.Contains(includes, shortName(found.name)) {
			l.unknownModule(f, found.value, found.name)
			return nil
		}
	}
	return found
}

func (l *loader) actionCall(f *file, e entry) *call {
	result := &call{entry: e, action: true, local: e.key == "local_action"}
	switch e.value.Kind {
	case yaml.ScalarNode:
		name, rest, err := splitAction(e.value.Value)
		if err != nil {
			l.fail(f.at(e.at), 0, "", "%s: %v", e.key, err)
			return nil
		}
		result.name, result.text = name, rest
		if rest != "" {
			result.skip = strings.LastIndex(e.value.Value, rest)
		}
		return result
	case yaml.MappingNode:
		for _, m := range entries(e.value) {
			if m.key == "module" && m.value.Kind == yaml.ScalarNode && m.value.Value != "" {
				if strings.ContainsAny(m.value.Value, " \n") {
					l.fail(f.at(m.value), 0, "", "module: takes the name of a module alone")
					return nil
				}
				result.name = m.value.Value
				return result
			}
		}
		l.fail(f.at(e.at), 0, "write module: and its name", "%s names no module", e.key)
		return nil
	}
	l.fail(f.at(e.value), 1, "", "%s has to be a module and its arguments", e.key)
	return nil
}

// strangeKey says of a key beside a module what it probably is.
func (l *loader) strangeKey(f *file, e entry, beside *call, m *tasks.Module) {
	hint := didYouMean(e.key, keywordNames(onTasks))
	if m != nil {
		if _, ok := m.Arg(e.key); ok {
			hint = fmt.Sprintf("%s is an argument of %s: indent it below %s", e.key, m.Name, beside.key)
		}
	}
	l.fail(f.at(e.at), len([]rune(e.key)), hint, "there is no keyword or module %q", e.key)
}

// unknownModule says whether a module is a misspelling or one that polarbook lacks.
func (l *loader) unknownModule(f *file, at *yaml.Node, name string) {
	width := len([]rune(name))
	collection, short := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		collection, short = name[:i], name[i+1:]
	}
	switch collection {
	case "", "ansible.builtin", "ansible.legacy", "ansible.posix", "community.general", "community.postgresql":
		if _, registered, _ := l.registered(short); registered {
			l.fail(f.at(at), width, "write "+short, "there is a module %q, but not in the collection %q", short, collection)
			return
		}
		if slices.Contains(modulesWithout, short) {
			l.fail(f.at(at), width, "polarbook doc lists the modules that there are", "the module %q is not implemented by polarbook, though Ansible has it", name)
			return
		}
	default:
		l.fail(f.at(at), width, "polarbook doc lists the modules that there are", "polarbook has no modules of the collection %q", collection)
		return
	}
	candidates := append(l.moduleNames(), includes...)
	if collection == "" {
		candidates = append(candidates, keywordNames(onTasks)...)
	}
	what := "module or keyword"
	if collection != "" {
		what = "module"
	}
	hint := didYouMean(short, candidates)
	if hint == "" {
		hint = "polarbook doc lists the modules that there are"
	}
	l.fail(f.at(at), width, hint, "there is no %s %q", what, name)
}

func (l *loader) registered(short string) (*tasks.Module, bool, bool) {
	m, isVerb, ok := l.moduleNamed(short)
	return m, ok, isVerb
}

// moduleNames lists the modules that Lookup finds, of those whose names are known.
func (l *loader) moduleNames() []string {
	names := slices.Clone(modulesWithout)
	for _, m := range tasks.All() {
		names = append(names, m.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		_, _, ok := l.moduleNamed(name)
		return !ok
	})
}

// task reads a task that calls a module or a verb.
func (l *loader) task(c *scope, n *yaml.Node, es []entry, call *call) Node {
	f := c.file
	m, isVerb, _ := l.moduleNamed(call.name)
	t := &Task{Module: m, Origin: c.origin}
	t.Pos = f.at(n)
	if isVerb {
		t.Module, t.Verb = nil, m.Name
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
			}
		case "until":
			t.Until = l.conditions(f, e)
		case "retries":
			t.Retries = l.integer(f, e, 0, 1<<30)
		case "delay":
			t.Delay = l.amount(f, e)
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
			l.fail(t.DelegateTo.Pos, 0, "write the module itself instead of local_action", "local_action says where the task runs; delegate_to cannot")
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
	l.checkArgs(f, m, args, argumentCheck{
		at: f.at(call.at), width: len([]rune(call.key)),
		inherited: c.with(&t.Common).defaultsOf(m), more: t.ArgsFrom.Given(), beside: beside,
	})
	if isVerb {
		l.checkVerb(f, m, args, t)
	}
	l.checkSources(c, m, args, t)
	return t
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
	default:
		own = l.argumentsUnder(f, m, call.entry)
	}
	for name, v := range own.values {
		all.set(name, v, own.places[name])
	}
	all.broken = own.broken
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

// checkVerb completes and checks what a verb's table cannot say.
func (l *loader) checkVerb(f *file, m *tasks.Module, args arguments, t *Task) {
	t.Args = map[string]Value{}
	for name, v := range args.values {
		if arg, ok := m.Arg(name); ok {
			name = arg.Name
		}
		t.Args[name] = v
	}
	switch m.Name {
	case "meta":
		v := t.Args["action"]
		action, ok := v.Raw.(string)
		switch {
		case !ok:
		case isTemplate(action):
			l.fail(v.Pos, 0, "", "what meta does cannot be a template")
		case slices.Contains(metaWithout, action):
			l.fail(v.Pos, 0, "", "meta: %s is not implemented by polarbook, though Ansible has it", action)
		case !slices.Contains(metaActions, action):
			l.fail(v.Pos, 0, didYouMean(action, metaActions), "meta has no action %q", action)
		}
	case "include_vars":
		_, file := t.Args["file"]
		_, dir := t.Args["dir"]
		if file == dir && !t.ArgsFrom.Given() {
			l.fail(t.Pos, 1, "", "include_vars takes either a file or a dir")
		}
	case "add_host":
		for name, w := range args.places {
			if _, own := m.Arg(name); !own && !isTemplate(name) {
				if !identifier(name) {
					l.fail(w.key, w.width, "", "%q cannot be the name of a variable", name)
				}
			}
		}
	}
}
