package templates

import (
	"fmt"
	"maps"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// callable is a filter, a test, a method or a global function of Go: what it takes and what it does.
type callable struct {
	// parameters are the names of the parameters in order. A name with a trailing ! must be given;
	// *name takes all further positional arguments, **name all further named ones.
	parameters string
	do         func(c *invocation) (any, error)
	// lenient callables may be given undefined values.
	lenient bool
}

// Library is what a template can use besides the language: filters, tests and lookups by their names.
type Library struct {
	Filters, Tests map[string]callable
	// RefusedFilters and RefusedTests are those that are left out, and why.
	RefusedFilters, RefusedTests map[string]string
	// Lookup is lookup(), which joins what it finds, and query(), which gives a list. LookupProblem says why there is no lookup
	// of a name, "" where there is one.
	Lookup        func(r *run, join bool, positional []any, named *ordered.Map) (any, error)
	LookupProblem func(name string) string
}

// invocation is one call of a callable.
type invocation struct {
	run   *run
	name  string
	value any // what is filtered or tested
	bound map[string]any
	rest  []any        // of *name
	named *ordered.Map // of **name
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
func (c callable) bind(r *run, name string, value any, positional []any, named *ordered.Map) (*invocation, error) {
	a := &invocation{run: r, name: name, value: value, bound: map[string]any{}}
	taken := 0
	used := 0
	for _, p := range parameters(c.parameters) {
		switch p.stars {
		case 1:
			a.rest = positional[min(taken, len(positional)):]
			taken = len(positional)
			continue
		case 2:
			a.named = ordered.New(named.Len())
			for key, value := range named.All() {
				if _, bound := a.bound[key]; !bound {
					a.named.Set(key, value)
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
			a.bound[p.name] = positional[taken]
			taken++
		case isNamed:
			a.bound[p.name] = given
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
		for _, p := range parameters(c.parameters) {
			known = append(known, p.name)
		}
		for _, key := range named.Keys() {
			if _, ok := a.bound[key]; !ok {
				return nil, fmt.Errorf("%s has no argument %q%s", name, key, didYouMean(key, known))
			}
		}
	}
	return a, nil
}

// check finds what can be known to be wrong with a call before its arguments have values.
func (c callable) check(what string, a arguments) string {
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

func (c callable) run(r *run, name string, value any, positional []any, named *ordered.Map) (any, error) {
	if !c.lenient {
		if u, ok := value.(*undefined); ok {
			return nil, u.error()
		}
	}
	_, added := r.session.engine.options.Filters[baseName(name)]
	if added || onDemand[baseName(name)] {
		a, err := c.bind(r, name, value, positional, named)
		if err != nil {
			return nil, err
		}
		return c.do(a)
	}
	var err error
	if value, err = r.session.force(value); err != nil {
		return nil, err
	}
	if positional, err = r.session.forceItems(positional, 0); err != nil {
		return nil, err
	}
	if named, err = r.session.forceNamed(named); err != nil {
		return nil, err
	}
	a, err := c.bind(r, name, value, positional, named)
	if err != nil {
		return nil, err
	}
	if !c.lenient {
		for _, item := range a.bound {
			if u, ok := item.(*undefined); ok {
				return nil, u.error()
			}
		}
	}
	return c.do(a)
}

// onDemand are the filters that take their value and arguments as they are, so that what nobody asks
// for is not rendered: map('extract', hostvars, 'x') must not render all variables of all hosts.
var onDemand = map[string]bool{
	"default": true, "d": true, "mandatory": true, "ternary": true, "extract": true, "map": true, "list": true, "length": true,
	"select": true, "reject": true, "selectattr": true, "rejectattr": true,
	"count": true, "first": true, "last": true, "attr": true,
}

// given returns an argument and whether it was given.
func (a *invocation) given(name string) (any, bool) {
	value, ok := a.bound[name]
	return value, ok
}

func (a *invocation) get(name string, otherwise any) any {
	if value, ok := a.bound[name]; ok {
		return value
	}
	return otherwise
}

// text returns an argument that is a string; other plain values are turned into one.
func (a *invocation) text(name, otherwise string) string {
	value, ok := a.bound[name]
	if !ok || value == nil {
		return otherwise
	}
	return text(value)
}

func (a *invocation) integer(name string, otherwise int) (int, error) {
	value, ok := a.bound[name]
	if !ok || value == nil {
		return otherwise, nil
	}
	i, f, isInt, isNumber := number(value)
	switch {
	case isInt:
		return i, nil
	case isNumber && f == float64(int(f)):
		return int(f), nil
	}
	return 0, fmt.Errorf("%s: %s must be an integer, not %s", a.name, name, describe(value))
}

func (a *invocation) truth(name string, otherwise bool) (bool, error) {
	value, ok := a.bound[name]
	if !ok {
		return otherwise, nil
	}
	return truth(value)
}

// items returns the value as a list; strings and plain values are errors.
func (a *invocation) items() ([]any, error) { return listOf(a.name, a.value) }

func listOf(name string, value any) ([]any, error) {
	switch v := value.(type) {
	case []any:
		return v, nil
	case tuple:
		return v, nil
	case *ordered.Map:
		return names(v.Keys()), nil
	case *undefined:
		return nil, v.error()
	}
	return nil, fmt.Errorf("%s needs a list, this is %s", name, describe(value))
}

func (c *invocation) lists() ([][]any, error) {
	first, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	lists := [][]any{first}
	for _, other := range c.rest {
		list, err := c.run.iterate(other)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// itemsIfAny returns the items of the value, none where it is None, 0 or anything else that is false, as Jinja2 has it in map, select
// and their like.
func (c *invocation) itemsIfAny() ([]any, error) {
	if yes, err := truth(c.value); err != nil || !yes {
		return nil, err
	}
	return c.run.iterate(c.value)
}

// filtersWith are all filters, with those that are added. What is there already keeps its name.
func (l *Library) filtersWith(added map[string]Filter) map[string]callable {
	if len(added) == 0 {
		return l.Filters
	}
	all := map[string]callable{}
	for name, f := range added {
		all[name] = callable{do: func(c *invocation) (any, error) { return f(c.key) }}
	}
	maps.Copy(all, l.Filters)
	return all
}

// key is what the value holds under a key, rendered.
func (c *invocation) key(name string) (value any, defined bool, err error) {
	value, err = c.run.item(c.value, name, nil)
	if err == nil {
		value, err = c.run.session.force(value)
	}
	if _, absent := value.(*undefined); absent || err != nil {
		return nil, false, err
	}
	return value, true, nil
}

// baseName takes the collection off a name: ansible.builtin.combine is combine.
func baseName(name string) string {
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

func checkName(what, name string, offset int, known map[string]callable, refused map[string]string, a arguments) *syntaxError {
	base := baseName(name)
	if found, ok := known[base]; ok {
		if message := found.check("the "+what+" "+base, a); message != "" {
			return &syntaxError{offset, message}
		}
		return nil
	}
	if why, ok := refused[base]; ok {
		return &syntaxError{offset, fmt.Sprintf("the %s %s is not supported: %s", what, name, why)}
	}
	return &syntaxError{offset, fmt.Sprintf("there is no %s %q%s", what, name, didYouMean(base, callableNames(known)))}
}

func callableNames(known map[string]callable) []string {
	list := make([]string, 0, len(known))
	for name := range known {
		list = append(list, name)
	}
	return list
}

// checkCall looks at lookup() and query(), whose first argument names what they call.
func (e *Engine) checkCall(n *call) *syntaxError {
	function, ok := n.function.(*name)
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
func (r *run) applyFilter(n *filtered, value any) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	positional, named, err := r.arguments(n.arguments)
	if err != nil {
		return nil, err
	}
	return r.callFilter(n.name, value, positional, named)
}

func (r *run) callFilter(name string, value any, positional []any, named *ordered.Map) (any, error) {
	known := r.session.engine.filters
	f, ok := known[baseName(name)]
	if !ok {
		return nil, fmt.Errorf("there is no filter %q%s", name, didYouMean(name, callableNames(known)))
	}
	return f.run(r, name, value, positional, named)
}

func (r *run) applyTest(n *tested) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	value, err := r.evaluate(n.of)
	if err != nil {
		return nil, err
	}
	positional, named, err := r.arguments(n.arguments)
	if err != nil {
		return nil, err
	}
	yes, err := r.callTest(n.name, value, positional, named)
	if err != nil {
		return nil, err
	}
	return yes != n.negated, nil
}

func (r *run) callTest(name string, value any, positional []any, named *ordered.Map) (bool, error) {
	base := baseName(name)
	if base == "defined" || base == "undefined" {
		_, absent := value.(*undefined)
		return absent == (base == "undefined"), nil
	}
	tests := r.session.engine.library.Tests
	t, ok := tests[base]
	if !ok {
		return false, fmt.Errorf("there is no test %q%s", name, didYouMean(base, callableNames(tests)))
	}
	result, err := t.run(r, name, value, positional, named)
	if err != nil {
		return false, err
	}
	return truth(result)
}
