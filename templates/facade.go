// Package templates renders Jinja2 as Ansible does: the texts, conditions and template files of a
// playbook, with Ansible's filters, tests and lookups and its rules for variables that contain
// templates themselves. The built-in template files are embedded here too.
//
// It is the face of two packages that nobody else imports: jinja is the language, ansible is what
// templates can use in it. They know nothing of hosts, inventories or tasks: variables come in
// through Vars, values go out as the engine's methods say.
package templates

import (
	"github.com/polarbook/polarbook/templates/ansible"
	"github.com/polarbook/polarbook/templates/jinja"
	"time"
)

type (
	// Engine renders templates. It is safe for use from many goroutines.
	Engine = jinja.Engine
	// Options holds what an engine may use of the machine it runs on.
	Options = jinja.Options
	// FileOptions are the options of a template file that the module template has.
	FileOptions = jinja.FileOptions
	// Markers are what the tags and comments of a template file begin and end with.
	Markers = jinja.Markers
	// Filter is a filter beside those of Jinja2 and Ansible.
	Filter = jinja.Filter
	// Secrets knows the secrets among what templates read, and is told what they become.
	Secrets = jinja.Secrets
	// Reading is what a text reads.
	Reading = jinja.Reading
	// Read is one place where a text reads a variable.
	Read = jinja.Read
)

type (
	// Vars are the variables a template may read, as they were written.
	Vars = jinja.Vars
	// Map is Vars over a map.
	Map = jinja.Map
	// Mapping is a dictionary whose values are found when they are asked for.
	Mapping = jinja.Mapping
	// Scope is a dictionary of variables that are rendered among themselves.
	Scope = jinja.Scope
	// Unsafe is a value that is never rendered, whatever it contains.
	Unsafe = jinja.Unsafe
)

type (
	// Error is a mistake in a template, with its line and column.
	Error = jinja.Error
	// UndefinedError means that a template uses something that is not there.
	UndefinedError = jinja.UndefinedError
	// LoopError means that a variable is defined by itself.
	LoopError = jinja.LoopError
	// UnsafeConditionError is a condition in whose text a host, a task or a file had a part.
	UnsafeConditionError = jinja.UnsafeConditionError
)

// Omit is the value of the variable omit: an argument that has it is taken as not given.
var Omit = jinja.Omit

// LoopFolder is the variable that tells first_found, in a loop, the folder where files of the task's kind are kept.
const LoopFolder = ansible.LoopFolder

// New returns an engine with the filters, tests and lookups of Ansible.
func New(o Options) *Engine { return jinja.NewEngine(o, ansible.All()) }

// DefaultFileOptions are what the module template does unless told otherwise.
func DefaultFileOptions() FileOptions { return jinja.DefaultFileOptions() }

// LooksLikeContainer reports whether a text is a list or a mapping as Python or JSON writes it.
func LooksLikeContainer(text string) bool { return jinja.LooksLikeContainer(text) }

// NotAContainer is the error of taking a text that a template gave for a list or mapping.
func NotAContainer(template, text string) error { return jinja.NotAContainer(template, text) }

// Truth reports whether a value is true as Python has it.
func Truth(value any) (bool, error) { return jinja.Truth(value) }

// Moment is a time as a value of templates, Python's datetime: what a clock shows then, in the time's own place.
func Moment(at time.Time) any { return jinja.NewMoment(at) }

// Strftime writes a time as Python's time.strftime does.
func Strftime(format string, at time.Time) (string, error) { return jinja.Strftime(format, at) }
