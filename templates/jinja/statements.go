package jinja

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// statement is a part of a template: text, an expression to print, or a tag with what it encloses.
type statement interface {
	execute(r *Run) error
}

// Run is a template while it is rendered, at one place: the variables that are visible there and
// where the text goes.
type Run struct {
	session *session
	frame   *frame
	out     *output // nil where nothing is written
}

// frame holds the variables that the template itself has set, as far as they are visible together.
type frame struct {
	values map[string]any
	parent *frame
}

// newFrame returns an empty frame within another, or within none.
func newFrame(parent *frame) *frame { return &frame{values: map[string]any{}, parent: parent} }

// inner returns the run for a block with variables of its own.
func (r *Run) inner() *Run { return &Run{r.session, newFrame(r.frame), r.out} }

// captured executes statements with variables of their own and returns what they give.
func (r *Run) captured(body []statement) (any, error) {
	inner := &Run{r.session, newFrame(r.frame), &output{}}
	err := inner.all(body)
	return inner.out.value(), err
}

// all executes statements one after another.
func (r *Run) all(body []statement) error {
	for _, s := range body {
		if err := r.Step(); err != nil {
			return err
		}
		if err := s.execute(r); err != nil {
			return err
		}
	}
	return nil
}

// Step counts one step of work, and ends what takes too many.
func (r *Run) Step() error {
	if r.session.shared.steps++; r.session.shared.steps > maximumSteps {
		return fmt.Errorf("the template takes more than %d steps", maximumSteps)
	}
	if r.out != nil && r.out.text.Len() > MaximumText {
		return fmt.Errorf("the text becomes larger than %d bytes", MaximumText)
	}
	return nil
}

type (
	textStatement   struct{ text string }
	outputStatement struct{ value expression }
	ifStatement     struct {
		conditions []expression
		bodies     [][]statement
		otherwise  []statement
	}
	forStatement struct {
		target          target
		items           expression
		condition       expression // nil without
		recursive       bool
		body, otherwise []statement
	}
	setStatement struct {
		target target
		value  expression
	}
	setBlock struct {
		target target
		filter *filtered // nil without; its innermost value is the text
		body   []statement
	}
	macroStatement struct {
		macro *macro
	}
	callStatement struct {
		caller *macro
		call   *call
	}
	filterStatement struct {
		filter *filtered
		body   []statement
	}
	withStatement struct {
		targets []target
		values  []expression
		body    []statement
	}
	includeStatement struct {
		at
		names         expression
		ignoreMissing bool
	}
	importStatement struct {
		at
		file  expression
		as    string      // {% import file as x %}
		names [][2]string // {% from file import a as b %}
	}
)

// target is assigned to by for and set: a name, an attribute of a namespace, or several of them.
type target struct {
	name  string
	of    string // the namespace
	parts []target
}

func (s *textStatement) execute(r *Run) error {
	return r.out.write(r.session, r.session.given(s.text))
}

func (s *outputStatement) execute(r *Run) error {
	value, err := r.evaluate(s.value)
	if err != nil {
		return err
	}
	r.session.shared.foreign = r.session.shared.foreign || r.session.shared.unsafe && !isPlainScalar(value)
	return r.out.add(r.session, s.value, value)
}

// isPlainScalar tells a number or a truth value, whose text says nothing else, whoever it comes from.
func isPlainScalar(value any) bool {
	switch value.(type) {
	case nil, bool, int, float64:
		return true
	}
	return false
}

func (s *ifStatement) execute(r *Run) error {
	for at, condition := range s.conditions {
		yes, err := r.truth(condition)
		if err != nil {
			return err
		}
		if yes {
			return r.all(s.bodies[at])
		}
	}
	return r.all(s.otherwise)
}

func (s *setStatement) execute(r *Run) error {
	value, err := r.evaluate(s.value)
	if err != nil {
		return err
	}
	return locate(s.value, r.assign(s.target, value))
}

func (s *setBlock) execute(r *Run) error {
	value, err := r.captured(s.body)
	if err != nil {
		return err
	}
	if s.filter != nil {
		if value, err = r.chain(s.filter, value); err != nil {
			return err
		}
	}
	return r.assign(s.target, value)
}

func (s *filterStatement) execute(r *Run) error {
	value, err := r.captured(s.body)
	if err != nil {
		return err
	}
	if value, err = r.chain(s.filter, value); err != nil {
		return err
	}
	return r.out.add(r.session, s.filter, value)
}

// chain applies the filters of a tag to what it encloses.
func (r *Run) chain(f *filtered, value any) (any, error) {
	if inner, ok := f.of.(*filtered); ok {
		var err error
		if value, err = r.chain(inner, value); err != nil {
			return nil, err
		}
	}
	return r.applyFilter(f, value)
}

func (s *withStatement) execute(r *Run) error {
	inner := r.inner()
	for at, value := range s.values {
		v, err := r.evaluate(value)
		if err == nil {
			err = locate(value, inner.assign(s.targets[at], v))
		}
		if err != nil {
			return err
		}
	}
	return inner.all(s.body)
}

// assign sets variables in the innermost frame.
func (r *Run) assign(to target, value any) error {
	switch {
	case to.of != "":
		holder, err := r.Variable(to.of)
		if err != nil {
			return err
		}
		n, ok := holder.(*namespace)
		if !ok {
			return fmt.Errorf("only a namespace() has attributes that can be set; %s is %s", to.of, Describe(holder))
		}
		n.values.Set(to.name, value)
		return nil
	case to.parts != nil:
		items, err := r.Iterate(value)
		if err != nil {
			return err
		}
		if len(items) != len(to.parts) {
			return fmt.Errorf("there are %d names for %d values", len(to.parts), len(items))
		}
		for at, part := range to.parts {
			if err := r.assign(part, items[at]); err != nil {
				return err
			}
		}
		return nil
	}
	r.frame.values[to.name] = value
	return nil
}

func (s *macroStatement) execute(r *Run) error {
	r.frame.values[s.macro.name] = s.macro.function(r)
	return nil
}

func (s *callStatement) execute(r *Run) error {
	value, err := r.evaluateCall(s.call, ordered.Of("caller", s.caller.function(r)))
	if err != nil {
		return err
	}
	return r.out.add(r.session, s.call, value)
}

func (s *includeStatement) execute(r *Run) error {
	value, err := r.evaluate(s.names)
	if err != nil {
		return err
	}
	names := []any{value}
	if items, ok := value.([]any); ok {
		names = items
	}
	missing := []string{}
	for _, name := range names {
		file, ok := name.(string)
		if !ok {
			return &failure{s.offset(), fmt.Errorf("include takes the name of a template, not %s", Describe(name))}
		}
		body, path, found, err := r.session.include(file, r.session.options)
		if err != nil {
			return err
		}
		if !found {
			missing = append(missing, file)
			continue
		}
		return r.included(path, body, func(inner *Run) error { return inner.whole(body) })
	}
	if s.ignoreMissing {
		return nil
	}
	return &failure{s.offset(), fmt.Errorf("the template %s does not exist", strings.Join(missing, ", "))}
}

func (s *importStatement) execute(r *Run) error {
	value, err := r.evaluate(s.file)
	if err != nil {
		return err
	}
	file, ok := value.(string)
	if !ok {
		return &failure{s.offset(), fmt.Errorf("import takes the name of a template, not %s", Describe(value))}
	}
	body, path, found, err := r.session.include(file, r.session.options)
	if err != nil {
		return err
	}
	if !found {
		return &failure{s.offset(), fmt.Errorf("the template %s does not exist", file)}
	}
	imported := &module{}
	err = r.included(path, body, func(inner *Run) error {
		inner.out = &output{}
		imported.values = inner.frame.values
		return inner.whole(body)
	})
	if err != nil {
		return err
	}
	if s.as != "" {
		r.frame.values[s.as] = imported
		return nil
	}
	for _, pair := range s.names {
		value, ok := imported.values[pair[0]]
		if !ok {
			return &failure{s.offset(), fmt.Errorf("the template %s has no %q%s", file, pair[0], suggest.Suffix(pair[0], Keys(imported.values)))}
		}
		r.frame.values[pair[1]] = value
	}
	return nil
}
