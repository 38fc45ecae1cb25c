package jinja

import (
	"fmt"
)

// Included runs something of another template, whose errors are in that file.
func (r *Run) Included(path string, body *parsed, do func(*Run) error) error {
	shared := r.Session.Shared
	if shared.depth++; shared.depth > maximumCalls {
		return fmt.Errorf("templates include one another more than %d deep", maximumCalls)
	}
	defer func() { shared.depth-- }()
	where, options := r.Session.Where, r.Session.options
	r.Session.Where, r.Session.options = path, body.options
	defer func() { r.Session.Where, r.Session.options = where, options }()
	return body.explain(path, do(r.inner()))
}

// module is an imported template: the macros and variables at its top.
type module struct{ values map[string]any }
