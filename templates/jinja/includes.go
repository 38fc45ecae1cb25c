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

// SearchPath returns the directories where relative names of files are searched, in order: those of the task, which its variable
// ansible_search_path holds, and without any those of the engine.
func (r *Run) SearchPath() []string {
	if directories, ok := r.session.searchPath(); ok {
		return directories
	}
	return r.session.engine.Options.Directories
}

// searchPath is the variable of that name, where it is a list.
func (s *session) searchPath() ([]string, bool) {
	raw, _ := s.vars.Get("ansible_search_path")
	if unsafe, ok := raw.(Unsafe); ok {
		raw = unsafe.Value
	}
	items, ok := raw.([]any)
	if !ok {
		return nil, false
	}
	directories := make([]string, len(items))
	for at, item := range items {
		directories[at] = Text(item)
	}
	return directories, true
}

// places lists the files that a template's name may mean. As Jinja2 has it in Ansible what a task's directories hold comes before what
// stands beside the template.
func (s *session) places(name string) []string {
	if filepath.IsAbs(name) {
		return []string{name}
	}
	var beside, within []string
	for _, file := range []string{s.root, s.where} {
		if file != "" {
			beside = append(beside, filepath.Join(filepath.Dir(file), name))
		}
	}
	directories, ofTask := s.searchPath()
	if !ofTask {
		directories = s.engine.Options.Directories
	}
	for _, directory := range directories {
		within = append(within, filepath.Join(directory, "templates", name), filepath.Join(directory, name))
	}
	if ofTask && !s.lookedUp {
		return append(within, beside...)
	}
	return append(beside, within...)
}

// include finds a template by name: in the directories, in their templates/, beside the one that asks, and among those that are on no
// disk.
func (s *session) include(name string, o FileOptions) (*parsed, string, bool, error) {
	e := s.engine
	candidates := s.places(name)
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
