package jinja

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/polarbook/polarbook/templates/ordered"
)

// A template that extends another is rendered as that one, with its own blocks in the place of those of the same names.

type (
	blockStatement struct {
		name     string
		scoped   bool // it sees the variables of the loops around it
		required bool // a template that extends this one has to define it
		body     []statement
	}
	extendsStatement struct {
		at
		file expression
	}
)

// family is a template with those that it extends, while they are rendered.
type family struct {
	top    *frame                  // what they set outside blocks
	blocks map[string][]definition // each block's definitions, that of the template that was asked for first
	parent *parsed                 // what the template in hand extends; nil: nothing, or it is not known yet
}

// definition is a block as one template has it.
type definition struct {
	*blockStatement
	of *parsed
}

func parseBlock(r *reader, p *parser) (statement, *syntaxError) {
	t := p.current()
	if t.kind != tokenName {
		return nil, p.fail("expected the name of the block, found %s", t)
	}
	if slices.ContainsFunc(r.blocks, func(b *blockStatement) bool { return b.name == t.text }) {
		return nil, p.fail("the block %s is defined twice", t.text)
	}
	p.advance()
	s := &blockStatement{name: t.text}
	r.blocks = append(r.blocks, s)
	s.scoped = p.acceptName("scoped")
	s.required = p.acceptName("required")
	body, last, err := r.body(p, "endblock")
	if err != nil {
		return nil, err
	}
	s.body = body
	if t := last.rest.current(); t.kind == tokenName && !last.rest.acceptName(s.name) {
		return nil, last.rest.fail("endblock %s ends the block %s", t.text, s.name)
	}
	return s, last.rest.end()
}

func parseExtends(r *reader, p *parser) (statement, *syntaxError) {
	for _, open := range r.open[:len(r.open)-1] {
		if open != "if" {
			return nil, p.fail("extends cannot be within %s", open)
		}
	}
	s := &extendsStatement{at: at(p.current().offset)}
	var err *syntaxError
	s.file, err = p.expression()
	r.extends = true
	if err != nil {
		return nil, err
	}
	return s, p.end()
}

// whole executes a template from its first statement to its last, and then those that it extends.
func (r *Run) whole(p *parsed) error {
	if len(p.blocks) == 0 && !p.extends {
		return r.all(p.program)
	}
	outer := r.session.family
	defer func() { r.session.family = outer }()
	f := &family{top: r.frame, blocks: map[string][]definition{}}
	r.session.family = f
	own := map[string]any{}
	r.frame.values["self"] = &module{own}
	out := r.out
	for range maximumCalls {
		for _, b := range p.blocks {
			f.blocks[b.name] = append(f.blocks[b.name], definition{b, p})
			own[b.name] = f.function(r, b.name, 0)
		}
		f.parent = nil
		err := r.within(cmp.Or(p.name, r.session.where), p, func(r *Run) error { return r.all(p.program) })
		if r.out = out; err != nil || f.parent == nil {
			return err
		}
		p = f.parent
	}
	return fmt.Errorf("templates extend one another more than %d deep", maximumCalls)
}

func (s *extendsStatement) execute(r *Run) error {
	f := r.session.family
	if f.parent != nil {
		return &failure{s.offset(), fmt.Errorf("a template extends one other, and this one extends %s already", f.parent.name)}
	}
	value, err := r.evaluate(s.file)
	if err != nil {
		return err
	}
	file, ok := value.(string)
	if !ok {
		return &failure{s.offset(), fmt.Errorf("extends takes the name of a template, not %s", Describe(value))}
	}
	parent, _, found, err := r.session.include(file, r.session.options)
	if err != nil {
		return err
	}
	if !found {
		return &failure{s.offset(), fmt.Errorf("the template %s does not exist", file)}
	}
	// What the template says outside its blocks from here on is nobody's.
	f.parent, r.out = parent, &output{}
	return nil
}

func (s *blockStatement) execute(r *Run) error {
	f := r.session.family
	switch {
	case f == nil || len(f.blocks[s.name]) == 0: // of a macro that another template imported
		return r.inner().all(s.body)
	case f.parent != nil:
		return nil
	}
	scope := f.top
	if s.scoped {
		scope = r.frame
	}
	return f.render(&Run{r.session, scope, r.out}, s.name, 0)
}

// render executes a block as the template at depth has it, the one that was asked for being the first.
func (f *family) render(r *Run, name string, depth int) error {
	d := f.blocks[name][depth]
	if d.required && depth == 0 {
		return fmt.Errorf("the block %s is required: a template that extends this one has to define it", name)
	}
	return r.included(d.of.name, d.of, func(inner *Run) error {
		inner.frame.values["super"] = f.function(r, name, depth+1)
		return inner.all(d.body)
	})
}

// function returns what self.NAME() and super() call.
func (f *family) function(in *Run, name string, depth int) *Function {
	return &Function{name: name, call: func(r *Run, positional []any, named *ordered.Map) (any, error) {
		if len(positional) > 0 || named.Len() > 0 {
			return nil, fmt.Errorf("a block takes no arguments")
		}
		if depth >= len(f.blocks[name]) {
			return nil, fmt.Errorf("no template that is extended has the block %s", name)
		}
		inner := &Run{in.session, in.frame, &output{}}
		if err := f.render(inner, name, depth); err != nil {
			return nil, err
		}
		return inner.out.value(), nil
	}}
}
