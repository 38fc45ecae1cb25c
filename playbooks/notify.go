package playbooks

import (
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
)

// checkNotified checks that what a play's tasks notify is a handler's name or topic. Names that are templates are left
// to the run, and so are all names when an include's role, with its handlers, is not known before it.
func (l *loader) checkNotified(p *Play) {
	n := notifications{}
	n.handlersIn(p.Handlers)
	for _, section := range [][]Node{p.PreTasks, p.Roles, p.Tasks, p.PostTasks, p.Handlers} {
		n.tasksIn(section)
	}
	l.refuseLacking(n)
	if n.open {
		return
	}
	for _, v := range n.notified {
		name, _ := v.Raw.(string)
		if isTemplate(name) || n.known(name) {
			continue
		}
		hint := suggest.Hint(name, n.names)
		if hint == "" && len(n.names) > 0 {
			hint = "the handlers of this play are: " + strings.Join(n.names, ", ")
		}
		l.fail(v.Pos, 0, hint, "there is no handler %q in this play", name)
	}
}

// refuseLacking reports the handlers without a module that a task calls for which is surely reached.
func (l *loader) refuseLacking(n notifications) {
	for _, h := range n.lacking {
		called := slices.ContainsFunc(n.surely, func(v Value) bool {
			name, _ := v.Raw.(string)
			return isTemplate(name) || name == h.name || name == h.role+" : "+h.name || slices.Contains(h.task.Listen, name)
		})
		if at := slices.Index(l.lacking, h.task.Unavailable); called && at >= 0 {
			l.problems = append(l.problems, l.lacking[at])
			l.lacking = slices.Delete(l.lacking, at, at+1)
		}
	}
}

// lackingHandler is a handler whose module is not there.
type lackingHandler struct {
	name, role string
	task       *Task
}

type notifications struct {
	lacking  []lackingHandler
	surely   []Value // what tasks notify that are surely reached
	names    []string
	patterns []*regexp.Regexp // of handlers whose names hold templates
	notified []Value
	open     bool // there may be handlers that cannot be known yet
}

func (n *notifications) known(name string) bool {
	for _, have := range n.names {
		if have == name {
			return true
		}
	}
	for _, p := range n.patterns {
		if p.MatchString(name) {
			return true
		}
	}
	return false
}

var anyTemplate = regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}`)

func (n *notifications) add(name Value, role string, listen []string) {
	if s, ok := name.Raw.(string); ok && s != "" {
		if isTemplate(s) {
			pattern := "(?s)^"
			if role != "" {
				pattern += "(?:" + regexp.QuoteMeta(role+" : ") + ")?"
			}
			for i, part := range anyTemplate.Split(s, -1) {
				if i > 0 {
					pattern += ".*"
				}
				pattern += regexp.QuoteMeta(part)
			}
			if p, err := regexp.Compile(pattern + "$"); err == nil {
				n.patterns = append(n.patterns, p)
			}
		} else {
			n.names = append(n.names, s)
			if role != "" {
				n.names = append(n.names, role+" : "+s)
			}
		}
	}
	n.names = append(n.names, listen...)
}

// handlersIn gathers the names of handlers. Those within an include_tasks cannot be notified, only the include.
func (n *notifications) handlersIn(nodes []Node) { n.roleHandlers(nodes, "") }

func (n *notifications) roleHandlers(nodes []Node, role string) {
	for _, node := range nodes {
		switch h := node.(type) {
		case *Task:
			n.add(h.Name, role, h.Listen)
			if name, _ := h.Name.Raw.(string); h.Unavailable != nil && h.sure {
				n.lacking = append(n.lacking, lackingHandler{name, role, h})
			}
		case *Include:
			n.add(h.Name, role, h.Listen)
		case *Block: // import_tasks
			n.roleHandlers(h.Block, role)
		}
	}
}

// tasksIn gathers what tasks notify, and the handlers of the roles among them.
func (n *notifications) tasksIn(nodes []Node) {
	for _, node := range nodes {
		switch t := node.(type) {
		case *Task:
			n.notified = append(n.notified, t.Notify...)
			if t.sure {
				n.surely = append(n.surely, t.Notify...)
			}
		case *Block:
			n.notified = append(n.notified, t.Notify...)
			n.roleHandlers(t.RoleHandlers, t.Role)
			if t.RoleFullName != "" {
				n.roleHandlers(t.RoleHandlers, t.RoleFullName)
			}
			for _, list := range [][]Node{t.Block, t.Rescue, t.Always, t.RoleHandlers} {
				n.tasksIn(list)
			}
		case *Include:
			n.open = n.open || t.Nodes == nil
			n.tasksIn(t.Nodes)
		}
	}
}
