package lint

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks"
)

// task is a task with what surrounds it, as the rules about single tasks see it.
type task struct {
	*playbooks.Task
	source  *playbooks.Source
	node    *yaml.Node
	module  string // the module's own name, without its collection
	handler bool
	noLog   bool // its own, or one around it
	inherit map[string]playbooks.Value
}

// rulesOfTasks look at one task each.
var rulesOfTasks = []func(*linter, *task){
	commands, latest, lineinfile, downloads, changes, forms, names, ignored, passwords, modes,
}

// structure goes through all tasks, and looks at each; then at what is about several.
func (l *linter) structure() {
	l.index()
	var made []madeHandler
	for _, p := range l.x.Plays {
		l.hosts(p)
		w := &walk{l: l, play: p}
		for _, section := range [][]playbooks.Node{p.PreTasks, p.Roles, p.Tasks, p.PostTasks} {
			w.nodes(section, surroundings{noLog: p.NoLog.Given(), defaults: []map[string]map[string]playbooks.Value{p.ModuleDefaults}})
		}
		w.handlers(p.Handlers, surroundings{noLog: p.NoLog.Given(), handler: true})
		w.match()
		made = append(made, w.made...)
	}
	l.unusedHandlers(made)
}

// surroundings are what blocks give to the tasks in them.
type surroundings struct {
	noLog, handler bool
	never          string // why nothing here is reached; empty: it may be
	role, roleDir  string
	defaults       []map[string]map[string]playbooks.Value
}

type walk struct {
	l        *linter
	play     *playbooks.Play
	notified []string
	// templated: names of handlers are made of templates; open: some tasks are not known.
	templated, open bool
	made            []madeHandler
}

type madeHandler struct {
	name, role, roleDir string
	listen              []string
	at                  playbooks.Position
	about               *yaml.Node
	used, perhaps       bool
}

func (w *walk) nodes(list []playbooks.Node, in surroundings) {
	for _, node := range list {
		common := node.Keywords()
		here := in
		here.noLog = in.noLog || common.NoLog.Given()
		if common.ModuleDefaults != nil {
			here.defaults = append(slices.Clone(in.defaults), common.ModuleDefaults)
		}
		if here.never == "" && alwaysFalse(common.When) {
			here.never = "its condition is never true"
			w.dead(node, here.never)
		} else if in.never != "" {
			w.dead(node, in.never)
		}
		switch n := node.(type) {
		case *playbooks.Task:
			w.task(n, here)
			if why := ends(n, in); why != "" && in.never == "" {
				in.never = why
			}
		case *playbooks.Block:
			w.notifies(n.Notify)
			if n.Role != "" {
				here.role = n.Role
			}
			w.nodes(n.Block, here)
			w.nodes(n.Rescue, here)
			w.nodes(n.Always, here)
			w.handlers(n.RoleHandlers, surroundings{noLog: here.noLog, role: n.Role, roleDir: n.RoleDir, handler: true, defaults: here.defaults})
		case *playbooks.Include:
			inner := here
			if n.Apply != nil && n.Apply.NoLog.Given() {
				inner.noLog = true
			}
			inner.noLog = inner.noLog || in.noLog
			nodes, known := w.l.x.Resolved(n)
			w.open = w.open || !known || n.Nodes == nil
			inner.never = "" // said of the include
			w.nodes(nodes, inner)
		}
	}
}

// dead reports what is not reached.
func (w *walk) dead(node playbooks.Node, why string) {
	if b, isBlock := node.(*playbooks.Block); isBlock && (b.Role != "" || len(b.Block) == 0) {
		return
	}
	at := node.Keywords().Pos
	_, n := w.l.node(at)
	w.l.report(unreachable, at, n, "", "this is never reached: "+why)
}

// alwaysFalse reports whether a condition is the word false.
func alwaysFalse(when []playbooks.Value) bool {
	return slices.ContainsFunc(when, func(v playbooks.Value) bool {
		s, isText := v.Raw.(string)
		return v.Raw == false || isText && strings.EqualFold(strings.TrimSpace(s), "false")
	})
}

// ends says why nothing that follows a task in its list is reached; empty: it may be.
func ends(t *playbooks.Task, in surroundings) string {
	if len(t.When) > 0 || t.Loop != nil || len(t.Tags) > 0 || in.handler {
		return ""
	}
	action, _ := t.Args["action"].Raw.(string)
	switch {
	case t.BuiltinAction == "meta" && (action == "end_play" || action == "end_host" || action == "end_batch"),
		t.BuiltinAction == "meta" && action == "end_role" && in.role != "":
		return fmt.Sprintf("meta: %s stands before it, on line %d", action, t.Pos.Line)
	case t.Module != nil && t.Module.Name == "fail" && !t.IgnoreErrors.Given() && len(t.FailedWhen) == 0:
		return fmt.Sprintf("fail stands before it, on line %d", t.Pos.Line)
	}
	return ""
}

func (w *walk) notifies(list []playbooks.Value) {
	for _, v := range list {
		name, _ := v.Raw.(string)
		w.templated = w.templated || playbooks.IsTemplate(name)
		w.notified = append(w.notified, name)
	}
}

func (w *walk) task(n *playbooks.Task, in surroundings) {
	w.notifies(n.Notify)
	l := w.l
	source, node := l.node(n.Pos)
	if node == nil || source == nil || node.Kind != yaml.MappingNode {
		return
	}
	t := &task{Task: n, source: source, node: node, handler: in.handler, noLog: in.noLog, inherit: map[string]playbooks.Value{}}
	called := n.Called
	t.module = called[strings.LastIndex(called, ".")+1:]
	if n.Module != nil {
		t.module = n.Module.Name
	}
	if n.BuiltinAction != "" {
		t.module = n.BuiltinAction
	}
	for _, level := range in.defaults {
		for name, v := range level[t.module] {
			t.inherit[name] = v
		}
	}
	for _, rule := range rulesOfTasks {
		rule(l, t)
	}
}

// arg is an argument by its own name, whatever alias the task used.
func (t *task) arg(name string) (playbooks.Value, bool) {
	if v, ok := t.Args[name]; ok {
		return v, true
	}
	if t.Module != nil {
		if spec, ok := t.Module.Arg(name); ok {
			for _, n := range append([]string{spec.Name}, spec.Aliases...) {
				if v, ok := t.Args[n]; ok {
					return v, true
				}
			}
		}
	}
	v, ok := t.inherit[name]
	return v, ok
}

// text is an argument that is a text.
func (t *task) text(name string) string {
	v, _ := t.arg(name)
	s, _ := v.Raw.(string)
	return s
}

func (t *task) is(modules ...string) bool { return slices.Contains(modules, t.module) }

// key is the mapping's entry of a keyword.
func (t *task) key(name string) (playbooks.Entry, bool) {
	for _, e := range playbooks.Entries(t.node) {
		if e.Key == name {
			return e, true
		}
	}
	return playbooks.Entry{}, false
}

// call is the entry that names the module.
func (t *task) call() (playbooks.Entry, bool) {
	for _, e := range playbooks.Entries(t.node) {
		if e.Key == t.Called || e.Key == "action" || e.Key == "local_action" {
			return e, true
		}
	}
	return playbooks.Entry{}, false
}

// at is where the module's name stands.
func (t *task) at() playbooks.Position {
	if e, ok := t.call(); ok && e.At.Line >= t.node.Line {
		return t.source.At(e.At)
	}
	return t.Pos
}

func (t *task) spec() *tasks.Module { return t.Module }

// handlers looks at the tasks of handlers, and notes their names.
func (w *walk) handlers(list []playbooks.Node, in surroundings) {
	w.nodes(list, in)
	for _, node := range list {
		var listen []string
		switch n := node.(type) {
		case *playbooks.Task:
			listen = n.Listen
		case *playbooks.Include:
			listen = n.Listen
		case *playbooks.Block:
			w.noteHandlers(n.Block, in)
			continue
		}
		w.note(node, listen, in)
	}
}

func (w *walk) noteHandlers(list []playbooks.Node, in surroundings) {
	for _, node := range list {
		if t, ok := node.(*playbooks.Task); ok {
			w.note(t, t.Listen, in)
		}
	}
}

func (w *walk) note(node playbooks.Node, listen []string, in surroundings) {
	name, _ := node.Keywords().Name.Raw.(string)
	at := node.Keywords().Pos
	_, n := w.l.node(at)
	w.made = append(w.made, madeHandler{name: name, role: in.role, roleDir: in.roleDir, listen: listen, at: at, about: n})
}

// match finds out which handlers the play notifies.
func (w *walk) match() {
	for i, h := range w.made {
		names := append([]string{h.name, h.role + " : " + h.name}, h.listen...)
		w.made[i].used = slices.ContainsFunc(w.notified, func(n string) bool {
			return slices.Contains(names, n) || strings.HasSuffix(n, " : "+h.name)
		})
		w.made[i].perhaps = w.templated || playbooks.IsTemplate(h.name) || h.roleDir == "" && w.open ||
			h.roleDir != "" && w.l.x.Mentions(h.roleDir, h.name)
	}
}

// unusedHandlers reports those that no play notifies.
func (l *linter) unusedHandlers(made []madeHandler) {
	used, perhaps := map[playbooks.Position]bool{}, map[playbooks.Position]bool{}
	for _, h := range made {
		used[h.at], perhaps[h.at] = used[h.at] || h.used, perhaps[h.at] || h.perhaps
	}
	for _, h := range made {
		l.unnotified[h.at] = !used[h.at]
		if !used[h.at] && !perhaps[h.at] {
			l.report(unusedHandler, h.at, h.about, "", fmt.Sprintf("nothing notifies the handler %q", h.name))
		}
	}
}

// hosts looks at a play's pattern.
func (l *linter) hosts(p *playbooks.Play) {
	if l.o.Inventory == nil || !p.Hosts.Given() || l.addsHosts() {
		return
	}
	list, ok := p.Hosts.Raw.([]any)
	if !ok {
		list = []any{p.Hosts.Raw}
	}
	var parts []string
	for _, one := range list {
		parts = append(parts, fmt.Sprint(one))
	}
	pattern := strings.Join(parts, ":")
	if playbooks.IsTemplate(pattern) {
		return
	}
	if missing := l.o.Inventory.Unmatched(pattern); len(missing) > 0 {
		l.report(noHosts, p.Hosts.Pos, nil, "", missing[0])
		return
	}
	if found, err := l.o.Inventory.Select(pattern); err == nil && len(found) == 0 {
		l.report(noHosts, p.Hosts.Pos, nil, "", fmt.Sprintf("the pattern %q matches no host", pattern))
	}
}

// addsHosts reports whether the playbook adds hosts or groups itself.
func (l *linter) addsHosts() bool {
	adds := false
	l.x.Walk(func(s playbooks.Step) bool {
		switch n := s.Node.(type) {
		case *playbooks.Task:
			adds = adds || n.BuiltinAction == "add_host" || n.BuiltinAction == "group_by"
		case *playbooks.Include:
			adds = adds || n.Nodes == nil
		}
		return true
	})
	return adds
}

// secretName reports whether a variable or argument holds a secret by its name. What says whether, when or how a password is used
// has such a word in its name and holds none.
func secretName(name string) bool {
	lower := strings.ToLower(name)
	for _, end := range []string{"update_password", "ask_pass", "become_ask_pass", "generate_password"} {
		if strings.HasSuffix(lower, end) {
			return false
		}
	}
	return inventory.SecretName(name)
}
