package playbooks

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/suggest"
)

// The argument tables of what brings in other files.
var (
	applyArg      = argument.Spec{Name: "apply", Kind: argument.Dict}
	includedTasks = tasks.Module{FreeForm: "file", Args: []argument.Spec{{Name: "file", Kind: argument.String, Required: true}}}
	includedRole  = tasks.Module{Args: []argument.Spec{
		{Name: "name", Aliases: []string{"role"}, Kind: argument.String, Required: true},
		{Name: "tasks_from", Kind: argument.String}, {Name: "vars_from", Kind: argument.String},
		{Name: "defaults_from", Kind: argument.String}, {Name: "handlers_from", Kind: argument.String},
		{Name: "allow_duplicates", Kind: argument.Bool}, {Name: "rolespec_validate", Kind: argument.Bool},
	}}
)

// includeTable is the argument table of one of the four words that bring in files.
func includeTable(word string) *tasks.Module {
	m := includedTasks
	if word == "include_role" || word == "import_role" {
		m = includedRole
	}
	m.Name = word
	m.Args = slices.Clone(m.Args)
	if word == "include_tasks" || word == "include_role" {
		m.Args = append(m.Args, applyArg)
	}
	if word == "include_role" {
		m.Args = append(m.Args, argument.Spec{Name: "public", Kind: argument.Bool})
	}
	return &m
}

// includeArguments reads and checks the arguments of an include, under their own names.
func (l *loader) includeArguments(c *scope, es []entry, call *call) map[string]Value {
	m := includeTable(shortName(call.name))
	args := l.taskArguments(c, es, call, m, nil)
	_ = l.checkArgs(c.file, m, args, argumentCheck{at: c.file.at(call.at), width: len([]rune(call.key))})
	named := map[string]Value{}
	for name, v := range args.values {
		if arg, ok := m.Arg(name); ok {
			name = arg.Name
		}
		named[name] = v
	}
	return named
}

// include reads include_tasks and include_role.
func (l *loader) include(c *scope, n *yaml.Node, es []entry, call *call) Node {
	f := c.file
	word := shortName(call.name)
	if c.handler && word == "include_role" {
		l.fail(f.at(call.at), 0, "", "include_role cannot be a handler")
		return nil
	}
	i := &Include{What: word, Called: call.name, Origin: c.origin}
	i.Pos = f.at(n)
	loops := newLoopReader(l, f)
	for _, e := range es {
		_, isWord := keywords[e.key]
		switch {
		case e.key == call.key || e.key == "args":
		case !isWord:
			if len(e.key) > 5 && e.key[:5] == "with_" {
				loops.read(e)
			}
		case e.key == "listen" && c.handler:
			for _, v := range l.texts(f, e) {
				i.Listen = append(i.Listen, v.Raw.(string))
			}
		case e.key == "register":
			if i.Register = l.word(f, e); i.Register != "" {
				l.variableName(f, e.value, i.Register)
			}
		case keywords[e.key].on&onInclude == 0 && keywords[e.key].on&onTasks != 0 && keywords[e.key].without == "":
			l.fail(f.at(e.at), len([]rune(e.key)), "give it to the included tasks with apply: or on a block around the include",
				"%q has no effect on %s", e.key, word)
		case l.keyword(f, e, onInclude):
			if !l.common(c, e, &i.Common) {
				loops.read(e)
			}
		}
	}
	i.Loop = loops.result()
	i.Args = l.includeArguments(c, es, call)
	inner := c.with(&i.Common)
	if apply := argumentNode(es, call, "apply"); apply != nil && apply.Kind == yaml.MappingNode {
		i.Apply = &Common{Pos: f.at(apply)}
		for _, e := range entries(apply) {
			switch {
			case !l.keyword(f, e, onApply):
			case e.key == "notify":
				i.ApplyNotify = l.texts(f, e)
			default:
				l.common(c, e, i.Apply)
			}
		}
		inner = inner.with(i.Apply)
	}
	i.File = i.Args["file"]
	if word == "include_role" {
		i.File = i.Args["name"]
	}
	i.resolve = func(args map[string]string) ([]Node, error) { return l.later(inner, i, args) }
	i.scope = inner
	names := map[string]string{}
	for name, v := range i.Args {
		s, ok := v.Raw.(string)
		switch {
		case ok && isTemplate(s):
			return i
		case ok:
			names[name] = s
		}
	}
	if len(names) > 0 {
		i.Nodes = l.included(inner, i, names)
	}
	return i
}

// oldInclude reads include, which ansible-core had up to 2.15: import_tasks when its name is plain and nothing loops, otherwise
// include_tasks, with variables behind the name.
func (l *loader) oldInclude(c *scope, n *yaml.Node, es []entry, call *call) Node {
	f := c.file
	if call.value.Kind != yaml.ScalarNode {
		l.fail(f.at(call.at), 0, "write include_tasks or import_tasks", "include needs the name of a file behind it")
		return nil
	}
	text := call.value.Value
	if call.action {
		text = call.text
	}
	pairs, name, err := parsePairs(text, nil)
	if err != nil {
		l.fail(f.at(call.value), 0, "", "the arguments of include cannot be told apart: %v", err)
		return nil
	}
	word := "import_tasks"
	if isTemplate(name) {
		word = "include_tasks"
	}
	given := map[string]Value{}
	for _, p := range pairs {
		switch p.key {
		case "tags":
			l.fail(f.at(call.value), 0, "write tags beside it", "include takes no tags behind its name")
		case "static":
			word = map[bool]string{true: "import_tasks", false: "include_tasks"}[isTrue(p.value)]
		default:
			given[p.key] = Value{p.value, f.at(call.value)}
		}
	}
	for _, e := range es {
		if e.key == "loop" || strings.HasPrefix(e.key, "with_") {
			word = "include_tasks"
		}
	}
	l.warn(f.at(call.at), len([]rune(call.key)), "write "+word, "ansible-core has no include since 2.16; it is taken for %s", word)
	value := *call.value
	value.Value, value.Style = name, yaml.DoubleQuotedStyle
	now := *call
	now.name, now.value, now.action = word, &value, false
	var node Node
	if word == "import_tasks" {
		node = l.importTasks(c, n, es, &now)
	} else {
		node = l.include(c, n, es, &now)
	}
	if node != nil && len(given) > 0 {
		node.Keywords().Vars = joined(given, node.Keywords().Vars)
	}
	return node
}

// argumentNode finds the value of an include's argument as it was written.
func argumentNode(es []entry, call *call, name string) *yaml.Node {
	sources := []*yaml.Node{call.value}
	for _, e := range es {
		if e.key == "args" {
			sources = append(sources, e.value)
		}
	}
	for _, n := range sources {
		if n.Kind != yaml.MappingNode {
			continue
		}
		for _, e := range entries(n) {
			if e.key == name {
				return e.value
			}
		}
	}
	return nil
}

// included loads what an include names. Nil without a problem means that the file is being read already and the
// include is conditional, so that the recursion may end when it is run.
func (l *loader) included(c *scope, i *Include, args map[string]string) []Node {
	if i.What == "include_role" {
		b := l.role(c, roleCall{name: args["name"], at: i.File.Pos, from: args, places: i.Args, include: true,
			conditional: c.maybe || i.Loop != nil, unchecked: isFalse(i.Args["rolespec_validate"].Raw),
			once: isFalse(i.Args["allow_duplicates"].Raw), vars: i.Vars})
		if b == nil {
			return nil
		}
		b.RolePublic = i.Args["public"].Raw == true
		b.Pos = i.Pos
		return []Node{b}
	}
	if l.makes {
		if found, _ := l.lookForTasks(c, args["file"]); found.fsys == nil {
			return nil // a task before may have made it when this one is run
		}
	}
	return l.taskFile(c, args["file"], i.File.Pos, c.maybe || i.Loop != nil)
}

// Resolve loads what an include names, once its templates have been rendered: args are those of Args that are strings
// ("file"; or "name", "tasks_from" and so on), and replace them. What is loaded is checked as Load checks; the error
// is an Errors. It may be called from several goroutines at once.
func (i *Include) Resolve(args map[string]string) ([]Node, error) {
	if i.resolve == nil {
		return nil, errors.New("this include was not loaded from a file")
	}
	return i.resolve(args)
}

// later is included, long after the loader that read the include has ended.
func (l *loader) later(c *scope, i *Include, args map[string]string) ([]Node, error) {
	fresh, err := newLoader(l.Options)
	if err != nil {
		return nil, err
	}
	fresh.register(c.file)
	fresh.libraries = slices.Clone(l.libraries)
	reached := *c
	reached.maybe = false // it was reached
	defer fresh.perhaps(false)()
	nodes := fresh.included(&reached, i, i.names(args))
	if len(fresh.problems) > 0 {
		return nil, sorted(fresh.problems, fresh.order)
	}
	return nodes, nil
}

// names are the arguments of an include that are texts, some of them replaced.
func (i *Include) names(args map[string]string) map[string]string {
	names := map[string]string{}
	for name, v := range i.Args {
		if s, ok := v.Raw.(string); ok {
			names[name] = s
		}
	}
	maps.Copy(names, args)
	return names
}

// taskFile loads a file of tasks. When it is being read already, an include under a condition is left to the run.
func (l *loader) taskFile(c *scope, name string, at Position, conditional bool) []Node {
	found, lacking := l.findTasks(c, name, at)
	switch {
	case lacking != nil:
		return []Node{&Task{Common: Common{Pos: at}, Origin: c.origin, Called: "include_tasks", Unavailable: lacking}}
	case found.fsys == nil:
		return nil
	}
	if conditional && slices.Contains(l.open, l.display(found.fsys, found.path)) {
		return nil
	}
	f := l.read(found.fsys, found.path, at)
	if f == nil || !l.enter(f, at) {
		return nil
	}
	defer l.leave()
	inner := *c
	inner.file = f
	inner.origin = c.origin.in(found)
	nodes := l.nodes(&inner, f.root, "a file of tasks")
	if nodes == nil {
		nodes = []Node{}
	}
	return nodes
}

// findTasks looks for a file of tasks: beside the file that includes it, in the role, beside the playbook, and last
// among the built-in ones, so that a built-in playbook written out to be changed still has its steps.
// Without any, lacking is what to say of it where the tasks may never be reached.
func (l *loader) findTasks(c *scope, name string, at Position) (found place, lacking *Error) {
	found, looked := l.lookForTasks(c, name)
	if found.fsys != nil {
		return found, nil
	}
	o, hint := c.origin, ""
	if base := path.Base(name); name != "" {
		dir := path.Join(o.Dir, path.Dir(name))
		hint = suggest.Hint(base, namesIn(o.Source, dir))
	}
	return place{}, l.lack(at, 0, hint, "%v", &NotFoundError{Name: name, Looked: looked, Bundled: l.Only != ""})
}

// lookForTasks is findTasks; where there is no such file it returns the places that it looked in.
func (l *loader) lookForTasks(c *scope, name string) (found place, looked []string) {
	var list []place
	o := c.origin
	if p, ok := absolute(name); ok {
		list = append(list, place{hostFiles, p})
	} else {
		list = append(list, place{o.Source, path.Join(o.Dir, name)})
		if o.RoleDir != "" {
			folder := "tasks"
			if c.handler {
				folder = "handlers"
			}
			list = append(list, place{o.Source, path.Join(o.RoleDir, folder, name)}, place{o.Source, path.Join(o.RoleDir, name)},
				place{o.Source, path.Join(o.PlayDir, folder, name)})
		}
		list = append(list, place{o.Source, path.Join(o.PlayDir, name)}, place{l.Builtin, path.Clean(name)})
	}
	for _, p := range list {
		if isFile(p.fsys, p.path) {
			return p, nil
		}
		if shown := l.display(p.fsys, p.path); !slices.Contains(looked, shown) {
			looked = append(looked, shown)
		}
	}
	return place{}, looked
}

// importTasks reads import_tasks: a block of what the file holds.
func (l *loader) importTasks(c *scope, n *yaml.Node, es []entry, call *call) Node {
	b, ok := l.imported(c, n, es, call)
	if !ok {
		return nil
	}
	args := l.includeArguments(c, es, call)
	inner := c.with(&b.Common)
	name, ok := l.literalName(inner, args["file"], "import_tasks", "include_tasks")
	if ok {
		b.Block = l.taskFile(inner, name, args["file"].Pos, false)
	}
	return b
}

// importRole reads import_role: the role's block.
func (l *loader) importRole(c *scope, n *yaml.Node, es []entry, call *call) Node {
	if c.handler {
		l.fail(c.file.at(call.at), 0, "", "import_role cannot be a handler")
		return nil
	}
	outer, ok := l.imported(c, n, es, call)
	if !ok {
		return nil
	}
	args := l.includeArguments(c, es, call)
	inner := c.with(&outer.Common)
	from := map[string]string{}
	for name, v := range args {
		if _, isString := v.Raw.(string); !isString {
			continue
		}
		s, ok := l.literalName(inner, v, "import_role", "include_role")
		if !ok {
			return nil
		}
		from[name] = s
	}
	if from["name"] == "" {
		return nil
	}
	b := l.role(inner, roleCall{name: from["name"], at: args["name"].Pos, from: from, places: args, include: true, vars: outer.Vars,
		once: isFalse(args["allow_duplicates"].Raw), unchecked: isFalse(args["rolespec_validate"].Raw)})
	if b == nil {
		return nil
	}
	b.Common, b.Notify, b.RolePublic, b.RoleImported = outer.Common, outer.Notify, true, true
	return b
}

// imported reads the keywords of an import, which its tasks inherit.
func (l *loader) imported(c *scope, n *yaml.Node, es []entry, call *call) (*Block, bool) {
	f := c.file
	b := &Block{}
	b.Pos = f.at(n)
	word := shortName(call.name)
	for _, e := range es {
		switch {
		case e.key == call.key || e.key == "args":
		case e.key == "loop" || len(e.key) > 5 && e.key[:5] == "with_":
			l.fail(f.at(e.at), 0, "use include"+word[len("import"):],
				"%s cannot be looped: what it brings in is read before any host is asked", word)
			return nil, false
		case keywords[e.key].on == 0: // strange keys have been reported
		case e.key == "notify":
			b.Notify = l.texts(f, e)
		case l.keyword(f, e, onImport):
			l.common(c, e, &b.Common)
		}
	}
	return b, true
}

// literalName renders the name of an import with what is known before any host is asked: the variables of the command line, literal
// ones of the play, its roles and what surrounds the import, playbook_dir and role_path, and this process's environment.
func (l *loader) literalName(c *scope, v Value, word, dynamic string) (string, bool) {
	s, ok := v.Raw.(string)
	if !ok {
		return "", false // a missing argument, or one of another type, has been reported
	}
	if !isTemplate(s) {
		return s, true
	}
	known := templates.Map{}
	maps.Copy(known, c.vars)
	for name, value := range l.ExtraVars {
		if literal(value) {
			known[name] = value
		}
	}
	var options templates.Options
	if !c.origin.Builtin {
		options.Env = os.LookupEnv
		known["playbook_dir"] = display(hostFiles, c.origin.PlayDir)
		if c.origin.RoleDir != "" {
			known["role_path"] = display(hostFiles, c.origin.RoleDir)
		}
	}
	name, err := templates.New(options).Render(s, known)
	if text := fmt.Sprint(name); err == nil && text != "" && !isTemplate(text) {
		return text, true
	}
	l.fail(v.Pos, 0, "use "+dynamic+", or give the variable in the play's vars or with --extra-vars",
		"the name cannot be known before hosts are asked, and %s needs it then", word)
	return "", false
}

// withLiterals adds variables whose values hold no templates.
func withLiterals(vars map[string]any, more map[string]Value) map[string]any {
	if len(more) == 0 {
		return vars
	}
	joined := maps.Clone(vars)
	if joined == nil {
		joined = map[string]any{}
	}
	for name, v := range more {
		delete(joined, name)
		if literal(v.Raw) {
			joined[name] = v.Raw
		}
	}
	return joined
}
