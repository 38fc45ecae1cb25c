package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/suggest"
)

// variables follows what tasks, plays, roles and files define, and finds what is read and defined by nothing.
//
// What a task sets (set_fact, register, include_vars) stays for all tasks that follow, in this play and the next. What is defined
// around a task is known within. Where names cannot be told, as where a file of variables has a name that only a run knows,
// everything is only warned of.
func (l *linter) variables() {
	v := &follower{l: l, set: map[string]int{}, known: map[string]bool{}, refused: map[string]bool{}, roles: map[string]bool{}}
	v.elsewhere()
	for pass := range 2 {
		v.checking, v.now = pass == 1, 0
		for _, p := range l.x.Plays {
			v.play(p)
		}
	}
	l.unusedVariables(v)
}

type follower struct {
	l        *linter
	checking bool // the second time: everything that is set is known
	now      int  // tasks come to so far
	set      map[string]int
	known    map[string]bool // by the inventory, the command line and what the playbook asserts
	refused  map[string]bool // by a task that the loader refuses
	open     bool
	below    []string        // what files define that are read into a dictionary, from where set_fact may take them
	roles    map[string]bool // directories
	handler  bool
	looped   bool // within an include that is done several times
	depth    int
}

// scope is what is defined around a task.
type scope struct {
	parent *scope
	names  map[string]bool
	open   bool
	guess  bool // what is within may not belong here at all
}

func (s *scope) with(names ...string) *scope {
	inner := &scope{parent: s, names: map[string]bool{}}
	for _, name := range names {
		inner.names[name] = true
	}
	return inner
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.parent {
		if s.names[name] {
			return true
		}
	}
	return false
}

func (s *scope) any(is func(*scope) bool) bool {
	for ; s != nil; s = s.parent {
		if is(s) {
			return true
		}
	}
	return false
}

func isOpen(s *scope) bool { return s.open }

func isGuess(s *scope) bool { return s.guess }

// elsewhere notes what is defined outside the playbook.
func (v *follower) elsewhere() {
	for _, name := range v.l.o.Known {
		v.known[name] = true
	}
	if v.l.o.Inventory != nil {
		v.l.o.Inventory.Each(func(name string, _ any, _ inventory.Position) { v.known[name] = true })
	}
	for _, n := range v.l.nodes {
		for _, e := range playbooks.Entries(n) {
			switch playbooks.ShortName(e.Key) {
			case "register":
				v.refused[e.Value.Value] = true
			case "set_fact":
				for _, inner := range playbooks.Entries(e.Value) {
					v.refused[inner.Key] = true
				}
			}
		}
	}
}

// sets notes what a task sets for all that follow.
func (v *follower) sets(name string) {
	at := v.now
	if v.handler || v.looped {
		at = 0 // it may have been before anything
	}
	if before, ok := v.set[name]; !ok || at < before {
		v.set[name] = at
	}
}

func keysOf(vars map[string]playbooks.Value) []string { return slices.Sorted(maps.Keys(vars)) }

func (v *follower) play(p *playbooks.Play) {
	in := (&scope{}).with(keysOf(p.Vars)...)
	for _, one := range p.VarsPrompt {
		in.names[one.Name] = true
	}
	for _, file := range p.VarsFiles {
		v.file(in, p.Origin, file)
	}
	for _, section := range [][]playbooks.Node{p.PreTasks, p.Roles, p.Tasks, p.PostTasks, p.Handlers} {
		v.shared(in, section)
	}
	v.reads(in, p.Vars)
	for _, section := range [][]playbooks.Node{p.PreTasks, p.Roles, p.Tasks, p.PostTasks} {
		v.nodes(in, section)
	}
	v.inHandlers(in, p.Handlers)
}

// file is an entry of vars_files, which may be a list of names.
func (v *follower) file(in *scope, o playbooks.Origin, file playbooks.Value) {
	list, ok := file.Raw.([]any)
	if !ok {
		list = []any{file.Raw}
	}
	some := false
	for _, one := range list {
		name, _ := one.(string)
		names, known := v.l.x.Variables(o, name)
		some = some || known
		for _, n := range names {
			in.names[n] = true
		}
	}
	in.open = in.open || !some
}

// shared are the variables of roles that the whole play has.
func (v *follower) shared(in *scope, list []playbooks.Node) {
	for _, node := range list {
		switch n := node.(type) {
		case *playbooks.Block:
			if n.Role != "" && n.RolePublic {
				for _, vars := range []map[string]playbooks.Value{n.RoleDefaults, n.RoleVars} {
					for name := range vars {
						in.names[name] = true
					}
				}
			}
			for _, inner := range [][]playbooks.Node{n.Block, n.Rescue, n.Always} {
				v.shared(in, inner)
			}
		case *playbooks.Include:
			nodes, _ := v.l.x.Resolved(n)
			v.shared(in, nodes)
		}
	}
}

func (v *follower) inHandlers(in *scope, list []playbooks.Node) {
	before := v.handler
	v.handler = true
	v.nodes(in, list)
	v.handler = before
}

func (v *follower) nodes(in *scope, list []playbooks.Node) {
	if v.depth++; v.depth > maxDepth {
		v.depth--
		return
	}
	defer func() { v.depth-- }()
	for _, node := range list {
		common := node.Keywords()
		here := in.with(keysOf(common.Vars)...)
		here.guess = v.handler && v.l.unnotified[common.Pos]
		switch n := node.(type) {
		case *playbooks.Task:
			v.task(here, n)
		case *playbooks.Block:
			v.block(here, n)
		case *playbooks.Include:
			v.include(here, n)
		}
	}
}

func (v *follower) block(in *scope, b *playbooks.Block) {
	if b.Role != "" {
		v.roles[b.RoleDir] = true
		in = in.with(slices.Concat(keysOf(b.RoleDefaults), keysOf(b.RoleVars), keysOf(b.RoleParams))...)
		v.specified(in, b.Block)
	}
	in = v.conditions(in, b.Pos, b.When)
	v.keywords(in, b.Pos)
	if b.Role != "" {
		v.reads(in, b.RoleDefaults)
		v.reads(in, b.RoleVars)
	}
	v.nodes(in, b.Block)
	v.nodes(in, b.Rescue)
	v.nodes(in, b.Always)
	v.inHandlers(in, b.RoleHandlers)
}

// specified are the arguments that a role says it takes.
func (v *follower) specified(in *scope, list []playbooks.Node) {
	for _, node := range list {
		t, ok := node.(*playbooks.Task)
		if !ok || t.BuiltinAction != "validate_argument_spec" {
			continue
		}
		if spec, ok := t.Args["argument_spec"]; ok {
			for _, name := range namesOf(spec.Raw) {
				in.names[name] = true
			}
		}
	}
}

func (v *follower) include(in *scope, i *playbooks.Include) {
	v.now++
	if i.Register != "" {
		v.sets(i.Register)
	}
	if i.Apply != nil {
		in = in.with(keysOf(i.Apply.Vars)...)
	}
	in = v.loop(in, i.Loop)
	in = v.conditions(in, i.Pos, i.When)
	v.keywords(in, i.Pos)
	nodes, known := v.l.x.Resolved(i)
	if !known && i.What == "include_role" {
		v.open = true // the role may set anything
	}
	before := v.looped
	v.looped = before || i.Loop != nil
	if i.Nodes == nil {
		in = in.with()
		in.guess, v.looped = true, true
	}
	v.nodes(in, nodes)
	v.looped = before
}

// loop adds the variables of a loop.
func (v *follower) loop(in *scope, loop *playbooks.Loop) *scope {
	if loop == nil {
		return in
	}
	in = in.with(loop.Control.LoopVar, "ansible_loop", "ansible_loop_var", "ansible_index_var")
	if loop.Control.IndexVar != "" {
		in.names[loop.Control.IndexVar] = true
	}
	return in
}

// conditions reads conditions one after the other; what each says to be defined is so from there on.
func (v *follower) conditions(in *scope, at playbooks.Position, when []playbooks.Value) *scope {
	for _, c := range when {
		text, _ := c.Raw.(string)
		r, ok := v.l.x.ConditionReads(text)
		if !ok {
			continue
		}
		v.check(in, r, c.Pos, at)
		in = in.with(r.WhenTrue...)
	}
	return in
}

func (v *follower) task(in *scope, t *playbooks.Task) {
	v.now++
	own := in
	in = v.loop(in, t.Loop)
	in = v.conditions(in, t.Pos, t.When)
	if t.Register != "" {
		in = in.with(t.Register) // for until, changed_when and the loop itself
	}
	v.keywords(in, t.Pos)
	v.templates(in, t)
	if t.Register != "" {
		v.sets(t.Register)
	}
	v.defines(own, t)
}

// defines notes what a task sets, and what must be defined for those that follow it to be reached.
func (v *follower) defines(in *scope, t *playbooks.Task) {
	module := t.BuiltinAction
	if t.Module != nil {
		module = t.Module.Name
	} else if module == "" {
		module = t.Called[strings.LastIndex(t.Called, ".")+1:]
	}
	for _, name := range factsOf(module, t.Module) {
		v.sets(name)
	}
	switch module {
	case "set_fact", "add_host":
		for name := range t.Args {
			if !playbooks.IsTemplate(name) {
				v.sets(name)
				continue
			}
			v.open = v.open || len(v.below) == 0
			for _, one := range v.below {
				v.sets(one)
			}
		}
		v.open = v.open || t.ArgsFrom.Given()
	case "include_vars":
		v.includeVars(t)
	case "assert":
		that, _ := t.Args["that"]
		for _, text := range texts(that.Raw) {
			if r, ok := v.l.x.ConditionReads(text); ok {
				for _, name := range r.WhenTrue {
					v.known[name] = true
				}
			}
		}
	case "fail":
		if len(t.When) == 1 {
			text, _ := t.When[0].Raw.(string)
			if r, ok := v.l.x.ConditionReads(text); ok {
				for _, name := range r.WhenFalse {
					v.known[name] = true
				}
			}
		}
	}
}

func texts(raw any) []string {
	switch x := raw.(type) {
	case string:
		return []string{x}
	case []any:
		var list []string
		for _, one := range x {
			list = append(list, texts(one)...)
		}
		return list
	}
	return nil
}

func (v *follower) includeVars(t *playbooks.Task) {
	var names []string
	known := false
	if dir, ok := t.Args["dir"].Raw.(string); ok {
		names, known = v.l.x.VariablesIn(t.Origin, dir)
	} else if file, ok := t.Args["file"].Raw.(string); ok {
		names, known = v.l.x.Variables(t.Origin, file)
	}
	if name, ok := t.Args["name"].Raw.(string); ok {
		v.sets(name)
		v.below = append(v.below, names...)
		return
	}
	for _, name := range names {
		v.sets(name)
	}
	v.open = v.open || !known
}

// reads looks at the values of variables that something reads.
func (v *follower) reads(in *scope, vars map[string]playbooks.Value) {
	for _, name := range keysOf(vars) {
		value := vars[name]
		if !v.checking {
			continue
		}
		v.value(in, value.Raw, value.Pos)
	}
}

// value looks at a value that was decoded; templates in it are taken for standing where it begins.
func (v *follower) value(in *scope, raw any, at playbooks.Position) {
	for _, text := range deepTexts(raw, 0) {
		if r, ok := v.l.x.Reads(text); ok {
			v.check(in, r, at, at)
		}
	}
}

// keywords looks at all that is written on a task, a block or an include, but what it holds and its condition.
func (v *follower) keywords(in *scope, at playbooks.Position) {
	if !v.checking {
		return
	}
	s, n := v.l.node(at)
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for _, e := range playbooks.Entries(n) {
		switch e.Key {
		case "when", "block", "rescue", "always", "name", "tags", "register", "listen", "notify":
			continue
		case "until", "changed_when", "failed_when", "break_when":
			v.expressions(in, s, e.Value, n)
			continue
		}
		v.written(in, s, e.Value, n, e.Key)
	}
}

// written looks at the texts below a node.
func (v *follower) written(in *scope, s *playbooks.Source, n, about *yaml.Node, key string) {
	module, isModule := v.l.x.Module(key)
	if isModule && !playbooks.IsKeyword(key) && n.Kind == yaml.MappingNode {
		for _, e := range playbooks.Entries(n) {
			if arg, ok := module.Arg(e.Key); ok && arg.Kind == "raw" {
				v.expressions(in, s, e.Value, about)
				continue
			}
			v.texts(in, s, e.Value, about, 0)
		}
		return
	}
	if key == "loop_control" {
		for _, e := range playbooks.Entries(n) {
			if e.Key == "break_when" {
				v.expressions(in, s, e.Value, about)
				continue
			}
			v.texts(in, s, e.Value, about, 0)
		}
		return
	}
	v.texts(in, s, n, about, 0)
}

func (v *follower) texts(in *scope, s *playbooks.Source, n, about *yaml.Node, depth int) {
	if depth > maxDepth || n.Tag == "!unsafe" {
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode {
		if r, ok := v.l.x.Reads(n.Value); ok {
			v.checkIn(in, r, s, n, about)
		}
		return
	}
	for _, child := range n.Content {
		v.texts(in, s, child, about, depth+1)
	}
}

func (v *follower) expressions(in *scope, s *playbooks.Source, n, about *yaml.Node) {
	for _, item := range playbooks.Items(n) {
		if item.Kind != yaml.ScalarNode {
			continue
		}
		if r, ok := v.l.x.ConditionReads(item.Value); ok {
			v.checkIn(in, r, s, item, about)
			in = in.with(r.WhenTrue...)
		}
	}
}

// templates looks at the template file that a task names.
func (v *follower) templates(in *scope, t *playbooks.Task) {
	if !v.checking || t.Module == nil || t.Module.Name != "template" {
		return
	}
	name, _ := t.Args["src"].Raw.(string)
	for arg := range t.Args {
		if strings.HasSuffix(arg, "_start_string") || strings.HasSuffix(arg, "_end_string") {
			return
		}
	}
	if name == "" || playbooks.IsTemplate(name) {
		return
	}
	s, text, ok := v.l.x.TemplateText(t.Origin, name)
	if !ok || s.Sealed {
		return
	}
	r, ok := v.l.x.FileReads(s.Name, text)
	if !ok {
		return
	}
	in = in.with("template_host", "template_path", "template_fullpath", "template_run_date", "template_uid", "template_mtime", "template_destpath")
	for _, read := range r.Reads {
		v.read(in, read, playbooks.Position{File: s.Name, Line: read.Line, Column: read.Column}, nil)
	}
}

// check looks at what a text reads that begins at a place.
func (v *follower) check(in *scope, r templates.Reading, at, about playbooks.Position) {
	if !v.checking {
		return
	}
	_, n := v.l.node(about)
	s, scalar := v.l.scalar(at)
	for _, read := range r.Reads {
		place := at
		if scalar != nil {
			place = s.Inside(scalar, read.Line, read.Column)
		}
		v.read(in, read, place, n)
	}
}

func (v *follower) checkIn(in *scope, r templates.Reading, s *playbooks.Source, n, about *yaml.Node) {
	for _, read := range r.Reads {
		v.read(in, read, s.Inside(n, read.Line, read.Column), about)
	}
}

// has reports whether anything defines a variable, and whether a task does so only later.
func (v *follower) has(in *scope, name string) (defined, later bool) {
	if in.has(name) || v.known[name] || magic[name] || connections[name] {
		return true, false
	}
	if at, ok := v.set[name]; ok {
		return true, at > v.now && !v.handler && !v.looped
	}
	return v.refused[name] || strings.HasPrefix(name, "ansible_"), false // a fact, or something a connection has
}

// read judges one place that reads a variable.
func (v *follower) read(in *scope, read templates.Read, at playbooks.Position, about *yaml.Node) {
	if fact, isFact := strings.CutPrefix(read.Name, "ansible_"); isFact && !magic[read.Name] && !connections[read.Name] && !in.has(read.Name) && !v.known[read.Name] {
		if _, set := v.set[read.Name]; !set {
			v.fact(fact, read.Name, at, about)
		}
	}
	if read.Name == "ansible_facts" && read.Attribute != "" && v.set[read.Attribute] == 0 && !v.known[read.Attribute] {
		v.fact(read.Attribute, read.Attribute, at, about)
	}
	if read.Guarded {
		return
	}
	for _, other := range read.Unless {
		if ok, _ := v.has(in, other); ok {
			return
		}
	}
	defined, later := v.has(in, read.Name)
	switch {
	case later:
		v.l.report(beforeSet, at, about, "", fmt.Sprintf("%q is read before the first task that sets it", read.Name))
	case !defined && !in.any(isGuess):
		hint := suggest.Hint(read.Name, v.names(in))
		if f := v.l.report(undefined, at, about, hint, fmt.Sprintf("nothing defines the variable %q", read.Name)); f != nil {
			if v.l.o.Inventory == nil || v.open || in.any(isOpen) {
				f.Severity = Warning
			}
		}
	}
}

func (v *follower) fact(fact, name string, at playbooks.Position, about *yaml.Node) {
	if near := nearFact(fact); near != "" {
		v.l.report(unknownFact, at, about, "did you mean "+strings.TrimSuffix(name, fact)+near+"?", fmt.Sprintf("there is no fact %q", name))
	}
}

// names are all that are defined, for hints.
func (v *follower) names(in *scope) []string {
	var list []string
	for s := in; s != nil; s = s.parent {
		list = append(list, slices.Collect(maps.Keys(s.names))...)
	}
	list = append(list, slices.Collect(maps.Keys(v.set))...)
	list = append(list, slices.Collect(maps.Keys(v.known))...)
	slices.Sort(list)
	return slices.Compact(list)
}

// scalar is the scalar that begins at a place.
func (l *linter) scalar(at playbooks.Position) (*playbooks.Source, *yaml.Node) {
	s := l.sources[at.File]
	if s == nil {
		return nil, nil
	}
	if !l.indexed[s.Name] {
		l.indexed[s.Name] = true
		if s.Root != nil {
			l.indexScalars(s, s.Root, false)
		}
	}
	return s, l.scalars[at]
}

func (l *linter) indexScalars(s *playbooks.Source, n *yaml.Node, isKey bool) {
	if n.Kind == yaml.ScalarNode && !isKey {
		l.scalars[s.At(n)] = n
	}
	for i, child := range n.Content {
		l.indexScalars(s, child, n.Kind == yaml.MappingNode && i%2 == 0)
	}
}
