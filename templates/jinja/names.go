package jinja

import "sort"

// Names returns the variables that a text reads, sorted: those it does not set itself and that are
// no functions of the engine. Variables that these are defined by are not among them.
func (e *Engine) Names(text string) ([]string, error) {
	if !isTemplate(text) {
		return nil, nil
	}
	p, err := e.parse("", text, playbookOptions)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	collectStatements(p.program, found)
	for _, set := range assigned(p.program) {
		delete(found, set)
	}
	return free(found), nil
}

// ConditionNames is Names for a condition.
func (e *Engine) ConditionNames(condition string) ([]string, error) {
	p, err := e.parseExpression(condition)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	collect(p.value, found)
	return free(found), nil
}

func free(found map[string]bool) []string {
	list := []string{}
	for name := range found {
		_, global := globals[name]
		if !global && name != "loop" && name != "omit" && name != "caller" && name != "varargs" && name != "kwargs" &&
			name != "self" && name != "super" {
			list = append(list, name)
		}
	}
	sort.Strings(list)
	return list
}

func (t target) names() []string {
	if t.of != "" {
		return nil
	}
	if t.parts == nil {
		return []string{t.name}
	}
	list := []string{}
	for _, part := range t.parts {
		list = append(list, part.names()...)
	}
	return list
}

// assigned returns the names that statements set, anywhere within them.
func assigned(body []statement) []string {
	list := []string{}
	for _, s := range body {
		switch n := s.(type) {
		case *ifStatement:
			for _, body := range n.bodies {
				list = append(list, assigned(body)...)
			}
			list = append(list, assigned(n.otherwise)...)
		case *forStatement:
			list = append(append(append(list, n.target.names()...), assigned(n.body)...), assigned(n.otherwise)...)
		case *setStatement:
			list = append(list, n.target.names()...)
		case *setBlock:
			list = append(append(list, n.target.names()...), assigned(n.body)...)
		case *macroStatement:
			list = append(append(append(list, n.macro.name), n.macro.parameters...), assigned(n.macro.body)...)
		case *callStatement:
			list = append(append(list, n.caller.parameters...), assigned(n.caller.body)...)
		case *filterStatement:
			list = append(list, assigned(n.body)...)
		case *withStatement:
			for _, t := range n.targets {
				list = append(list, t.names()...)
			}
			list = append(list, assigned(n.body)...)
		case *blockStatement:
			list = append(list, assigned(n.body)...)
		case *importStatement:
			if n.as != "" {
				list = append(list, n.as)
			}
			for _, pair := range n.names {
				list = append(list, pair[1])
			}
		}
	}
	return list
}

// collectStatements adds the names that statements read.
func collectStatements(body []statement, found map[string]bool) {
	for _, s := range body {
		switch n := s.(type) {
		case *outputStatement:
			collect(n.value, found)
		case *printStatement:
			collectStatements(n.outputs, found)
		case *ifStatement:
			for at, condition := range n.conditions {
				collect(condition, found)
				collectStatements(n.bodies[at], found)
			}
			collectStatements(n.otherwise, found)
		case *forStatement:
			collect(n.items, found)
			collect(n.condition, found)
			collectStatements(n.body, found)
			collectStatements(n.otherwise, found)
		case *setStatement:
			collect(n.value, found)
		case *setBlock:
			if n.filter != nil {
				collect(n.filter, found)
			}
			collectStatements(n.body, found)
		case *macroStatement:
			for _, value := range n.macro.defaults {
				collect(value, found)
			}
			collectStatements(n.macro.body, found)
		case *callStatement:
			collect(n.call, found)
			collectStatements(n.caller.body, found)
		case *filterStatement:
			collect(n.filter, found)
			collectStatements(n.body, found)
		case *withStatement:
			for _, value := range n.values {
				collect(value, found)
			}
			collectStatements(n.body, found)
		case *includeStatement:
			collect(n.names, found)
		case *blockStatement:
			collectStatements(n.body, found)
		case *extendsStatement:
			collect(n.file, found)
		case *importStatement:
			collect(n.file, found)
		}
	}
}

// collect adds the names that an expression reads.
func collect(node expression, found map[string]bool) {
	several := func(list []expression) {
		for _, item := range list {
			collect(item, found)
		}
	}
	given := func(a arguments) {
		several(a.positional)
		several(a.named)
		collect(a.list, found)
		collect(a.dict, found)
	}
	switch n := node.(type) {
	case *name:
		found[n.name] = true
	case *list:
		several(n.items)
	case *dictionary:
		several(n.keys)
		several(n.values)
	case *attribute:
		collect(n.of, found)
	case *item:
		collect(n.of, found)
		collect(n.key, found)
	case *slice:
		several([]expression{n.start, n.stop, n.step})
	case *call:
		collect(n.function, found)
		given(n.arguments)
	case *filtered:
		collect(n.of, found)
		given(n.arguments)
	case *tested:
		collect(n.of, found)
		given(n.arguments)
	case *unary:
		collect(n.of, found)
	case *binary:
		several([]expression{n.left, n.right})
	case *logical:
		several([]expression{n.left, n.right})
	case *comparison:
		collect(n.first, found)
		several(n.others)
	case *conditional:
		several([]expression{n.condition, n.then, n.otherwise})
	}
}
