package jinja

import "strings"

// output is what a template, a macro or a block gives. One thing alone keeps its type, whatever tags stand around it; several are
// put together as text. None counts for nothing, as nothing is.
type output struct {
	text   strings.Builder
	count  int        // 2 stands for any number above
	first  any        // while it is the only one, it is not in text
	source expression // which gave it, nil for text of the template
}

// write adds a text of the template.
func (o *output) write(s *session, text string) error {
	if o.count == 0 {
		o.count, o.first, o.source = 1, text, nil
		return nil
	}
	err := o.join(s)
	o.text.WriteString(text)
	return err
}

// add adds the value of an expression. Something undefined in it is an error.
func (o *output) add(s *session, source expression, value any) error {
	if value == nil {
		return nil
	}
	if o.count == 0 {
		if u, ok := value.(*Undefined); ok && !u.quiet {
			return locate(source, u.Error())
		}
		o.count, o.first, o.source = 1, value, source
		return nil
	}
	if err := o.join(s); err != nil {
		return err
	}
	text, err := s.printed(value)
	if err != nil {
		return locate(source, err)
	}
	o.text.WriteString(text)
	return nil
}

// value is what was given: None where nothing was.
func (o *output) value() any {
	if o.count > 1 {
		return o.text.String()
	}
	return o.first
}

// join has the first thing among the texts.
func (o *output) join(s *session) error {
	if o.count != 1 {
		return nil
	}
	text, err := s.printed(o.first)
	if err != nil {
		return locate(o.source, err)
	}
	o.text.WriteString(text)
	o.first = nil
	o.count = 2
	return nil
}
