package jinja

import "slices"

// Read is one place where a text reads a variable.
type Read struct {
	Name         string
	Line, Column int
	// Attribute is what is asked of it, where that is written out: os_family in ansible_facts['os_family'].
	Attribute string
	// Guarded: the text itself copes with a variable that is not defined there (default, `is defined`, a condition that asks for it).
	Guarded bool
	// Unless: it does not matter when one of these is defined, whose default it is.
	Unless []string
}

// Reading is what a text reads, and what follows from it where it is a condition.
type Reading struct {
	Reads []Read
	// WhenTrue are surely defined where the condition holds, WhenFalse where it does not.
	WhenTrue, WhenFalse []string
	// NotTruth: what it comes to is surely neither true nor false: a text, a number, a list.
	NotTruth bool
	// Calls are the filters that it applies, each once.
	Calls []string
}

// Reads returns what a text of a playbook reads, in the order in which it is written.
func (e *Engine) Reads(text string) (Reading, error) {
	if !isTemplate(text) {
		return Reading{}, nil
	}
	return e.readsOf("", text, playbookOptions)
}

// FileReads is Reads for the text of a template file.
func (e *Engine) FileReads(name, text string, o FileOptions) (Reading, error) {
	return e.readsOf(name, text, o)
}

func (e *Engine) readsOf(name, text string, o FileOptions) (Reading, error) {
	p, err := e.parse(name, text, o)
	if err != nil {
		return Reading{}, err
	}
	f := &useFinder{source: p.source}
	f.statements(p.program, nil)
	return f.reading(assigned(p.program)), nil
}

// ConditionReads is Reads for a condition.
func (e *Engine) ConditionReads(condition string) (Reading, error) {
	p, err := e.parseExpression(condition)
	if err != nil {
		return Reading{}, err
	}
	f := &useFinder{source: p.source}
	f.expression(p.value, nil, false)
	r := f.reading(nil)
	r.WhenTrue, r.WhenFalse = assured(p.value, true), assured(p.value, false)
	r.NotTruth = notTruth(p.value)
	return r, nil
}

// useFinder gathers reads. What is assumed to be defined is handed down.
type useFinder struct {
	source string
	found  []Read
	calls  []string
	unless []string
}

func (f *useFinder) reading(own []string) Reading {
	var kept []Read
	for _, r := range f.found {
		names := free(map[string]bool{r.Name: true})
		if len(names) == 1 && !slices.Contains(own, r.Name) {
			kept = append(kept, r)
		}
	}
	return Reading{Reads: kept, Calls: f.calls}
}

func (f *useFinder) read(offset int, name, attribute string, defined []string, lenient bool) {
	line, column, _ := position(f.source, offset)
	f.found = append(f.found, Read{name, line, column, attribute, lenient || slices.Contains(defined, name), slices.Clone(f.unless)})
}

func with(defined, more []string) []string { return append(slices.Clone(defined), more...) }

func (f *useFinder) statements(body []statement, defined []string) {
	for _, s := range body {
		switch n := s.(type) {
		case *outputStatement:
			f.expression(n.value, defined, false)
		case *printStatement:
			f.statements(n.outputs, defined)
		case *ifStatement:
			here := defined
			for i, condition := range n.conditions {
				f.expression(condition, here, false)
				f.statements(n.bodies[i], with(here, assured(condition, true)))
				here = with(here, assured(condition, false))
			}
			f.statements(n.otherwise, here)
		case *forStatement:
			f.expression(n.items, defined, false)
			f.expression(n.condition, defined, false)
			inner := defined
			if n.condition != nil {
				inner = with(defined, assured(n.condition, true))
			}
			f.statements(n.body, inner)
			f.statements(n.otherwise, defined)
		case *setStatement:
			f.expression(n.value, defined, false)
		case *setBlock:
			if n.filter != nil {
				f.expression(n.filter, defined, false)
			}
			f.statements(n.body, defined)
		case *macroStatement:
			f.several(n.macro.defaults, defined, false)
			f.statements(n.macro.body, defined)
		case *callStatement:
			f.expression(n.call, defined, false)
			f.statements(n.caller.body, defined)
		case *filterStatement:
			f.expression(n.filter, defined, false)
			f.statements(n.body, defined)
		case *withStatement:
			f.several(n.values, defined, false)
			f.statements(n.body, defined)
		case *includeStatement:
			f.expression(n.names, defined, false)
		case *blockStatement:
			f.statements(n.body, defined)
		case *extendsStatement:
			f.expression(n.file, defined, false)
		case *importStatement:
			f.expression(n.file, defined, false)
		}
	}
}

func (f *useFinder) several(list []expression, defined []string, lenient bool) {
	for _, one := range list {
		f.expression(one, defined, lenient)
	}
}

func (f *useFinder) given(a arguments, defined []string, lenient bool) {
	f.several(a.positional, defined, lenient)
	f.several(a.named, defined, lenient)
	f.expression(a.list, defined, lenient)
	f.expression(a.dict, defined, lenient)
}

// expression gathers what an expression reads. lenient: what it comes to may be undefined.
func (f *useFinder) expression(node expression, defined []string, lenient bool) {
	switch n := node.(type) {
	case *name:
		f.read(n.offset(), n.name, "", defined, lenient)
	case *list:
		f.several(n.items, defined, lenient)
	case *dictionary:
		f.several(n.keys, defined, false)
		f.several(n.values, defined, false)
	case *attribute:
		f.attribute(n.of, n.name, defined, lenient)
	case *item:
		if key, ok := n.key.(*constant); ok {
			if text, ok := key.value.(string); ok {
				f.attribute(n.of, text, defined, lenient)
				return
			}
		}
		f.expression(n.of, defined, lenient)
		f.expression(n.key, defined, false)
	case *slice:
		f.several([]expression{n.start, n.stop, n.step}, defined, false)
	case *call:
		f.called(n, defined, lenient)
	case *filtered:
		f.filter(n, defined, lenient)
	case *tested:
		asks := n.name == "defined" || n.name == "undefined"
		f.expression(n.of, defined, lenient || asks)
		f.given(n.arguments, defined, false)
	case *unary:
		f.expression(n.of, defined, lenient && n.operator == "not")
	case *binary:
		f.several([]expression{n.left, n.right}, defined, lenient)
	case *logical:
		f.expression(n.left, defined, lenient)
		f.expression(n.right, with(defined, assured(n.left, !n.or)), lenient)
	case *comparison:
		f.expression(n.first, defined, lenient)
		f.several(n.others, defined, lenient)
	case *conditional:
		f.expression(n.condition, defined, lenient)
		f.expression(n.then, with(defined, assured(n.condition, true)), lenient)
		f.expression(n.otherwise, with(defined, assured(n.condition, false)), lenient)
	}
}

// attribute is of.name, or of['name'].
func (f *useFinder) attribute(of expression, attribute string, defined []string, lenient bool) {
	n, ok := of.(*name)
	if !ok {
		f.expression(of, defined, lenient)
		return
	}
	if n.name == "vars" {
		f.read(n.offset(), attribute, "", defined, lenient)
		return
	}
	f.read(n.offset(), n.name, attribute, defined, lenient)
}

// called is a call of a function. lookup('vars', 'x') reads x.
func (f *useFinder) called(n *call, defined []string, lenient bool) {
	function, isName := n.function.(*name)
	if a := n.arguments.positional; isName && (function.name == "lookup" || function.name == "query" || function.name == "q") && len(a) > 1 {
		if kind := constantText(a[0]); kind == "vars" || kind == "ansible.builtin.vars" {
			for _, one := range a[1:] {
				if text := constantText(one); text != "" {
					f.read(one.offset(), text, "", defined, lenient || slices.Contains(n.arguments.names, "default"))
				}
			}
		}
	}
	f.expression(n.function, defined, lenient)
	f.given(n.arguments, defined, false)
}

func constantText(node expression) string {
	c, _ := node.(*constant)
	if c == nil {
		return ""
	}
	text, _ := c.value.(string)
	return text
}

func (f *useFinder) filter(n *filtered, defined []string, lenient bool) {
	if !slices.Contains(f.calls, n.name) {
		f.calls = append(f.calls, n.name)
	}
	switch n.name {
	case "default", "d", "mandatory", "ansible.builtin.mandatory":
		f.expression(n.of, defined, true)
		before := f.unless
		if of := chain(n.of); of != "" && n.name != "mandatory" {
			f.unless = append(slices.Clone(before), of)
		}
		f.given(n.arguments, defined, lenient)
		f.unless = before
	case "select", "reject":
		asks := len(n.arguments.positional) > 0 && slices.Contains([]string{"defined", "undefined"}, constantText(n.arguments.positional[0]))
		f.expression(n.of, defined, lenient || asks)
		f.given(n.arguments, defined, false)
	case "ternary":
		f.expression(n.of, defined, lenient)
		for i, one := range n.arguments.positional {
			f.expression(one, with(defined, assured(n.of, i == 0)), lenient)
		}
		f.several(n.arguments.named, defined, true)
	default:
		f.expression(n.of, defined, lenient)
		f.given(n.arguments, defined, false)
	}
}

// chain is the variable that an expression asks something of, if it is no more than that.
func chain(node expression) string {
	switch n := node.(type) {
	case *name:
		return n.name
	case *attribute:
		if of, ok := n.of.(*name); ok && of.name == "vars" {
			return n.name
		}
	case *filtered:
		return chain(n.of)
	}
	return ""
}

// assured are the variables that are surely defined where an expression is true, or false.
func assured(node expression, truth bool) []string {
	switch n := node.(type) {
	case *tested:
		is := n.name == "defined" && !n.negated || n.name == "undefined" && n.negated
		isNot := n.name == "undefined" && !n.negated || n.name == "defined" && n.negated
		if is && truth || isNot && !truth {
			return inChain(n.of)
		}
		if n.name != "defined" && n.name != "undefined" && truth {
			return asked(n.of)
		}
	case *unary:
		if n.operator == "not" {
			return assured(n.of, !truth)
		}
	case *logical:
		left, right := assured(n.left, truth), assured(n.right, truth)
		if n.or != truth { // both hold, or neither does
			return with(left, right)
		}
		var both []string
		for _, one := range left {
			if slices.Contains(right, one) {
				both = append(both, one)
			}
		}
		return both
	case *comparison:
		return membership(n, truth)
	case *filtered:
		switch {
		case n.name == "bool":
			return assured(n.of, truth)
		case truth && falseDefault(n):
			return inChain(n.of)
		}
		if truth {
			return asked(n.of)
		}
	}
	return nil
}

// asked are the variables that have to be defined for (x | default(”)) | filter to be true.
func asked(node expression) []string {
	if f, ok := node.(*filtered); ok {
		if falseDefault(f) {
			return inChain(f.of)
		}
		return asked(f.of)
	}
	return nil
}

// falseDefault reports whether a filter is a default that is false.
func falseDefault(n *filtered) bool {
	if n.name != "default" && n.name != "d" {
		return false
	}
	if len(n.arguments.positional) == 0 {
		return true
	}
	switch first := n.arguments.positional[0].(type) {
	case *constant:
		return first.value == false || first.value == nil || first.value == "" || first.value == 0
	case *list:
		return len(first.items) == 0
	case *dictionary:
		return len(first.keys) == 0
	}
	return false
}

// inChain are the variables without which a chain of attributes cannot be defined.
func inChain(node expression) []string {
	switch n := node.(type) {
	case *name:
		return []string{n.name}
	case *attribute:
		if of, ok := n.of.(*name); ok && of.name == "vars" {
			return []string{n.name}
		}
		return inChain(n.of)
	case *item:
		if of, ok := n.of.(*name); ok && of.name == "vars" && constantText(n.key) != "" {
			return []string{constantText(n.key)}
		}
		return inChain(n.of)
	case *filtered:
		return inChain(n.of)
	}
	return nil
}

// membership is 'x' in vars, and what compares a default with something else than it.
func membership(n *comparison, truth bool) []string {
	if len(n.operators) != 1 {
		return nil
	}
	in := n.operators[0] == "in" && truth || n.operators[0] == "not in" && !truth
	if text := constantText(n.first); in && text != "" {
		switch of := n.others[0].(type) {
		case *name:
			if of.name == "vars" {
				return []string{text}
			}
		case *item:
			if hosts, ok := of.of.(*name); ok && hosts.name == "hostvars" {
				return []string{text}
			}
		}
	}
	if !truth {
		return nil
	}
	return asked(n.first)
}

// notTruthFilters give numbers, texts and lists.
var notTruthFilters = []string{
	"length", "count", "int", "float", "string", "list", "join", "lower", "upper", "trim", "replace", "regex_replace", "split", "unique",
	"sort", "sum", "basename", "dirname", "intersect", "difference", "union", "to_json", "to_yaml", "regex_findall",
}

func notTruth(node expression) bool {
	switch n := node.(type) {
	case *filtered:
		return slices.Contains(notTruthFilters, n.name)
	case *attribute:
		return n.name == "stdout" || n.name == "stderr" || n.name == "stdout_lines" || n.name == "stderr_lines"
	case *list, *dictionary:
		return true
	case *constant:
		_, truth := n.value.(bool)
		return !truth && n.value != nil
	case *unary:
		return n.operator != "not"
	case *binary:
		return true
	case *logical:
		return false
	}
	return false
}
