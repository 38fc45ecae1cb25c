package tasks

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Kind is the type of an argument as the documentation names it.
type Kind string

// The kinds an argument can have. Path is a string in which `~` is the home of the task's user; Raw is not rendered
// before the module sees it (expressions); Any is passed on as it is; Mode is a file mode, octal or symbolic.
const (
	String Kind = "str"
	Bool   Kind = "bool"
	Int    Kind = "int"
	Float  Kind = "float"
	List   Kind = "list"
	Dict   Kind = "dict"
	Path   Kind = "path"
	Mode   Kind = "mode"
	Raw    Kind = "raw"
	Any    Kind = "any"
)

// Arg is one argument of a module.
type Arg struct {
	Name     string
	Aliases  []string
	Kind     Kind
	Required bool
	Default  string // as written in YAML; empty: none
	Choices  []string
	// ChoiceAliases maps spellings that a choice had before to the choice; the module is given the choice.
	ChoiceAliases map[string]string
	Secret        bool // its value is masked wherever it shows
	Late          bool // it is rendered when the module asks for it; New takes a Late for it, or a text
	Doc           string
	// Items are the keys of each dict, where the argument is a list of dicts that have to be of one kind; the first names
	// the dict in messages. Each is what such a dict is called.
	Items []Arg
	Each  string

	index []int
	field reflect.Type
}

// Define derives a module's argument table and decoder from the struct A. A field is an argument when it has the tag
//
//	arg:"name[,required][,secret][,raw][,path][,mode]"  alias:"a b"  default:"x"  choices:"a b c"  choice_alias:"old=a"  doc:"…"  each:"node"
//
// and is of type string, bool, int, float64, []string, []any, map[string]any, any, Message, or a pointer to one of the
// first four, which is nil when the argument was not given; or a slice of structs, whose fields have tags of the same kind
// and are the keys of a list of dicts, each of which is called what each says. Mappings come as map[string]any, whose order
// a module does not see, and within an any as *ordered.Map. Arguments that several modules have are a struct that theirs
// embed. build checks the values and returns the work to do. The field
// tagged `arg:",rest"` (map[string]any) takes all arguments of a module with AnyArgs.
func Define[A any](m Module, build func(a *A, l Local) (Action, error)) Module {
	var rest []int
	m.Args, rest = table(m.Name, reflect.TypeFor[A]())
	m.New = func(args map[string]any, l Local) (Action, error) {
		var a A
		v := reflect.ValueOf(&a).Elem()
		given, err := m.resolve(args)
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
			if err := set(v.FieldByIndex(arg.index), arg, value); err != nil {
				return nil, &ArgError{Module: m.Name, Arg: arg.Name, Problem: err.Error()}
			}
		}
		if rest != nil {
			v.FieldByIndex(rest).Set(reflect.ValueOf(args))
		}
		return build(&a, l)
	}
	return m
}

// table reads an argument table from a struct; rest is the field that takes all other arguments.
func table(module string, typ reflect.Type) (args []Arg, rest []int) {
	for _, f := range reflect.VisibleFields(typ) {
		tag, ok := f.Tag.Lookup("arg")
		if !ok {
			continue
		}
		parts := strings.Split(tag, ",")
		arg := Arg{Name: parts[0], Doc: f.Tag.Get("doc"), Default: f.Tag.Get("default"), index: f.Index, field: f.Type}
		arg.Aliases = strings.Fields(f.Tag.Get("alias"))
		arg.Choices = strings.Fields(f.Tag.Get("choices"))
		for _, pair := range strings.Fields(f.Tag.Get("choice_alias")) {
			old, choice, _ := strings.Cut(pair, "=")
			if arg.ChoiceAliases == nil {
				arg.ChoiceAliases = map[string]string{}
			}
			arg.ChoiceAliases[old] = choice
		}
		arg.Kind = kindOf(f.Type)
		arg.Late = f.Type == reflect.TypeFor[Message]()
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			arg.Items, _ = table(module, f.Type.Elem())
			arg.Each = f.Tag.Get("each")
		}
		for _, p := range parts[1:] {
			switch p {
			case "required":
				arg.Required = true
			case "secret":
				arg.Secret = true
			case "raw":
				arg.Kind = Raw
			case "path":
				arg.Kind = Path
			case "mode":
				arg.Kind = Mode
			case "rest":
				rest = f.Index
			default:
				panic(fmt.Sprintf("tasks: module %s, field %s: unknown tag %q", module, f.Name, p))
			}
		}
		if parts[0] == "" && rest != nil {
			continue
		}
		args = append(args, arg)
	}
	return args, rest
}

// ArgError is an argument that is missing, unknown or has a value that it cannot have.
type ArgError struct {
	Module, Arg, Problem string
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
func (m *Module) CheckArgs(args map[string]any, literal func(name string, value any) bool) []*ArgError {
	var problems []*ArgError
	given := map[string]bool{}
	names := make([]string, 0, len(args))
	for name := range args {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		arg, ok := m.Arg(name)
		switch {
		case !ok && m.AnyArgs:
			continue
		case !ok:
			problems = append(problems, &ArgError{Module: m.Name, Arg: name, Problem: "is not one that it takes", Known: m.argNames()})
			continue
		case given[arg.Name]:
			problems = append(problems, &ArgError{Module: m.Name, Arg: name, Problem: "is given twice, once as " + arg.Name})
			continue
		}
		given[arg.Name] = true
		if list, ok := args[name].([]any); ok && arg.Items != nil {
			for i, item := range list {
				for _, p := range arg.item(item, func(value any) bool { return literal(name, value) }, reflect.Value{}) {
					problems = append(problems,
						&ArgError{Module: m.Name, Arg: name, Problem: p.text, Item: i + 1, Key: p.key, Known: p.known})
				}
			}
			continue
		}
		if args[name] == nil || !literal(name, args[name]) || arg.Kind == Raw {
			continue
		}
		if err := arg.check(args[name]); err != nil {
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
func (m *Module) Arg(name string) (Arg, bool) {
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
	return Arg{}, false
}

func (m *Module) argNames() []string {
	var names []string
	for _, a := range m.Args {
		names = append(append(names, a.Name), a.Aliases...)
	}
	return names
}

// resolve maps aliases to names and refuses what is not an argument.
func (m *Module) resolve(args map[string]any) (map[string]any, error) {
	given := make(map[string]any, len(args))
	for name, value := range args {
		arg, ok := m.Arg(name)
		if !ok {
			if m.AnyArgs {
				continue
			}
			return nil, &ArgError{Module: m.Name, Arg: name, Problem: "is not one that it takes", Known: m.argNames()}
		}
		if _, twice := given[arg.Name]; twice {
			return nil, &ArgError{Module: m.Name, Arg: name, Problem: "is given twice, once as " + arg.Name}
		}
		given[arg.Name] = value
	}
	return given, nil
}

func kindOf(t reflect.Type) Kind {
	if t == reflect.TypeFor[Message]() {
		return String
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return String
	case reflect.Bool:
		return Bool
	case reflect.Int, reflect.Int64:
		return Int
	case reflect.Float64:
		return Float
	case reflect.Slice:
		return List
	case reflect.Map:
		return Dict
	default:
		return Any
	}
}

func (a Arg) check(value any) error {
	out, err := a.convert(value)
	if list, ok := out.([]any); ok && err == nil && a.Items != nil {
		for _, item := range list {
			for _, p := range a.item(item, func(any) bool { return true }, reflect.Value{}) {
				return errors.New(p.text)
			}
		}
	}
	return err
}

// ReadItems reads a list of dicts into structs whose fields have tags as Define's; each is what such a dict is called.
func ReadItems[T any](each string, list []any) ([]T, error) {
	a := Arg{Each: each}
	a.Items, _ = table("", reflect.TypeFor[T]())
	items := make([]T, len(list))
	for i, item := range list {
		if problems := a.item(item, func(any) bool { return true }, reflect.ValueOf(&items[i]).Elem()); len(problems) > 0 {
			return nil, errors.New(problems[0].text)
		}
	}
	return items, nil
}

// itemProblem returns what is wrong with a dict of a list of dicts. known are the keys that there are, when key is none.
type itemProblem struct {
	key, text string
	known     []string
}

// item reads a dict of a list of dicts into a struct, if there is one to read it into. Values that known does not report
// are left out: they hold templates. Of a key that is not a text, null and the empty text are as if it were not given.
func (a Arg) item(value any, known func(value any) bool, into reflect.Value) []itemProblem {
	dict, ok := ordered.Plain(value).(map[string]any)
	if !ok {
		if !known(value) {
			return nil
		}
		return []itemProblem{{text: "must be a list of dicts, not of " + Describe(value)}}
	}
	names := make([]string, 0, len(a.Items))
	for _, key := range a.Items {
		names = append(names, key.Name)
	}
	var problems []itemProblem
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		if !slices.Contains(names, key) && known(key) {
			problems = append(problems, itemProblem{key, fmt.Sprintf("holds a %s with the unknown key %q", a.Each, key), names})
		}
	}
	name, err := ToString(dict[names[0]])
	if known(dict[names[0]]) && (err != nil || name == "") {
		return append(problems, itemProblem{text: fmt.Sprintf("holds a %s without a %s", a.Each, names[0])})
	}
	if !known(dict[names[0]]) {
		name = "a " + a.Each
	}
	for _, key := range a.Items {
		given, ok := dict[key.Name]
		switch {
		case !ok || given == nil || given == "" && key.Kind != String && key.Kind != Path:
			if key.Required {
				problems = append(problems, itemProblem{text: fmt.Sprintf("has no %s for %s", key.Name, name)})
			}
			continue
		case !known(given):
			continue
		}
		field := reflect.New(key.field).Elem()
		if into.IsValid() {
			field = into.FieldByIndex(key.index)
		}
		if err := set(field, key, given); err != nil {
			problems = append(problems, itemProblem{key: key.Name, text: fmt.Sprintf("%s of %s %v", key.Name, name, err)})
		}
	}
	return problems
}

// convert turns a YAML value into the Go value of the argument's kind, as leniently as Ansible does: "yes" is a
// boolean, "8" an integer, 8 a string, a comma-separated string a list.
func (a Arg) convert(value any) (any, error) {
	var out any
	var err error
	switch a.Kind {
	case String, Path:
		out, err = ToString(value)
	case Mode:
		out, err = toMode(value)
	case Bool:
		out, err = toBool(value)
	case Int:
		out, err = ToInt(value)
	case Float:
		out, err = ToFloat(value)
	case List:
		out = ordered.Plain(toList(value))
	case Dict:
		m, ok := ordered.Plain(value).(map[string]any)
		if !ok {
			err = fmt.Errorf("must be a dict, not %s", Describe(value))
		}
		out = m
	default:
		return value, nil
	}
	if err != nil {
		return nil, err
	}
	if text, ok := out.(string); ok && a.ChoiceAliases[text] != "" {
		out = a.ChoiceAliases[text]
	}
	return out, a.oneOf(out)
}

func (a Arg) oneOf(value any) error {
	if len(a.Choices) == 0 {
		return nil
	}
	values, ok := value.([]any)
	if !ok {
		values = []any{value}
	}
	for _, v := range values {
		found := false
		for _, c := range a.Choices {
			found = found || c == fmt.Sprint(v)
		}
		if !found {
			return fmt.Errorf("must be one of %s, not %q", strings.Join(a.Choices, ", "), fmt.Sprint(v))
		}
	}
	return nil
}

func set(field reflect.Value, a Arg, value any) error {
	if late, ok := value.(Late); ok {
		field.Set(reflect.ValueOf(Message{render: late}))
		return nil
	}
	out, err := a.convert(value)
	if err != nil {
		return err
	}
	target := field
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		target = field.Elem()
	}
	if list, ok := out.([]any); ok && a.Items != nil {
		items := reflect.MakeSlice(target.Type(), len(list), len(list))
		for i, item := range list {
			if problems := a.item(item, func(any) bool { return true }, items.Index(i)); len(problems) > 0 {
				return errors.New(problems[0].text)
			}
		}
		target.Set(items)
		return nil
	}
	if list, ok := out.([]any); ok && target.Type() == reflect.TypeFor[[]string]() {
		texts := make([]string, 0, len(list))
		for _, item := range list {
			s, err := ToString(item)
			if err != nil {
				return err
			}
			texts = append(texts, s)
		}
		target.Set(reflect.ValueOf(texts))
		return nil
	}
	if text, ok := out.(string); ok && a.Late {
		out = Message{text: text}
	}
	v := reflect.ValueOf(out)
	if !v.Type().AssignableTo(target.Type()) && v.CanConvert(target.Type()) && v.Kind() != reflect.String {
		v = v.Convert(target.Type())
	}
	if !v.Type().AssignableTo(target.Type()) {
		return fmt.Errorf("must be %s, not %s", a.Kind, Describe(value))
	}
	target.Set(v)
	return nil
}
