package playbooks

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/playbooks/argspec"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// validation returns the task that checks the arguments of a role before its own tasks, as the role's meta specifies them for
// the entry point that is used; nil: it specifies none. meta is what meta/main.yml has of them, which counts when there is no
// file of their own.
func (l *loader) validation(c *scope, role place, b *Block, meta *specified, use roleCall) *Task {
	if use.unchecked {
		return nil
	}
	if own := l.specFile(role, use); own != nil {
		meta = own
	}
	if meta == nil || meta.node.Kind != yaml.MappingNode {
		return nil
	}
	point := use.from["tasks_from"]
	if point == "" {
		point = "main"
	}
	for _, e := range entries(meta.node) {
		if e.key == point && e.value.Kind == yaml.MappingNode && len(e.value.Content) > 0 {
			return l.validationTask(c, role, b, &entryPoint{specified{meta.file, e.value}, e.key, meta.file.at(e.at)}, use)
		}
	}
	return nil
}

// specified is a mapping of a file, below argument_specs.
type specified struct {
	file *file
	node *yaml.Node
}

// entryPoint is what is specified for one file of a role's tasks.
type entryPoint struct {
	specified
	name string
	at   Position
}

// specFile reads meta/argument_specs.yml; nil: there is none.
func (l *loader) specFile(role place, use roleCall) *specified {
	for _, ext := range []string{".yml", ".yaml", ".json"} {
		p := path.Join(role.path, "meta", "argument_specs"+ext)
		if !isFile(role.fsys, p) {
			continue
		}
		f := l.read(role.fsys, p, use.at)
		none := &specified{f, &yaml.Node{}}
		if f == nil || f.root == nil {
			return none
		}
		if f.root.Kind == yaml.MappingNode {
			for _, e := range entries(f.root) {
				if e.key == "argument_specs" {
					return &specified{f, e.value}
				}
			}
		}
		l.warn(f.at(f.root), 0, "write argument_specs: above it", "nothing of this file is looked at: it has no argument_specs")
		return none
	}
	return nil
}

func (l *loader) validationTask(c *scope, role place, b *Block, point *entryPoint, use roleCall) *Task {
	f := point.file
	name := "Validating arguments against arg spec '" + point.name + "'"
	options := Value{ordered.New(0), point.at}
	for _, e := range entries(point.node) {
		switch e.key {
		case "short_description":
			name += " - " + scalarText(l.plain(f, e.value).Raw)
		case "options":
			if !isNull(e.value) {
				options = l.value(f, e.value)
				l.checkSpec(f, e.value)
			}
		case "mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by":
			l.warn(f.at(e.at), 0, "check the role's variables with assert",
				"Ansible looks at %s only beside the options of a dict, and not here", e.key)
		}
	}
	t := &Task{Origin: c.origin, Called: "ansible.builtin.validate_argument_spec", BuiltinAction: "validate_argument_spec"}
	t.Pos, t.Name, t.Tags = point.at, Value{name, point.at}, []string{"always"}
	params := ordered.New(0)
	for _, name := range slices.Sorted(maps.Keys(use.params)) {
		params.Set(name, use.params[name].Raw)
	}
	t.Args = map[string]Value{
		"argument_spec":      options,
		"provided_arguments": {params, use.at},
		"validate_args_context": {ordered.Of("type", "role", "name", b.Role, "argument_spec_name", point.name,
			"path", display(role.fsys, role.path)), use.at},
	}
	if spec, ok := options.Raw.(*ordered.Map); ok {
		l.checkParameters(c, spec, use)
	}
	return t
}

// aboutArguments are the words that a specification may have of an argument.
var aboutArguments = strings.Fields(`type required default choices elements aliases options description version_added apply_defaults
	no_log deprecated_aliases removed_in_version removed_at_date removed_from_collection mutually_exclusive required_together
	required_one_of required_if required_by fallback author deprecated notes seealso short_description`)

// checkSpec looks at options: what Ansible could not read fails, what it would only stumble over in some runs is warned of.
func (l *loader) checkSpec(f *file, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		_ = l.lack(f.at(n), 0, "write NAME: {type: …}", "the options of an argument spec have to be a mapping, not %s", nodeKind(n))
		return
	}
	for _, e := range entries(n) {
		if e.value.Kind != yaml.MappingNode {
			_ = l.lack(f.at(e.at), len([]rune(e.key)), "write {} if there is nothing to say", "what is specified of %s has to be a mapping, not %s",
				e.key, nodeKind(e.value))
			continue
		}
		for _, said := range entries(e.value) {
			switch {
			case said.key == "options" && !isNull(said.value):
				l.checkSpec(f, said.value)
			case said.key == "type" || said.key == "elements":
				if s := said.value.Value; !isNull(said.value) && !isTemplate(s) && !slices.Contains(argspec.Types, s) {
					l.warn(f.at(said.value), 0, suggest.Hint(s, argspec.Types),
						"there is no type %q of arguments: whatever is given for %s is refused", s, e.key)
				}
			case !slices.Contains(aboutArguments, said.key):
				l.warn(f.at(said.at), len([]rune(said.key)), suggest.Hint(said.key, aboutArguments), "nothing looks at %q of an argument", said.key)
			}
		}
	}
}

// checkParameters compares what an entry of roles: gives with the specification, as far as it is written out.
func (l *loader) checkParameters(c *scope, spec *ordered.Map, use roleCall) {
	if c.maybe || c.handler || c.tolerant {
		return
	}
	names := map[string]string{} // by every name
	for name, x := range spec.All() {
		names[name] = name
		if said, ok := x.(*ordered.Map); ok {
			aliases, _ := said.Value("aliases").([]any)
			for _, alias := range aliases {
				names[fmt.Sprint(alias)] = name
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(use.params)) {
		v := use.params[name]
		own, known := names[name]
		said, ok := spec.Value(own).(*ordered.Map)
		switch {
		case !known:
			l.fail(v.Pos, 0, suggest.Hint(name, slices.Sorted(maps.Keys(names))), "the role %s specifies no argument %q", use.name, name)
		case !ok || !literal(v.Raw) || !literal(said):
		default:
			for _, problem := range argspec.Check(ordered.Of(own, said), ordered.Of(own, v.Raw)) {
				l.fail(v.Pos, 0, "", "the role %s does not take this: %s", use.name, problem)
			}
		}
	}
}
