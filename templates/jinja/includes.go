package jinja

import (
	"fmt"
)

// included runs something of another template, whose errors are in that file.
func (r *Run) included(path string, body *parsed, do func(*Run) error) error {
	return r.inner().within(path, body, do)
}

// within is included with the variables of this run, not with others within them.
func (r *Run) within(path string, body *parsed, do func(*Run) error) error {
	shared := r.session.shared
	if shared.depth++; shared.depth > maximumCalls {
		return fmt.Errorf("templates include one another more than %d deep", maximumCalls)
	}
	defer func() { shared.depth-- }()
	where, options := r.session.where, r.session.options
	r.session.where, r.session.options = path, body.options
	defer func() { r.session.where, r.session.options = where, options }()
	return body.explain(path, do(r))
}

// module is an imported template: the macros and variables at its top.
type module struct{ values map[string]any }
