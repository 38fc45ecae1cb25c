// Package settings reads how a run is set up where Ansible is told so: ansible.cfg, and the environment variables ANSIBLE_*
// that win over it. It knows which settings there are and where they stand, not what is made of them: options of the command
// line win over them, and variables and keywords over all.
package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Settings are those that were given. The zero value has none; a nil *Settings too.
type Settings struct {
	// File is the file that was read, in full; "": none.
	File string
	// Warnings are for the user: settings that are not read, each with its place.
	Warnings []string

	place Place
	given map[Setting]Value
}

// Value is one setting as it was given.
type Value struct {
	Text string
	// From says where it was given, for messages: "ansible.cfg:3", or "ANSIBLE_FORKS".
	From string
	// dir is what relative paths are relative to.
	dir string
	env bool
}

// Load finds ansible.cfg and reads it together with the environment. Its errors are about files that cannot be read as they
// should, with their place; what is wrong with the value of a setting is said when it is asked for.
func Load(p Place) (*Settings, error) {
	s := &Settings{place: p, given: map[Setting]Value{}}
	file, warning, err := p.find()
	if err != nil {
		return nil, err
	}
	if warning != "" {
		s.Warnings = append(s.Warnings, warning)
	}
	if file != "" {
		if err := s.read(file); err != nil {
			return nil, err
		}
	}
	s.readEnvironment()
	return s, nil
}

// read takes what one file says.
func (s *Settings) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, plainPathError(err))
	}
	shown := file
	if below, err := filepath.Rel(s.place.Dir, file); err == nil && !strings.HasPrefix(below, "..") {
		shown = below
	}
	options, err := parse(shown, string(text))
	if err != nil {
		return err
	}
	s.File = file
	s.take(options, shown, filepath.Dir(file))
	return nil
}

// take sorts options into those that are read, those that need not be, and the others, of which it warns.
func (s *Settings) take(options []option, shown, dir string) {
	read := map[string]Setting{}
	for name, e := range table {
		for _, ini := range e.ini {
			read[ini] = name
		}
	}
	found := map[string]Value{}
	for _, o := range options {
		full := o.section + "." + o.key
		from := fmt.Sprintf("%s:%d", shown, o.line)
		if o.section == defaultSection {
			// It counts in every section that there is and that does not say otherwise.
			s.warn("%s: settings in [%s] are not read by polarbook: move them to their section", from, defaultSection)
			continue
		}
		if _, ok := read[full]; ok {
			found[full] = Value{Text: unquote(o.text), From: from, dir: dir}
			continue
		}
		s.judge(o, full, from)
	}
	for name, e := range table {
		for _, ini := range e.ini {
			if v, ok := found[ini]; ok {
				s.given[name] = v
			}
		}
	}
}

// judge warns of an option that is not read, unless it changes nothing.
func (s *Settings) judge(o option, full, from string) {
	values, known := asHere[full]
	switch {
	case withoutEffect[full]:
	case slices.ContainsFunc(otherTools, func(begin string) bool {
		return o.section == begin || strings.HasPrefix(o.section, begin) && strings.HasSuffix(begin, "_") ||
			strings.HasPrefix(o.section, begin) && strings.HasSuffix(begin, ".")
	}):
	case full == "inventory.enable_plugins":
		s.judgePlugins(o, from)
	case known && same(unquote(o.text), values):
	case known:
		s.warn("%s: %s = %s is not what polarbook does, which has %s here as Ansible's default is", from, o.key, shorten(o.text), values[0])
	default:
		s.warn("%s: polarbook does not read the setting %s of [%s]", from, o.key, o.section)
	}
}

// inventoryPlugins are the kinds of inventory that are read.
var inventoryPlugins = []string{"host_list", "script", "auto", "yaml", "ini", "advanced_host_list", "constructed"}

func (s *Settings) judgePlugins(o option, from string) {
	for name := range strings.SplitSeq(o.text, ",") {
		name = strings.TrimPrefix(strings.TrimSpace(name), "ansible.builtin.")
		if name != "" && !slices.Contains(inventoryPlugins, name) {
			s.warn("%s: polarbook has no inventory plugin %s", from, name)
		}
	}
}

// readEnvironment lays environment variables over the file.
func (s *Settings) readEnvironment() {
	for name, e := range table {
		for _, variable := range e.env {
			if text, ok := s.place.Env(variable); ok {
				s.given[name] = Value{Text: text, From: variable, dir: s.place.Dir, env: true}
			}
		}
	}
	var unread []string
	for variable := range unreadVariables {
		if text, ok := s.place.Env(variable); ok && text != "" {
			unread = append(unread, variable)
		}
	}
	for variable, values := range variablesAsHere {
		if text, ok := s.place.Env(variable); ok && text != "" && !same(text, values) {
			unread = append(unread, variable)
		}
	}
	slices.Sort(unread)
	for _, variable := range unread {
		s.warn("polarbook does not read the environment variable %s", variable)
	}
}

func (s *Settings) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}

// same reports whether a value is one of these, as booleans are written in many ways.
func same(text string, values []string) bool {
	if len(values) > 0 && (values[0] == "true" || values[0] == "false") {
		return truth(text) == (values[0] == "true")
	}
	return slices.Contains(values, text)
}

// unquote takes off the quotes that a value stands in.
func unquote(text string) string {
	if n := len(text); n > 1 && text[0] == text[n-1] && (text[0] == '"' || text[0] == '\'') && text[n-2] != '\\' {
		return text[1 : n-1]
	}
	return text
}

// truth is Ansible's: whatever does not say yes says no.
func truth(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "y", "yes", "on", "1", "true", "t", "1.0":
		return true
	}
	return false
}

// Value returns a setting as it was given.
func (s *Settings) Value(name Setting) (Value, bool) {
	if s == nil {
		return Value{}, false
	}
	v, ok := s.given[name]
	return v, ok
}

// Text returns a setting; "": it was not given, or is empty.
func (s *Settings) Text(name Setting) string {
	v, _ := s.Value(name)
	return v.Text
}

// Bool returns a setting that is on or off. ok is false when it was not given.
func (s *Settings) Bool(name Setting) (on, ok bool) {
	v, ok := s.Value(name)
	return truth(v.Text), ok
}

// Int returns a number. ok is false when it was not given; an empty environment variable gives none.
func (s *Settings) Int(name Setting) (n int, ok bool, err error) {
	v, ok := s.Value(name)
	if !ok || v.env && v.Text == "" {
		return 0, false, nil
	}
	if n, err = strconv.Atoi(strings.TrimSpace(v.Text)); err != nil {
		return 0, false, fmt.Errorf("%s: %s is %q, which is not a number", v.From, name, v.Text)
	}
	return n, true, nil
}

// List returns what stands between commas. ok is false when it was not given, or is empty.
func (s *Settings) List(name Setting) (items []string, ok bool) {
	v, ok := s.Value(name)
	if !ok || v.Text == "" {
		return nil, false
	}
	for item := range strings.SplitSeq(v.Text, ",") {
		items = append(items, unquote(strings.TrimSpace(item)))
	}
	return items, true
}

// Path returns a path in full; "": it was not given.
func (s *Settings) Path(name Setting) string {
	v, ok := s.Value(name)
	if !ok || v.Text == "" {
		return ""
	}
	return s.place.resolve(v.Text, v.dir)
}

// Paths returns paths in full, which stand between separators.
func (s *Settings) Paths(name Setting, separator string) (paths []string, ok bool) {
	v, ok := s.Value(name)
	if !ok || v.Text == "" {
		return nil, false
	}
	for path := range strings.SplitSeq(v.Text, separator) {
		if path = strings.TrimSpace(path); path != "" {
			paths = append(paths, s.place.resolve(path, v.dir))
		}
	}
	return paths, true
}

// OneOf returns a setting that has few values; "": it was not given.
func (s *Settings) OneOf(name Setting, values ...string) (string, error) {
	v, ok := s.Value(name)
	if !ok || v.env && v.Text == "" {
		return "", nil
	}
	if !slices.Contains(values, v.Text) {
		return "", fmt.Errorf("%s: %s is %q; it is one of %s", v.From, name, v.Text, strings.Join(values, ", "))
	}
	return v.Text, nil
}
