package jinja

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// Callable is a filter, a test, a method or a global function of Go: what it takes and what it does.
type Callable struct {
	// Parameters are the names of the parameters in order. A name with a trailing ! must be given;
	// *name takes all further positional arguments, **name all further named ones.
	Parameters string
	Do         func(c *Invocation) (any, error)
	// Lenient callables may be given undefined values.
	Lenient bool
}

// Library holds what a template can use besides the language: filters, tests and lookups by their names.
type Library struct {
	Filters, Tests map[string]Callable
	// RefusedFilters and RefusedTests are those that are left out, and why.
	RefusedFilters, RefusedTests map[string]string
	// Lookup is lookup(), which joins what it finds, and query(), which gives a list. LookupProblem returns why there is no lookup
	// of a name, "" where there is one.
	Lookup        func(r *Run, join bool, positional []any, named *ordered.Map) (any, error)
	LookupProblem func(name string) string
}

// Invocation is one call of a callable.
type Invocation struct {
	Run   *Run
	Name  string
	Value any // what is filtered or tested
	Bound map[string]any
	Rest  []any        // of *name
	Named *ordered.Map // of **name
}

type parameter struct {
	name     string
	required bool
	stars    int
}

func parameters(text string) []parameter {
	list := []parameter{}
	for _, word := range strings.Fields(text) {
		bare := strings.TrimLeft(word, "*")
		list = append(list, parameter{strings.TrimSuffix(bare, "!"), strings.HasSuffix(bare, "!"), len(word) - len(bare)})
	}
	return list
}

// bind assigns arguments to parameters.
func (c Callable) bind(r *Run, name string, value any, positional []any, named *ordered.Map) (*Invocation, error) {
	a := &Invocation{Run: r, Name: name, Value: value, Bound: map[string]any{}}
	taken := 0
	used := 0
	for _, p := range parameters(c.Parameters) {
		switch p.stars {
		case 1:
			a.Rest = positional[min(taken, len(positional)):]
			taken = len(positional)
			continue
		case 2:
			a.Named = ordered.New(named.Len())
			for key, value := range named.All() {
				if _, bound := a.Bound[key]; !bound {
					a.Named.Set(key, value)
					used++
				}
			}
			continue
		}
		given, isNamed := named.Get(p.name)
		switch {
		case taken < len(positional):
			if isNamed {
				return nil, fmt.Errorf("%s was given %s twice", name, p.name)
			}
			a.Bound[p.name] = positional[taken]
			taken++
		case isNamed:
			a.Bound[p.name] = given
			used++
		case p.required:
			return nil, fmt.Errorf("%s needs the argument %s", name, p.name)
		}
	}
	if taken < len(positional) {
		return nil, fmt.Errorf("%s takes %d arguments, it was given %d", name, taken, len(positional))
	}
	if used < named.Len() {
		known := []string{}
		for _, p := range parameters(c.Parameters) {
			known = append(known, p.name)
		}
		for _, key := range named.Keys() {
			if _, ok := a.Bound[key]; !ok {
				return nil, fmt.Errorf("%s has no argument %q%s", name, key, suggest.Suffix(key, known))
			}
		}
	}
	return a, nil
}

// check finds what can be known to be wrong with a call before its arguments have values.
func (c Callable) check(what string, a arguments) string {
	if a.list != nil || a.dict != nil {
		return ""
	}
	named := ordered.New(len(a.names))
	for _, key := range a.names {
		named.Set(key, nil)
	}
	if _, err := c.bind(nil, what, nil, make([]any, len(a.positional)), named); err != nil {
		return err.Error()
	}
	return ""
}

func (c Callable) run(r *Run, name string, value any, positional []any, named *ordered.Map) (any, error) {
	if !c.Lenient {
		if u, ok := value.(*Undefined); ok {
			return nil, u.Error()
		}
	}
	_, added := r.session.engine.Options.Filters[BaseName(name)]
	if added || onDemand[BaseName(name)] {
		a, err := c.bind(r, name, value, positional, named)
		if err != nil {
			return nil, err
		}
		return c.Do(a)
	}
	var err error
	if value, err = r.session.Force(value); err != nil {
		return nil, err
	}
	if positional, err = r.session.ForceItems(positional, 0); err != nil {
		return nil, err
	}
	if named, err = r.session.forceNamed(named); err != nil {
		return nil, err
	}
	a, err := c.bind(r, name, value, positional, named)
	if err != nil {
		return nil, err
	}
	if !c.Lenient {
		for _, item := range a.Bound {
			if u, ok := item.(*Undefined); ok {
				return nil, u.Error()
			}
		}
	}
	return c.Do(a)
}

// onDemand are the filters that take their value and arguments as they are, so that what nobody asks
// for is not rendered: map('extract', hostvars, 'x') must not render all variables of all hosts.
var onDemand = map[string]bool{
	"default": true, "d": true, "mandatory": true, "ternary": true, "extract": true, "map": true, "list": true, "length": true,
	"select": true, "reject": true, "selectattr": true, "rejectattr": true,
	"count": true, "first": true, "last": true, "attr": true,
}

// Given returns an argument and whether it was given.
func (a *Invocation) Given(name string) (any, bool) {
	value, ok := a.Bound[name]
	return value, ok
}

// Get returns an argument, otherwise where it was not given.
func (a *Invocation) Get(name string, otherwise any) any {
	if value, ok := a.Bound[name]; ok {
		return value
	}
	return otherwise
}

// Text returns an argument that is a string; other plain values are turned into one.
func (a *Invocation) Text(name, otherwise string) string {
	value, ok := a.Bound[name]
	if !ok || value == nil {
		return otherwise
	}
	return Text(value)
}

// Integer returns an argument that is an integer, otherwise where there is none.
func (a *Invocation) Integer(name string, otherwise int) (int, error) {
	value, ok := a.Bound[name]
	if !ok || value == nil {
		return otherwise, nil
	}
	i, f, isInt, isNumber := Number(value)
	switch {
	case isInt:
		return i, nil
	case isNumber && f == float64(int(f)):
		return int(f), nil
	}
	return 0, fmt.Errorf("%s: %s must be an integer, not %s", a.Name, name, Describe(value))
}

// Truth returns whether an argument is true, otherwise where there is none.
func (a *Invocation) Truth(name string, otherwise bool) (bool, error) {
	value, ok := a.Bound[name]
	if !ok {
		return otherwise, nil
	}
	return Truth(value)
}

// Items returns the value as a list; strings and plain values are errors.
func (a *Invocation) Items() ([]any, error) {
	if a.Run != nil {
		if err := a.Run.Lookalike(a.Value); err != nil {
			return nil, err
		}
	}
	return ListOf(a.Name, a.Value)
}

// ListOf returns the items of a list, a tuple or the keys of a mapping; name is for the message.
func ListOf(name string, value any) ([]any, error) {
	switch v := value.(type) {
	case []any:
		return v, nil
	case Tuple:
		return v, nil
	case *ordered.Map:
		return keysOf(v), nil
	case *Undefined:
		return nil, v.Error()
	}
	return nil, fmt.Errorf("%s needs a list, this is %s", name, Describe(value))
}

// Lists returns the items of the value, and of each further argument.
func (c *Invocation) Lists() ([][]any, error) {
	first, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	lists := [][]any{first}
	for _, other := range c.Rest {
		list, err := c.Run.Iterate(other)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// ItemsIfAny returns the items of the value, none where it is None, 0 or anything else that is false, as Jinja2 has it in map, select
// and their like.
func (c *Invocation) ItemsIfAny() ([]any, error) {
	if yes, err := Truth(c.Value); err != nil || !yes {
		return nil, err
	}
	return c.Run.Iterate(c.Value)
}

// filtersWith are all filters, with those that are added. What is there already keeps its name.
func (l *Library) filtersWith(added map[string]Filter) map[string]Callable {
	if len(added) == 0 {
		return l.Filters
	}
	all := map[string]Callable{}
	for name, f := range added {
		all[name] = Callable{Do: func(c *Invocation) (any, error) { return f(c.key) }}
	}
	maps.Copy(all, l.Filters)
	return all
}

// HasFilter reports whether there is a filter of that name.
func (r *Run) HasFilter(name string) bool {
	_, ok := r.session.engine.filters[BaseName(name)]
	return ok
}

// key returns what the value holds under a key, rendered.
func (a *Invocation) key(name string) (value any, defined bool, err error) {
	value, err = a.Run.Item(a.Value, name, nil)
	if err == nil {
		value, err = a.Run.session.Force(value)
	}
	if _, absent := value.(*Undefined); absent || err != nil {
		return nil, false, err
	}
	return value, true, nil
}

// BaseName takes the collection off a name: ansible.builtin.combine is combine.
func BaseName(name string) string {
	for _, prefix := range []string{"ansible.builtin.", "ansible.legacy."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	return name
}

func (e *Engine) checkFilter(n *filtered) *syntaxError {
	return checkName("filter", n.name, n.offset(), e.filters, e.library.RefusedFilters, n.arguments)
}

func (e *Engine) checkTest(n *tested) *syntaxError {
	return checkName("test", n.name, n.offset(), e.library.Tests, e.library.RefusedTests, n.arguments)
}

func checkName(what, name string, offset int, known map[string]Callable, refused map[string]string, a arguments) *syntaxError {
	base := BaseName(name)
	if found, ok := known[base]; ok {
		if message := found.check("the "+what+" "+base, a); message != "" {
			return &syntaxError{offset, message}
		}
		return nil
	}
	if why, ok := refused[base]; ok {
		return &syntaxError{offset, fmt.Sprintf("the %s %s is not supported: %s", what, name, why)}
	}
	return &syntaxError{offset, fmt.Sprintf("there is no %s %q%s", what, name, suggest.Suffix(base, callableNames(known)))}
}

func callableNames(known map[string]Callable) []string {
	list := make([]string, 0, len(known))
	for name := range known {
		list = append(list, name)
	}
	return list
}

// checkCall looks at lookup() and query(), whose first argument names what they call.
func (e *Engine) checkCall(n *call) *syntaxError {
	function, ok := n.function.(*name)
	if ok && function.name == "lipsum" {
		return &syntaxError{n.offset(), "lipsum() is not supported: every run would write another text"}
	}
	if !ok || function.name != "lookup" && function.name != "query" && function.name != "q" {
		return nil
	}
	if len(n.arguments.positional) == 0 {
		if n.arguments.list != nil {
			return nil
		}
		return &syntaxError{n.offset(), function.name + "() needs the name of a lookup"}
	}
	plugin, ok := n.arguments.positional[0].(*constant)
	if !ok {
		return nil
	}
	text, ok := plugin.value.(string)
	if !ok {
		return &syntaxError{plugin.offset(), "the name of a lookup is a string"}
	}
	if message := e.library.LookupProblem(text); message != "" {
		return &syntaxError{plugin.offset(), message}
	}
	return nil
}

// applyFilter applies a filter to a value.
func (r *Run) applyFilter(n *filtered, value any) (any, error) {
	if err := r.Step(); err != nil {
		return nil, err
	}
	positional, named, err := r.arguments(n.arguments)
	if err != nil {
		return nil, err
	}
	return r.CallFilter(n.name, value, positional, named)
}

// CallFilter applies a filter by its name.
func (r *Run) CallFilter(name string, value any, positional []any, named *ordered.Map) (any, error) {
	filters := r.session.engine.filters
	f, ok := filters[BaseName(name)]
	if !ok {
		return nil, fmt.Errorf("there is no filter %q%s", name, suggest.Suffix(name, callableNames(filters)))
	}
	return f.run(r, name, value, positional, named)
}

// escapes are the filters whose text Jinja2 marks as escaped.
var escapes = map[string]bool{"e": true, "escape": true, "forceescape": true, "safe": true, "tojson": true, "xmlattr": true}

func (r *Run) applyTest(n *tested) (any, error) {
	if err := r.Step(); err != nil {
		return nil, err
	}
	value, err := r.evaluate(n.of)
	if sealed := undecrypted(err); sealed != nil && slices.Contains([]string{"defined", "undefined", "vault_encrypted"}, BaseName(n.name)) {
		value, err = sealed, nil
	}
	if err != nil {
		return nil, err
	}
	if f, ok := n.of.(*filtered); ok && BaseName(n.name) == "escaped" && escapes[BaseName(f.name)] {
		return !n.negated, nil
	}
	positional, named, err := r.arguments(n.arguments)
	if err != nil {
		return nil, err
	}
	yes, err := r.CallTest(n.name, value, positional, named)
	if err != nil {
		return nil, err
	}
	return yes != n.negated, nil
}

// CallTest applies a test by its name.
func (r *Run) CallTest(name string, value any, positional []any, named *ordered.Map) (bool, error) {
	base := BaseName(name)
	if base == "defined" || base == "undefined" {
		_, absent := value.(*Undefined)
		return absent == (base == "undefined"), nil
	}
	if base == "vault_encrypted" {
		return r.Sealed(value), nil // which needs no password
	}
	tests := r.session.engine.library.Tests
	t, ok := tests[base]
	if !ok {
		return false, fmt.Errorf("there is no test %q%s", name, suggest.Suffix(base, callableNames(tests)))
	}
	result, err := t.run(r, name, value, positional, named)
	if err != nil {
		return false, err
	}
	return Truth(result)
}
