package jinja

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// include finds a template by name: beside the one that asks, in the directories, in their
// templates/, and among those that are on no disk.
func (e *Engine) include(from, name string, o FileOptions) (*parsed, string, bool, error) {
	candidates := []string{}
	if filepath.IsAbs(name) {
		candidates = append(candidates, name)
	} else {
		if from != "" {
			candidates = append(candidates, filepath.Join(filepath.Dir(from), name))
		}
		for _, directory := range e.Options.Directories {
			candidates = append(candidates, filepath.Join(directory, "templates", name), filepath.Join(directory, name))
		}
	}
	o.literal = false
	if e.Options.Read != nil {
		for _, path := range candidates {
			data, err := e.Options.Read(path)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				data, _, err = e.Options.Vault.File(data)
			}
			if err != nil {
				return nil, "", false, fmt.Errorf("read the template %s: %w", path, err)
			}
			p, failed := e.parse(path, string(data), o)
			return p, path, true, asError(failed)
		}
	}
	if e.Options.Templates != nil {
		if text, ok := e.Options.Templates(name); ok {
			p, failed := e.parse(name, text, o)
			return p, name, true, asError(failed)
		}
	}
	return nil, "", false, nil
}
