package playbooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/templates/suggest"
	"gopkg.in/yaml.v3"
)

// call is the key of a task that says what it does.
type call struct {
	entry
	name   string     // of the module, as written
	text   string     // its arguments when they are what is left of `action: module arguments`
	skip   int        // bytes of the scalar before text
	action bool       // it is action or local_action
	module *yaml.Node // of `action: {module: copy src=a}`, whose text is behind the module's name
	local  bool
	// lacking is why there is no such module here, where the task may never be reached.
	lacking *Error
}

var includes = []string{"include_tasks", "import_tasks", "include_role", "import_role", "include"}

// isTaskWord reports whether what a task has is one of the language's words, on whatever level: gather_facts is a module as
// well, unless it says yes or no, as that of a play does.
func isTaskWord(e entry) bool {
	_, word := keywords[e.key]
	return word && (e.key != "gather_facts" || e.value.Kind == yaml.ScalarNode && e.value.Tag == "!!bool")
}

// call finds what a task does. Nil means that it has said what is wrong.
func (l *loader) call(c *scope, n *yaml.Node, es []entry) *call {
	f := c.file
	var found *call
	var strange []entry
	refused := false
	for _, e := range es {
		word := isTaskWord(e)
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
			l.fail(f.at(e.at), len([]rune(e.key)), "make it a task of its own, with a dash",
				"a task does one thing; this one already has %s on line %d", found.key, found.at.Line)
			return nil
		}
		found = next
	}
	switch {
	case found == nil && len(strange) > 0:
		for _, e := range strange {
			if e := l.unknownModule(f, e.at, e.key); e != nil && len(strange) == 1 {
				return &call{entry: strange[0], name: strange[0].key, lacking: e}
			}
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
		if found.action && isTemplate(found.name) {
			return found
		}
		if m == nil && !slices.Contains(includes, shortName(found.name)) {
			if found.lacking = l.unknownModule(f, found.value, found.name); found.lacking == nil {
				return nil
			}
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
				result.name, result.text, _ = splitAction(m.value.Value)
				result.module = m.value
				if result.text != "" {
					result.skip = strings.LastIndex(m.value.Value, result.text)
				}
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
	hint := suggest.Hint(e.key, keywordNames(onTasks))
	if m != nil {
		if _, ok := m.Arg(e.key); ok {
			hint = fmt.Sprintf("%s is an argument of %s: indent it below %s", e.key, m.Name, beside.key)
		}
	}
	l.fail(f.at(e.at), len([]rune(e.key)), hint, "there is no keyword or module %q", e.key)
}

// unknownModule reports a module that is not there: as a misspelling, or as one that polarbook lacks. What is returned is what to
// say when a host reaches it; nil: it was a problem.
func (l *loader) unknownModule(f *file, at *yaml.Node, name string) *Error {
	width := len([]rune(name))
	if own := l.ownModule(name); own != nil {
		return l.lack(f.at(at), width, own.refused.Hint, "the module %s %s", own.where(), own.refused.Reason)
	}
	collection, short := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		collection, short = name[:i], name[i+1:]
	}
	lists := "polarbook doc lists the modules that there are"
	if strings.HasPrefix(short, "mysql_") || collection == "community.mysql" {
		lists = "polarbook is for PostgreSQL and PolarDB: what is on a host for MySQL it can reach by command alone"
	}
	switch collection {
	case "", "ansible.builtin", "ansible.legacy", "ansible.posix", "community.crypto", "community.general", "community.postgresql":
		if _, registered, _ := l.registered(short); registered {
			l.fail(f.at(at), width, "write "+short, "there is a module %q, but not in the collection %q", short, collection)
			return nil
		}
		if l.ansibleHas(name) {
			return l.lack(f.at(at), width, lists,
				"the module %q is not implemented by polarbook, though Ansible has it", name)
		}
	default:
		if l.ansibleHas(name) {
			return l.lack(f.at(at), width, lists,
				"polarbook has no modules of the collection %q", collection)
		}
		l.fail(f.at(at), width, lists, "polarbook has no modules of the collection %q", collection)
		return nil
	}
	candidates := append(l.moduleNames(), includes...)
	if collection == "" {
		candidates = append(candidates, keywordNames(onTasks)...)
	}
	what := "module or keyword"
	if collection != "" {
		what = "module"
	}
	hint := suggest.Hint(short, candidates)
	if hint == "" {
		hint = "polarbook doc lists the modules that there are"
	}
	l.fail(f.at(at), width, hint, "there is no %s %q", what, name)
	return nil
}

func (l *loader) registered(short string) (*tasks.Module, bool, bool) {
	m, isAction, ok := l.moduleNamed(short)
	return m, ok, isAction
}

// moduleNames lists the modules that Lookup finds, of those whose names are known.
func (l *loader) moduleNames() []string {
	names := slices.Concat(modulesWithout, all.Names())
	return slices.DeleteFunc(names, func(name string) bool {
		_, _, ok := l.moduleNamed(name)
		return !ok
	})
}
