// Package argument holds the arguments of modules: their table, which the tags of a struct make, and how a value that a playbook
// gives is checked against it and read into that struct.
//
// A field is an argument when it has the tag
//
//	arg:"name[,required][,secret][,raw][,path][,mode]" alias:"a b" default:"x" choices:"a b c" choice_alias:"old=a" doc:"…" each:"node"
//
// and is of type string, bool, int, float64, []string, []any, map[string]any, any, Message, or a pointer to one of the
// first four, which is nil when the argument was not given; or a slice of structs, whose fields have tags of the same kind
// and are the keys of a list of dicts, each of which is called what each says. Mappings come as map[string]any, whose order
// a module does not see, and within an any as *ordered.Map. Arguments that several modules have are a struct that theirs
// embed. The field tagged `arg:",rest"` (map[string]any) takes all arguments of a module whose names are the user's own.
package argument

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
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

// Spec is one argument of a module.
type Spec struct {
	Name     string
	Aliases  []string
	Kind     Kind
	Required bool
	Default  string // as written in YAML; empty: none
	Choices  []string
	// ChoiceAliases maps spellings that a choice had before to the choice; the module is given the choice.
	ChoiceAliases map[string]string
	Secret        bool // its value is masked wherever it shows
	Late          bool // it is rendered when the module asks for it; a Message is given for it, or a text
	expression    bool // it is Raw, and one text
	Doc           string
	// Items are the keys of each dict, where the argument is a list of dicts that have to be of one kind; the first names
	// the dict in messages. Each is what such a dict is called.
	Items []Spec
	Each  string

	index []int // of its field in the struct
	field reflect.Type
}

// Table reads an argument table from the type of a struct; module is for messages about the struct. rest is the index of the
// field that takes all arguments, nil where none does. A tag that is none of the above is a panic.
func Table(module string, typ reflect.Type) (args []Spec, rest []int) {
	for _, f := range reflect.VisibleFields(typ) {
		tag, ok := f.Tag.Lookup("arg")
		if !ok {
			continue
		}
		parts := strings.Split(tag, ",")
		arg := Spec{Name: parts[0], Doc: f.Tag.Get("doc"), Default: f.Tag.Get("default"), index: f.Index, field: f.Type}
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
			arg.Items, _ = Table(module, f.Type.Elem())
			arg.Each = f.Tag.Get("each")
		}
		for _, p := range parts[1:] {
			switch p {
			case "required":
				arg.Required = true
			case "secret":
				arg.Secret = true
			case "raw":
				arg.Kind, arg.expression = Raw, f.Type.Kind() == reflect.String
			case "path":
				arg.Kind = Path
			case "mode":
				arg.Kind = Mode
			case "rest":
				rest = f.Index
			default:
				panic(fmt.Sprintf("argument: module %s, field %s: unknown tag %q", module, f.Name, p))
			}
		}
		if parts[0] == "" && rest != nil {
			continue
		}
		args = append(args, arg)
	}
	return args, rest
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

// Check reports why a value without templates cannot be the argument's; nil: it can.
func (a Spec) Check(value any) error {
	out, err := a.convert(value)
	if list, ok := out.([]any); ok && err == nil && a.Items != nil {
		for _, item := range list {
			for _, p := range a.CheckItem(item, all) {
				return errors.New(p.Text)
			}
		}
	}
	return err
}

// CheckItem finds what is wrong with a dict of a list of dicts, as far as it shows before templates are rendered: literal
// reports whether a value holds none.
func (a Spec) CheckItem(item any, literal func(value any) bool) []Problem {
	return a.item(item, literal, reflect.Value{})
}

func all(any) bool { return true }

// Read reads a value into the argument's field of a struct.
func (a Spec) Read(value any, into reflect.Value) error {
	return a.set(into.FieldByIndex(a.index), value)
}

// ReadItems reads a list of dicts into structs whose fields have tags; each is what such a dict is called.
func ReadItems[T any](each string, list []any) ([]T, error) {
	a := Spec{Each: each}
	a.Items, _ = Table("", reflect.TypeFor[T]())
	items := make([]T, len(list))
	for i, item := range list {
		if problems := a.item(item, all, reflect.ValueOf(&items[i]).Elem()); len(problems) > 0 {
			return nil, errors.New(problems[0].Text)
		}
	}
	return items, nil
}

// Problem is what is wrong with a dict of a list of dicts: with a key of it, or with all of it where Key is empty. Known are
// the keys that there are, when Key is none of them.
type Problem struct {
	Key, Text string
	Known     []string
}

// item reads a dict of a list of dicts into a struct, if there is one to read it into. Values that known does not report
// are left out: they hold templates. Of a key that is not a text, null and the empty text are as if it were not given.
func (a Spec) item(value any, known func(value any) bool, into reflect.Value) []Problem {
	dict, ok := ordered.Plain(value).(map[string]any)
	if !ok {
		if !known(value) {
			return nil
		}
		return []Problem{{Text: "must be a list of dicts, not of " + convert.Describe(value)}}
	}
	names := make([]string, 0, len(a.Items))
	for _, key := range a.Items {
		names = append(names, key.Name)
	}
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		if !slices.Contains(names, key) && known(key) {
			problems = append(problems, Problem{key, fmt.Sprintf("holds a %s with the unknown key %q", a.Each, key), names})
		}
	}
	name, err := convert.Text(dict[names[0]])
	if known(dict[names[0]]) && (err != nil || name == "") {
		return append(problems, Problem{Text: fmt.Sprintf("holds a %s without a %s", a.Each, names[0])})
	}
	if !known(dict[names[0]]) {
		name = "a " + a.Each
	}
	for _, key := range a.Items {
		given, ok := dict[key.Name]
		switch {
		case !ok || given == nil || given == "" && key.Kind != String && key.Kind != Path:
			if key.Required {
				problems = append(problems, Problem{Text: fmt.Sprintf("has no %s for %s", key.Name, name)})
			}
			continue
		case !known(given):
			continue
		}
		field := reflect.New(key.field).Elem()
		if into.IsValid() {
			field = into.FieldByIndex(key.index)
		}
		if err := key.set(field, given); err != nil {
			problems = append(problems, Problem{Key: key.Name, Text: fmt.Sprintf("%s of %s %v", key.Name, name, err)})
		}
	}
	return problems
}

// convert turns a YAML value into the Go value of the argument's kind, as leniently as Ansible does: "yes" is a
// boolean, "8" an integer, 8 a string, a comma-separated string a list.
func (a Spec) convert(value any) (any, error) {
	var out any
	var err error
	switch a.Kind {
	case String, Path:
		if a.Late {
			_, out, err = message(value)
		} else {
			out, err = convert.Text(value)
		}
	case Mode:
		out, err = convert.Mode(value)
	case Bool:
		out, err = convert.Bool(value)
	case Int:
		out, err = convert.Int(value)
	case Float:
		out, err = convert.Float(value)
	case Raw:
		if _, isText := value.(string); a.expression && value != nil && !isText {
			return nil, fmt.Errorf("must be a variable's name or an expression, which is a text without braces, not %s; "+
				"debug shows a value that stands here itself as msg", convert.Describe(value))
		}
		out = value
	case List:
		out = ordered.Plain(convert.List(value))
	case Dict:
		m, ok := ordered.Plain(value).(map[string]any)
		if !ok {
			err = fmt.Errorf("must be a dict, not %s", convert.Describe(value))
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

func (a Spec) oneOf(value any) error {
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

func (a Spec) set(field reflect.Value, value any) error {
	if message, ok := value.(Message); ok {
		field.Set(reflect.ValueOf(message))
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
			if problems := a.item(item, all, items.Index(i)); len(problems) > 0 {
				return errors.New(problems[0].Text)
			}
		}
		target.Set(items)
		return nil
	}
	if list, ok := out.([]any); ok && target.Type() == reflect.TypeFor[[]string]() {
		texts := make([]string, 0, len(list))
		for _, item := range list {
			s, err := convert.Text(item)
			if err != nil {
				return err
			}
			texts = append(texts, s)
		}
		target.Set(reflect.ValueOf(texts))
		return nil
	}
	if a.Late {
		given := out
		out = Message(func() (any, error) { return given, nil })
	}
	v := reflect.ValueOf(out)
	if !v.Type().AssignableTo(target.Type()) && v.CanConvert(target.Type()) && v.Kind() != reflect.String {
		v = v.Convert(target.Type())
	}
	if !v.Type().AssignableTo(target.Type()) {
		return fmt.Errorf("must be %s, not %s", a.Kind, convert.Describe(value))
	}
	target.Set(v)
	return nil
}
