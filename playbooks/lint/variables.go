package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
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
