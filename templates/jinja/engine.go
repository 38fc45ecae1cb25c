// Package jinja is the language: it splits a template into text and tags, reads its expressions and statements, and evaluates
// them with Python's values. What filters, tests and lookups there are comes in as a Library.
//
// Values go out as *ordered.Map, []any, string, int, float64, bool and nil. Keys of dictionaries are strings: this is the one
// known difference from Jinja2's values.
package jinja

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Options holds what an engine may use of the machine it runs on. The zero value reads no environment
// and no files.
type Options struct {
	// Env returns an environment variable, for lookup('env') and the environment only. nil has none.
	Env func(name string) (string, bool)
	// Read returns the content of a file on this machine. nil means that lookups and tests that need
	// files fail.
	Read func(path string) ([]byte, error)
	// Outside lets lookups run commands on this machine, write files and ask servers.
	Outside bool
	// Hosts returns the names of the hosts that patterns stand for, for lookup('inventory_hostnames'). nil: there is no inventory.
	Hosts func(patterns []string) ([]string, error)
	// Settings are what Ansible's configuration holds, by its names, for lookup('config').
	Settings map[string]any
	// Directories are where relative names of files are searched, in order, where no variable ansible_search_path says it: for lookup('file')
	// in their files/ too, for include and lookup('template') in their templates/ too.
	Directories []string
	// Templates returns a template that is on no disk (a built-in one), tried last.
	Templates func(name string) (string, bool)
	// Secrets knows the secrets among what templates read, and is told what they become. nil: there are none.
	Secrets Secrets
	// Vault decrypts what is encrypted with Ansible Vault, when something reads it. nil has no passwords.
	Vault *vault.Keyring
	// Filters are filters beside those of Jinja2 and Ansible, by their names.
	Filters map[string]Filter
	// Now returns the time for now() and strftime. nil means time.Now.
	Now func() time.Time
}

// Filter makes a value of a mapping, such as hostvars['db1']. It has no arguments. get returns what the mapping holds under
// a key, rendered; defined is false where it holds nothing, and then value is nil.
type Filter = func(get func(key string) (value any, defined bool, err error)) (any, error)

// Engine renders templates. It is safe for use from many goroutines.
type Engine struct {
	Options Options
	library *Library
	filters map[string]Callable // those of the library, and of the options
	mutex   sync.Mutex
	parsed  map[parseKey]*parsed
	made    made
	anyMade atomic.Bool // there are some, which is asked often
}

// NewEngine returns an engine whose templates can use what the library holds.
func NewEngine(o Options, library *Library) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{Options: o, library: library, filters: library.filtersWith(o.Filters), parsed: map[parseKey]*parsed{}}
}

// FileOptions are the options of a template file that the module template has. The zero value is
// Jinja2's default; DefaultFileOptions is Ansible's. A file's first line can be "#jinja2: lstrip_blocks: True, ..."
// and change them.
type FileOptions struct {
	TrimBlocks      bool // remove the newline after a tag
	LeftStripBlocks bool // remove white space before a tag that begins a line
	Markers
	// NewlineSequence ends the lines of the template, "" means "\n". What variables hold stays as it is.
	NewlineSequence string
	// keepNewline keeps the newline at the end of the template as Jinja2 can; otherwise restoreNewlines brings it back.
	keepNewline bool
	// literal is for the texts of playbooks, see words.
	literal bool
}

// DefaultFileOptions are what the module template does unless told otherwise.
func DefaultFileOptions() FileOptions { return FileOptions{TrimBlocks: true} }

// playbookOptions are those of the texts in a playbook.
var playbookOptions = FileOptions{TrimBlocks: true, literal: true}

// Render renders a text. A text that is one {{ expression }} and nothing else gives the value of the
// expression with its type; any other gives a string; one without a template is returned as it is.
// Something undefined is an *UndefinedError within an *Error, a syntax error is an *Error.
func (e *Engine) Render(text string, vars Vars) (any, error) {
	if !isTemplate(text) {
		return text, nil
	}
	return e.followed(vars, func(s *session) (any, error) {
		value, err := s.render(text)
		if err != nil {
			return nil, err
		}
		return s.Finish(value)
	})
}

// RenderValue renders every text in a value: in lists and in mappings, keys too.
func (e *Engine) RenderValue(value any, vars Vars) (any, error) {
	return e.followed(vars, func(s *session) (any, error) {
		rendered, err := s.renderValue(value, 0)
		if err != nil {
			return nil, err
		}
		return s.Finish(rendered)
	})
}

func (s *session) renderValue(value any, depth int) (any, error) {
	if depth > MaximumDepth {
		return nil, fmt.Errorf("a value nests deeper than %d levels", MaximumDepth)
	}
	switch v := plain(value).(type) {
	case string:
		return s.render(v)
	case []any:
		result := make([]any, len(v))
		for at, item := range v {
			rendered, err := s.renderValue(item, depth+1)
			if err != nil {
				return nil, err
			}
			result[at] = rendered
		}
		return result, nil
	case *ordered.Map:
		result := ordered.New(v.Len())
		for key, item := range v.All() {
			rendered, err := s.renderValue(item, depth+1)
			if err != nil {
				return nil, err
			}
			if !isTemplate(key) {
				result.SetAs(key, v.KeyOf(key), rendered)
				continue
			}
			renderedKey, err := s.render(key)
			if err == nil {
				renderedKey, err = s.Finish(renderedKey)
			}
			if err != nil {
				return nil, err
			}
			if err := SetKey(result, renderedKey, rendered); err != nil {
				return nil, err
			}
		}
		return result, nil
	default:
		return v, nil
	}
}

// Condition evaluates an expression as when, until, failed_when and changed_when hold it: without
// braces. The result is its truth as Python sees it: "", 0, [], {} and None are false, "False" is
// true. A condition that does have braces is rendered first and then, if that gave a string,
// evaluated as an expression, as Ansible does: that is for variables that hold expressions. Where anything
// Unsafe or a lookup had a part in that text, it is an *UnsafeConditionError: what a host says is never evaluated.
// An empty condition is true.
func (e *Engine) Condition(condition string, vars Vars) (bool, error) {
	value, err := e.ConditionValue(condition, vars)
	if err != nil {
		return false, err
	}
	return Truth(value)
}

// ConditionValue returns what a condition comes to, whose truth Condition tells: a boolean where it is one as ansible-core 2.19
// wants it. A value that is neither true nor false is an error.
func (e *Engine) ConditionValue(condition string, vars Vars) (any, error) {
	if strings.TrimSpace(condition) == "" {
		return true, nil
	}
	return e.followed(vars, func(s *session) (any, error) { return s.condition(condition) })
}

func (s *session) condition(condition string) (any, error) {
	e := s.engine
	if isTemplate(condition) {
		value, err := s.render(condition)
		if err == nil {
			value, err = s.Finish(value)
		}
		if err != nil {
			return nil, err
		}
		text, ok := value.(string)
		if !ok {
			_, err := Truth(value)
			return value, err
		}
		// A text that is not one expression alone notes by itself what it is made of.
		p, failed := e.parse("", condition, playbookOptions)
		if s.shared.foreign || s.shared.unsafe && (failed != nil || p.single != nil) {
			return nil, &UnsafeConditionError{Condition: condition}
		}
		if strings.TrimSpace(text) == "" {
			return false, nil
		}
		condition = text
	}
	p, err := e.parseExpression(condition)
	if err != nil {
		return nil, err
	}
	r := &Run{session: s, frame: newFrame(nil)}
	value, failed := r.evaluate(p.value)
	if failed == nil {
		_, failed = Truth(value)
		failed = locate(p.value, failed)
	}
	return value, p.explain("", failed)
}

// UnsafeConditionError is a condition with braces in whose text a host, a task or a file had a part: evaluated, it would
// do what they say.
type UnsafeConditionError struct{ Condition string }

func (e *UnsafeConditionError) Error() string {
	instead := "write the condition as an expression without braces, as in when: result.stdout == 'yes', or result.stdout | bool"
	if inner, ok := strings.CutPrefix(strings.TrimSpace(e.Condition), "{{"); ok {
		if inner, ok = strings.CutSuffix(inner, "}}"); ok && !strings.Contains(inner, "{{") {
			inner = strings.TrimSpace(strings.Trim(inner, "-"))
			instead = fmt.Sprintf("write an expression without braces: %s | bool for a truth value, %s == 'text' to compare it",
				inner, inner)
		}
	}
	return fmt.Sprintf("the template %s gives a text that comes from a host, an earlier task or a file, "+
		"and such text is never evaluated as a condition; %s", strings.TrimSpace(e.Condition), instead)
}

// Evaluate returns the value of an expression without braces, with its type.
func (e *Engine) Evaluate(expression string, vars Vars) (any, error) {
	p, err := e.parseExpression(expression)
	if err != nil {
		return nil, err
	}
	return e.followed(vars, func(s *session) (any, error) {
		r := &Run{session: s, frame: newFrame(nil)}
		value, failed := r.evaluate(p.value)
		if failed != nil {
			return nil, p.explain("", failed)
		}
		return s.Finish(value)
	})
}

// File renders a template file as the module template does. name is for messages and the directory
// that include searches first. The result ends with as many newlines as the template, or more.
func (e *Engine) File(name, text string, vars Vars, o FileOptions) (string, error) {
	p, err := e.parse(name, text, o)
	if err != nil {
		return "", err
	}
	rendered, err2 := e.followed(vars, func(s *session) (any, error) {
		s.where, s.root, s.options = name, name, p.options
		r := &Run{session: s, frame: newFrame(nil), out: &output{}}
		if err := p.explain(name, r.whole(p)); err != nil {
			return nil, err
		}
		return s.fileText(p, r.out)
	})
	if err2 != nil {
		return "", err2
	}
	return rendered.(string), nil
}

// fileText is the text of what a template file gave. What is alone and no text, and nothing at all, gets no newlines.
func (s *session) fileText(p *parsed, out *output) (string, error) {
	switch value := out.value().(type) {
	case nil:
		return "", nil
	case string:
		return p.restoreNewlines(value), nil
	default:
		text, err := s.printed(value)
		return text, p.explain(p.name, locate(out.source, err))
	}
}

// restoreNewlines brings the newlines at the end of what a template gave to the number that the template has there, as Ansible
// does: Jinja2 drops the last one, and a tag that ends the template may take more.
func (p *parsed) restoreNewlines(result string) string {
	have := len(result) - len(strings.TrimRight(result, "\n"))
	return result + strings.Repeat(p.newline, max(0, p.newlines-have))
}

func (o FileOptions) newline() string {
	if o.NewlineSequence == "" {
		return "\n"
	}
	return o.NewlineSequence
}

// Check parses a text without rendering it. Syntax errors, unknown tags, filters, tests and lookups,
// and wrong arguments of filters are errors of type *Error, with line and column in the text.
func (e *Engine) Check(text string) error {
	if !isTemplate(text) {
		return nil
	}
	_, err := e.parse("", text, playbookOptions)
	return asError(err)
}

// CheckFile is Check for a template file.
func (e *Engine) CheckFile(name, text string, o FileOptions) error {
	_, err := e.parse(name, text, o)
	return asError(err)
}

// CheckCondition is Check for a condition, as Condition takes it.
func (e *Engine) CheckCondition(condition string) error {
	if strings.TrimSpace(condition) == "" {
		return nil
	}
	if isTemplate(condition) {
		return e.Check(condition)
	}
	_, err := e.parseExpression(condition)
	return asError(err)
}

func asError(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}

// parsed is a template or an expression that has been read.
type parsed struct {
	name    string
	source  string
	options FileOptions
	// newlines is how many end the text, as it was before \r\n became one; newline is what brings them back.
	newlines int
	newline  string
	program  []statement
	blocks   []*blockStatement
	extends  bool       // another template, perhaps
	single   expression // the expression of a text that is nothing but {{ expression }}
	value    expression // of parseExpression
}

type parseKey struct {
	name, source string
	options      FileOptions
	expression   bool
	newlines     int
}

// maximumParsed bounds how many templates an engine keeps parsed.
const maximumParsed = 5000

func (e *Engine) cached(key parseKey, parse func() (*parsed, *syntaxError)) (*parsed, *Error) {
	e.mutex.Lock()
	known, ok := e.parsed[key]
	e.mutex.Unlock()
	if ok {
		return known, nil
	}
	p, err := parse()
	if err != nil {
		line, column, text := position(key.source, err.offset)
		return nil, &Error{Name: key.name, Line: line, Column: column, Message: err.message, Text: text}
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if len(e.parsed) >= maximumParsed {
		e.parsed = map[parseKey]*parsed{}
	}
	e.parsed[key] = p
	return p, nil
}

// parse reads a template, or finds what was read of it before.
func (e *Engine) parse(name, text string, o FileOptions) (*parsed, *Error) {
	source := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	newlines := len(text) - len(strings.TrimRight(text, "\n"))
	return e.cached(parseKey{name, source, o, false, newlines}, func() (*parsed, *syntaxError) {
		options, begin, err := header(source, o)
		if problem := options.problem(); err == nil && problem != "" {
			err = &syntaxError{min(begin, len(headerMark)), problem}
		}
		if err != nil {
			return nil, err
		}
		p, err := e.read(source, begin, options)
		if err != nil {
			return nil, err
		}
		p.name, p.newlines, p.newline = name, newlines, o.newline()
		if len(p.program) == 1 {
			if output, ok := p.program[0].(*outputStatement); ok {
				p.single = output.value
			}
		}
		return p, nil
	})
}

func (e *Engine) parseExpression(source string) (*parsed, *Error) {
	return e.cached(parseKey{source: source, expression: true}, func() (*parsed, *syntaxError) {
		tokens, err := tokenize(source)
		if err != nil {
			return nil, err
		}
		p := &parser{engine: e, tokens: tokens}
		value, err := p.tuple("", false)
		if err == nil {
			err = p.end()
		}
		if err != nil {
			return nil, err
		}
		return &parsed{source: source, value: value}, nil
	})
}

// explain gives an error of rendering its line and column.
func (p *parsed) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var place *failure
	if !errors.As(err, &place) {
		return &Error{Name: name, Line: 1, Column: 1, Message: err.Error(), Text: firstLine(p.source), Cause: err}
	}
	line, column, text := position(p.source, place.offset)
	return &Error{Name: name, Line: line, Column: column, Message: place.cause.Error(), Text: text, Cause: place.cause}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// render renders a text of a playbook within a session. The result may be on demand still.
func (s *session) render(source string) (any, error) { return s.RenderText(source, playbookOptions) }

func (s *session) RenderText(source string, o FileOptions) (any, error) {
	if !isTemplate(source) {
		return source, nil
	}
	p, failed := s.engine.parse("", source, o)
	if failed != nil {
		return nil, failed
	}
	outer := s.options
	s.options = p.options
	defer func() { s.options = outer }()
	r := &Run{session: s, frame: newFrame(nil), out: &output{}}
	if p.single != nil {
		value, err := r.evaluate(p.single)
		if err == nil {
			if u, ok := value.(*Undefined); ok && !u.quiet {
				err = locate(p.single, u.Error())
			}
		}
		if text, ok := value.(string); ok {
			value = p.restoreNewlines(text)
		}
		return value, p.explain("", err)
	}
	if err := r.whole(p); err != nil {
		return nil, p.explain("", err)
	}
	value := r.out.value()
	if text, ok := value.(string); ok {
		value = p.restoreNewlines(text)
	}
	return value, nil
}
