package tasks

import (
	"fmt"
	"reflect"
	"sort"

	"github.com/polarbook/polarbook/tasks/argument"
)

// Define derives a module's argument table and decoder from the struct A, whose tags are as package argument says. build checks the
// values and returns the work to do.
func Define[A any](m Module, build func(a *A, l Local) (Action, error)) Module {
	var rest []int
	m.Args, rest = argument.Table(m.Name, reflect.TypeFor[A]())
	m.New = func(values map[string]any, l Local) (Action, error) {
		var a A
		v := reflect.ValueOf(&a).Elem()
		given, err := m.resolve(values)
		if err != nil {
			return nil, err
		}
		for _, arg := range m.Args {
			value, ok := given[arg.Name]
			if !ok && arg.Default != "" {
				value, ok = arg.Default, true
			}
			if !ok || value == nil {
				if arg.Required {
					return nil, &ArgError{Module: m.Name, Arg: arg.Name, Problem: "is required"}
				}
				continue
			}
			if arg.Secret {
				if s, ok := value.(string); ok && s != "" {
					l.Secret(s)
				}
			}
			if err := arg.Read(value, v); err != nil {
				return nil, &ArgError{Module: m.Name, Arg: arg.Name, Problem: err.Error()}
			}
		}
		if rest != nil {
			v.FieldByIndex(rest).Set(reflect.ValueOf(values))
		}
		return build(&a, l)
	}
	return m
}

// ArgError is an argument that is missing, unknown or has a value that it cannot have.
type ArgError struct {
	Module, Arg, Problem string
	// Without: Ansible has it, and it is not here; Problem says why, or what to do instead.
	Without bool
	// Known are the names that the module takes, when Arg is not one of them; or the keys, when it is an item's Key.
	Known []string
	// Item is which dict of a list of dicts it is about, from 1; 0: the argument as a whole. Key is the dict's, empty: all
	// of the dict.
	Item int
	Key  string
}

func (e *ArgError) Error() string {
	if e.Module == "" {
		return fmt.Sprintf("argument %q %s", e.Arg, e.Problem)
	}
	return fmt.Sprintf("%s: argument %q %s", e.Module, e.Arg, e.Problem)
}

// CheckArgs finds the mistakes in arguments that show before their templates are rendered: names, what is missing, and the
// values for which literal reports true (those that hold no template). It returns every problem, not just the first.
func (m *Module) CheckArgs(values map[string]any, literal func(name string, value any) bool) []*ArgError {
	var problems []*ArgError
	given := map[string]bool{}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		arg, ok := m.Arg(name)
		switch {
		case !ok && m.AnyArgs:
			continue
		case !ok:
			problems = append(problems, m.unknown(name))
			continue
		case given[arg.Name]:
			problems = append(problems, &ArgError{Module: m.Name, Arg: name, Problem: "is given twice, once as " + arg.Name})
			continue
		}
		given[arg.Name] = true
		if list, ok := values[name].([]any); ok && arg.Items != nil {
			for i, item := range list {
				for _, p := range arg.CheckItem(item, func(value any) bool { return literal(name, value) }) {
					problems = append(problems,
						&ArgError{Module: m.Name, Arg: name, Problem: p.Text, Item: i + 1, Key: p.Key, Known: p.Known})
				}
			}
			continue
		}
		if values[name] == nil || !literal(name, values[name]) || arg.Kind == argument.Raw {
			continue
		}
		if err := arg.Check(values[name]); err != nil {
			problems = append(problems, &ArgError{Module: m.Name, Arg: name, Problem: err.Error()})
		}
	}
	for _, arg := range m.Args {
		if arg.Required && !given[arg.Name] {
			problems = append(problems, &ArgError{Module: m.Name, Arg: arg.Name, Problem: "is required"})
		}
	}
	return problems
}

// Arg finds an argument by its name or one of its aliases.
func (m *Module) Arg(name string) (argument.Spec, bool) {
	for _, a := range m.Args {
		if a.Name == name {
			return a, true
		}
		for _, alias := range a.Aliases {
			if alias == name {
				return a, true
			}
		}
	}
	return argument.Spec{}, false
}

// unknown is the mistake that an argument is which it does not take.
func (m *Module) unknown(name string) *ArgError {
	if why, ok := m.Without[name]; ok {
		return &ArgError{Module: m.Name, Arg: name, Problem: "is not here: " + why, Without: true}
	}
	return &ArgError{Module: m.Name, Arg: name, Problem: "is not one that it takes", Known: m.argNames()}
}

func (m *Module) argNames() []string {
	var names []string
	for _, a := range m.Args {
		names = append(append(names, a.Name), a.Aliases...)
	}
	return names
}

// resolve maps aliases to names and refuses what is not an argument.
func (m *Module) resolve(values map[string]any) (map[string]any, error) {
	given := make(map[string]any, len(values))
	for name, value := range values {
		arg, ok := m.Arg(name)
		if !ok {
			if m.AnyArgs {
				continue
			}
			return nil, m.unknown(name)
		}
		if _, twice := given[arg.Name]; twice {
			return nil, &ArgError{Module: m.Name, Arg: name, Problem: "is given twice, once as " + arg.Name}
		}
		given[arg.Name] = value
	}
	return given, nil
}
