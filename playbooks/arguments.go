package playbooks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/templates/suggest"
)

// arguments holds the arguments that a task gives its module.
type arguments struct {
	values map[string]Value
	places map[string]written
	// broken means that they could not all be read, so that nothing can be said to be missing.
	broken bool
	// whole is a template that all other arguments come from: `copy: "{{ args }}"`.
	whole Value
}

// written is where an argument stands.
type written struct {
	key   Position
	width int // of the key
	value Position
	node  *yaml.Node // the value; nil when it stands in a string with others
}

func newArguments() arguments {
	return arguments{values: map[string]Value{}, places: map[string]written{}}
}

// set notes an argument; of two with the same name the later wins.
func (a arguments) set(name string, v Value, w written) {
	a.values[name] = v
	a.places[name] = w
}

// argumentsUnder reads what stands under a module's name.
func (l *loader) argumentsUnder(f *file, m *tasks.Module, e entry) arguments {
	n := e.value
	switch {
	case isNull(n):
		return newArguments()
	case n.Kind == yaml.MappingNode:
		return l.argsOf(f, m, n)
	case n.Kind == yaml.ScalarNode && n.Value != "":
		return l.argsIn(f, m, n, n.Value, 0)
	case n.Kind == yaml.ScalarNode:
		return newArguments()
	}
	hint := "write them one a line, as name: value"
	if first := items(n); len(first) > 0 && first[0].Kind == yaml.MappingNode {
		for _, e := range entries(first[0]) {
			if _, _, ok := l.moduleNamed(e.key); ok {
				hint = "is " + e.key + " a task of its own? then its dash stands below the dash of this one"
			}
		}
	}
	l.fail(f.at(n), 1, hint, "the arguments of %s have to be a mapping, not a list", m.Name)
	args := newArguments()
	args.broken = true
	return args
}

// argsOf reads arguments written as a mapping.
func (l *loader) argsOf(f *file, m *tasks.Module, n *yaml.Node) arguments {
	args := newArguments()
	for _, e := range entries(n) {
		var v Value
		if arg, ok := m.Arg(e.key); ok && arg.Kind == argument.Raw {
			v = l.raw(f, e.value)
		} else {
			v = l.variable(f, e.value)
		}
		args.set(e.key, v, written{f.at(e.at), len([]rune(e.key)), f.at(e.value), e.value})
	}
	return args
}

// raw is an argument that the module evaluates itself: an expression or a list of them.
func (l *loader) raw(f *file, n *yaml.Node) Value {
	for _, item := range items(n) {
		if item.Kind == yaml.ScalarNode {
			l.expression(f, item)
		} else {
			l.templates(f, item)
		}
	}
	return l.plain(f, n)
}

// someArguments are as many as a hint names of those that a module takes.
const someArguments = 8

// commandOptions are the only `k=v` that a command's free form is searched for, in Ansible and here.
var commandOptions = []string{"creates", "removes", "chdir", "executable", "stdin", "stdin_add_newline", "strip_empty_ends"}

// argsIn reads arguments written as a string, which begins skip bytes into the scalar's text.
func (l *loader) argsIn(f *file, m *tasks.Module, n *yaml.Node, text string, skip int) arguments {
	args := newArguments()
	pairs, raw, err := parsePairs(text, freeFormOptions(m))
	before := len(l.problems)
	escaped := err == nil && strings.Contains(text, `\`)
	if !escaped {
		l.templates(f, n)
	}
	if err != nil {
		args.broken = true
		if len(l.problems) > before {
			return args // braces that are not closed are said so better
		}
		l.fail(f.at(n), 0, "quote the whole line, or write the arguments one a line", "the arguments of %s cannot be told apart: %v", m.Name, err)
		return args
	}
	at := func(offset int) Position {
		line, column := lineColumn(n.Value, skip+offset)
		return f.inside(n, line, column)
	}
	for _, p := range pairs {
		w := written{at(p.offset), len([]rune(p.key)), at(p.after), nil}
		if escaped && isTemplate(p.value) { // what the template is shows only now that the backslashes are gone
			l.checkText(w.value, p.value)
		}
		if arg, ok := m.Arg(p.key); ok && arg.Kind == argument.Raw && !isTemplate(p.value) {
			if err := l.Checker.CheckCondition(p.value); err != nil {
				msg, _, _ := splitPlace(err)
				l.fail(w.value, 0, "", "bad template: %s", msg)
			}
		}
		args.set(p.key, Value{p.value, w.value}, w)
	}
	if raw == "" {
		return args
	}
	if escaped && isTemplate(raw) {
		l.checkText(f.at(n), raw)
	}
	w := written{f.at(n), 0, f.at(n), nil}
	if m.FreeForm == "" && isTemplate(raw) {
		args.whole = Value{raw, w.value}
		return args
	}
	if m.FreeForm == "" {
		names := argumentNames(m)
		if len(names) > someArguments {
			names = append(names[:someArguments:someArguments], "…")
		}
		hint := fmt.Sprintf("write its arguments as name=value, or one a line as name: value (%s)", strings.Join(names, ", "))
		first, _, _ := strings.Cut(raw, "\n")
		place := at(max(strings.Index(text, strings.TrimSpace(first)), 0))
		l.fail(place, 0, hint, "%s takes no text without the name of an argument", m.Name)
		args.broken = true
		return args
	}
	if arg, ok := m.Arg(m.FreeForm); ok && arg.Kind == argument.Raw {
		l.expression(f, n)
	}
	args.set(m.FreeForm, Value{raw, w.value}, w)
	return args
}

// checkText checks a template that is not written as it is: the place is that where its text begins.
func (l *loader) checkText(at Position, text string) {
	err := l.Checker.Check(text)
	if err == nil {
		return
	}
	msg, _, _ := splitPlace(err)
	if lacksName(msg) {
		_ = l.lack(at, 0, "", "bad template: %s", msg)
		return
	}
	l.fail(at, 0, "", "bad template: %s", msg)
}

// argumentCheck holds what a check needs besides the arguments themselves.
type argumentCheck struct {
	at        Position // of the module's name
	width     int
	inherited map[string]Value // by module_defaults
	defaults  bool             // they are module_defaults: nothing is missing
	more      bool             // args: is a template, and may hold any argument
	beside    map[string]bool  // arguments that were written beside the module instead of below it
}

// checkArgs compares arguments with the module's table. What is returned is an argument that polarbook lacks, where the task may
// never be reached.
func (l *loader) checkArgs(f *file, m *tasks.Module, args arguments, c argumentCheck) (lacking *Error) {
	values := map[string]any{}
	for name, v := range args.values {
		values[name] = v.Raw
	}
	for name, v := range c.inherited {
		if !given(m, values, name) {
			values[name] = v.Raw
		}
	}
	problems := m.CheckArgs(values, func(_ string, value any) bool { return literal(value) })
	likely := map[string]bool{} // the arguments that misspelled ones are taken for
	for _, p := range problems {
		if p.Known != nil && p.Item == 0 {
			likely[suggest.Nearest(p.Arg, p.Known)] = true
		}
	}
	for _, p := range problems {
		w, here := args.places[p.Arg]
		_, has := values[p.Arg]
		switch {
		case !has && (c.defaults || c.more || args.broken || likely[p.Arg] || c.beside[p.Arg]):
		case !has:
			l.fail(c.at, c.width, l.misplacedHint(m, args), "%s needs the argument %q", m.Name, p.Arg)
		case !here: // a default's, reported where it is written
		case p.Item > 0:
			at, width := itemPlace(f, w, p)
			colon := ""
			if p.Key != "" && p.Known == nil {
				colon = ":" // what follows is about the key
			}
			l.fail(at, width, suggest.Hint(p.Key, p.Known), "the argument %q of %s%s %s", p.Arg, m.Name, colon, p.Problem)
		case p.Without:
			if e := l.lack(w.key, w.width, m.Without[p.Arg], "the argument %q of %s is not here", p.Arg, m.Name); e != nil {
				lacking = e
			}
		case p.Known != nil && suggest.Nearest(p.Arg, p.Known) == "" && keywords[p.Arg].on == 0:
			if e := l.lack(w.key, w.width, argumentHint(m, p), "%s has no argument %q", m.Name, p.Arg); e != nil {
				lacking = e
			}
		case p.Known != nil:
			l.fail(w.key, w.width, argumentHint(m, p), "%s has no argument %q", m.Name, p.Arg)
		case len(namesGiven(m, args, p.Arg)) > 1:
			names := namesGiven(m, args, p.Arg)
			again := args.places[names[1]]
			l.fail(again.key, again.width, "", "the argument %q of %s is given a second time; %q is another name of it", names[1], m.Name, names[0])
		default:
			l.fail(w.value, 0, "", "the argument %q of %s %s", p.Arg, m.Name, p.Problem)
		}
	}
	if m.Name == "set_fact" {
		l.defineArgs(f, args, func(name string) bool { _, own := m.Arg(name); return own })
		for name, w := range args.places {
			if _, own := m.Arg(name); !own && !isTemplate(name) && !identifier(name) {
				l.fail(w.key, w.width, "a name is made of letters, digits and underscores", "%q cannot be the name of a variable", name)
			}
		}
	}
	return lacking
}

// itemPlace is where a dict of a list stands that a problem is about, or its key.
func itemPlace(f *file, w written, p *tasks.ArgError) (Position, int) {
	if w.node == nil {
		return w.value, 0
	}
	list := items(w.node)
	if p.Item > len(list) {
		return w.value, 0
	}
	item := list[p.Item-1]
	if item.Kind == yaml.MappingNode && p.Key != "" {
		for _, e := range entries(item) {
			switch {
			case e.key == p.Key && p.Known != nil:
				return f.at(e.at), len([]rune(e.key))
			case e.key == p.Key:
				return f.at(e.value), 0
			}
		}
	}
	return f.at(item), 0
}

// argumentHint returns what a name that is not an argument may have been meant to be.
func argumentHint(m *tasks.Module, p *tasks.ArgError) string {
	if hint := suggest.Hint(p.Arg, p.Known); hint != "" {
		return hint
	}
	if _, word := keywords[p.Arg]; word {
		return fmt.Sprintf("%s is a keyword of the task: write it beside %s, not below it", p.Arg, m.Name)
	}
	if len(m.Args) == 0 {
		return m.Name + " takes no arguments"
	}
	return "it takes " + strings.Join(argumentNames(m), ", ")
}

// namesGiven are the names under which an argument was given, as they were written.
func namesGiven(m *tasks.Module, args arguments, name string) []string {
	arg, ok := m.Arg(name)
	if !ok {
		return []string{name}
	}
	var names []string
	for _, n := range append([]string{arg.Name}, arg.Aliases...) {
		if _, has := args.values[n]; has {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := args.places[a].key, args.places[b].key
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	return names
}

// misplacedHint helps when an argument is missing because none was recognised.
func (l *loader) misplacedHint(m *tasks.Module, args arguments) string {
	if len(args.values) == 0 && m.FreeForm != "" {
		return fmt.Sprintf("write the %s behind the colon", m.FreeForm)
	}
	if len(args.values) == 0 && len(m.Args) > 1 {
		return "its arguments are indented below it"
	}
	return ""
}

// given reports whether an argument is among the values, by any of its names.
func given(m *tasks.Module, values map[string]any, name string) bool {
	arg, ok := m.Arg(name)
	if !ok {
		_, has := values[name]
		return has
	}
	for _, n := range append([]string{arg.Name}, arg.Aliases...) {
		if _, has := values[n]; has {
			return true
		}
	}
	return false
}

func argumentNames(m *tasks.Module) []string {
	names := make([]string, 0, len(m.Args))
	for _, a := range m.Args {
		names = append(names, a.Name)
	}
	return names
}
