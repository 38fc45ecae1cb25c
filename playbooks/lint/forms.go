package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/playbooks"
)

// forms finds what is written in a form that goes away.
func forms(l *linter, t *task) {
	for _, e := range playbooks.Entries(t.node) {
		at := t.source.At(e.At)
		switch with, isWith := strings.CutPrefix(e.Key, "with_"); {
		case isWith:
			l.report(withLoop, at, t.node, loopFor(with), e.Key+" is the old form of loop")
			bare(l, t, e, with)
		case e.Key == "local_action":
			l.report(localAction, at, t.node, "the module, and delegate_to: localhost", "local_action is the old form of delegate_to")
		case slices.Contains([]string{"when", "until", "changed_when", "failed_when"}, e.Key):
			l.truths(t, e)
		}
	}
	if !strings.Contains(t.Called, ".") && t.Called != "" {
		if in := l.x.Collection(t.Called); in != "" && in != "ansible.builtin" {
			l.report(shortName, t.at(), t.node, "write "+in+"."+t.Called, fmt.Sprintf("%s has moved to the collection %s", t.Called, in))
		}
	}
	pairs(l, t)
}

// loopFor is what stands for a with_ form.
func loopFor(with string) string {
	switch with {
	case "items", "list":
		return "loop"
	case "flattened":
		return "loop: \"{{ … | flatten }}\""
	case "dict":
		return "loop: \"{{ … | dict2items }}\""
	case "together":
		return "loop: \"{{ a | zip(b) }}\""
	case "nested", "cartesian":
		return "loop: \"{{ a | product(b) }}\""
	case "subelements":
		return "loop: \"{{ a | subelements('b') }}\""
	case "sequence":
		return "loop: \"{{ range(…) }}\""
	case "indexed_items":
		return "loop, with loop_control.index_var"
	}
	return "loop: \"{{ query('" + with + "', …) }}\""
}

var (
	loopsOfLists = []string{"items", "list", "flattened", "indexed_items", "dict", "subelements", "nested", "together", "random_choice"}
	oneName      = regexp.MustCompile(`^[A-Za-z_]\w*(\.\w+|\[['"]?\w+['"]?\])*$`)
)

// bare finds a variable without braces that a loop takes for a text.
func bare(l *linter, t *task, e playbooks.Entry, with string) {
	n := e.Value
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || !oneName.MatchString(n.Value) || !slices.Contains(loopsOfLists, with) {
		return
	}
	l.report(bareVariable, t.source.At(n), t.node, `write "{{ `+n.Value+` }}"`, e.Key+" names a variable without braces: it loops over the text itself")
}

// truths finds conditions that come to something else than true or false.
func (l *linter) truths(t *task, e playbooks.Entry) {
	for _, n := range playbooks.Items(e.Value) {
		if n.Kind != yaml.ScalarNode || playbooks.IsTemplate(n.Value) || n.Tag == "!!bool" {
			continue
		}
		if r, ok := l.x.ConditionReads(n.Value); ok && r.NotTruth {
			l.report(onlyOld, t.source.At(n), t.node, "compare it: … | length > 0, … != ''",
				e.Key+" comes to neither true nor false, which ansible-core 2.19 refuses")
		}
	}
}

var pairOf = regexp.MustCompile(`(?:^|\s)(\w+)=`)

// pairs finds arguments that are written as name=value.
func pairs(l *linter, t *task) {
	e, ok := t.call()
	if !ok || e.Value.Kind != yaml.ScalarNode || t.is("set_fact") && e.Value.Value == "" {
		return
	}
	m := t.spec()
	free := ""
	if m != nil {
		free = m.FreeForm
	}
	for _, found := range pairOf.FindAllStringSubmatch(e.Value.Value, -1) {
		if _, given := t.Args[found[1]]; given && found[1] != free {
			l.report(freeForm, t.source.At(e.Value), t.node, "write them one a line, as name: value",
				fmt.Sprintf("arguments of %s as name=value", t.module))
			return
		}
	}
}

// names finds tasks without one.
func names(l *linter, t *task) {
	if s, _ := t.Name.Raw.(string); strings.TrimSpace(s) != "" || t.is("meta") {
		return
	}
	l.report(unnamedTask, t.Pos, t.node, "", fmt.Sprintf("this task (%s) has no name", t.Called))
}

// ignored finds errors that nobody looks at.
func ignored(l *linter, t *task) {
	if t.IgnoreErrors.Raw == true && t.Register == "" {
		l.report(ignoredError, t.IgnoreErrors.Pos, t.node, "register the result, or say with failed_when what is no failure",
			"ignore_errors, and nothing looks at what went wrong")
	}
}

var truthWords = regexp.MustCompile(`^(?i:yes|no|on|off)$`)

// files looks at all that is written, wherever it stands.
func (l *linter) files() {
	for _, s := range l.sources {
		switch {
		case s.Sealed:
		case s.Root != nil:
			l.values(s, s.Root, nil, "")
		default:
			l.texts(s)
		}
	}
}

// values goes through the values of a file. name is the key that a value stands under, about the task that it is in.
func (l *linter) values(s *playbooks.Source, n, about *yaml.Node, name string) {
	switch n.Kind {
	case yaml.ScalarNode:
		l.value(s, n, about, name)
	case yaml.SequenceNode:
		for _, child := range n.Content {
			l.values(s, child, about, name)
		}
	case yaml.MappingNode:
		if about == nil && taskLike(n) {
			about = n
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			inner := about
			if key := n.Content[i].Value; key == "tasks" || key == "pre_tasks" || key == "post_tasks" || key == "handlers" || key == "roles" ||
				key == "block" || key == "rescue" || key == "always" {
				inner = nil
			}
			l.values(s, n.Content[i+1], inner, n.Content[i].Value)
		}
	}
}

// taskLike reports whether a mapping is one task, whose lines a noqa may stand on.
func taskLike(n *yaml.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "hosts", "block", "tasks", "rescue", "always":
			return false
		}
	}
	return len(n.Content) > 0 && n.Content[0].Value == "name"
}

func (l *linter) value(s *playbooks.Source, n, about *yaml.Node, name string) {
	if n.Style == 0 && truthWords.MatchString(n.Value) && name != "state" {
		word := "true"
		if w := strings.ToLower(n.Value); w == "no" || w == "off" {
			word = "false"
		}
		l.report(truthy, s.At(n), about, "write "+word, n.Value+" is read as "+word)
	}
	l.secrets(s, n, about, name)
}
