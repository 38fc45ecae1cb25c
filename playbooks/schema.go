package playbooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/templates/ordered"
)

// SchemaKinds are what Schema describes.
var SchemaKinds = []string{"playbook", "tasks", "inventory", "variables"}

// schema is a part of a JSON Schema.
type schema map[string]any

// Schema is a JSON Schema (2020-12) of playbooks, files of tasks, inventories or the variables of the built-in playbooks, made of the
// tables that the loader checks with. It takes whatever the loader takes, and a template wherever one may stand; it does not know which
// arguments a module needs, since module_defaults may give them. own are the names of the user's own modules, which take any argument.
func Schema(kind string, own ...string) ([]byte, error) {
	root := schema{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "polarbook: " + kind}
	defs := schema{}
	switch kind {
	case "playbook":
		tasksSchema(defs, own)
		root["type"], root["items"] = "array", schema{"if": schema{"anyOf": importing()}, "then": ref("import"), "else": ref("play")}
		defs["play"] = object("a play", keywordSchemas(onPlay))
		defs["import"] = object("the import of a playbook", keywordSchemas(onImportPlaybook))
		for _, name := range coreNames("import_playbook") {
			defs["import"].(schema)["properties"].(schema)[name] = schema{"type": "string"}
		}
	case "tasks":
		tasksSchema(defs, own)
		root["type"], root["items"] = []string{"array", "null"}, ref("node")
	case "inventory", "variables":
		vars, err := variablesSchema()
		if err != nil {
			return nil, err
		}
		defs["variables"] = vars
		if kind == "variables" {
			root["$ref"] = "#/$defs/variables"
			break
		}
		root["type"], root["additionalProperties"] = "object", ref("group")
		defs["group"] = object("a group", schema{
			"hosts":    schema{"type": []string{"object", "null"}, "additionalProperties": ref("variables")},
			"children": schema{"type": []string{"object", "null"}, "additionalProperties": ref("group")},
			"vars":     ref("variables"),
		})
		defs["group"].(schema)["type"] = []string{"object", "null"}
	default:
		return nil, fmt.Errorf("there is no schema of %q; there are %s", kind, strings.Join(SchemaKinds, ", "))
	}
	valueSchemas(defs)
	root["$defs"] = defs
	data, err := json.MarshalIndent(root, "", " ")
	return append(data, '\n'), err
}

func ref(name string) schema { return schema{"$ref": "#/$defs/" + name} }

func anyOf(list ...any) schema { return schema{"anyOf": list} }

func object(doc string, properties schema) schema {
	return schema{"description": doc, "type": "object", "properties": properties, "additionalProperties": false}
}

func described(s schema, doc string) schema {
	if doc == "" {
		return s
	}
	with := maps.Clone(s)
	with["description"] = doc
	return with
}

// valueSchemas are the kinds of values. A template may stand for each.
func valueSchemas(defs schema) {
	template := ref("template")
	defs["template"] = schema{"type": "string", "pattern": `\{\{|\{%|\{#`}
	defs["str"] = schema{"type": []string{"string", "number", "boolean", "null"}}
	defs["bool"] = anyOf(schema{"type": []string{"boolean", "null"}}, schema{"enum": []int{0, 1}}, template,
		schema{"type": "string", "pattern": `^(?:[yY][eE][sS]|[nN][oO]|[oO][nN]|[oO][fF][fF]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yYnNtTfF01])$`})
	defs["int"] = anyOf(schema{"type": []string{"integer", "null"}}, template, schema{"type": "string", "pattern": `^\s*[-+]?[0-9]+\s*$`})
	defs["float"] = anyOf(schema{"type": []string{"number", "null"}}, template, schema{"type": "string", "pattern": `^\s*[-+]?[0-9.]+\s*$`})
	defs["list"] = schema{"type": []string{"array", "string", "number", "boolean", "null"}}
	defs["dict"] = anyOf(schema{"type": []string{"object", "null"}}, schema{"type": "string"})
	defs["mode"] = schema{"type": []string{"string", "integer", "null"}}
	defs["path"] = ref("str")
	defs["raw"], defs["any"] = schema{}, schema{}
	defs["mapping"] = anyOf(schema{"type": []string{"object", "null"}}, template)
	defs["sequence"] = anyOf(schema{"type": []string{"array", "null"}}, template)
	defs["word"] = schema{"type": []string{"string", "number", "boolean"}}
	defs["words"] = anyOf(ref("word"), schema{"type": "null"}, schema{"type": "array", "items": ref("word")})
	defs["conditions"] = ref("words")
}

// choice is one of some words, or a template.
func choice(words []string) schema {
	list := []any{}
	for _, w := range words {
		list = append(list, w)
		switch w {
		case "yes", "no", "true", "false", "on", "off":
			list = append(list, w == "yes" || w == "true" || w == "on")
		}
	}
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return anyOf(schema{"enum": slices.Compact(append(list, nil))}, ref("template"))
}

// kindOfKeyword says what is written behind each of the loader's keywords.
var kindOfKeyword = map[string]any{
	"any_errors_fatal": "bool", "become": "bool", "check_mode": "bool", "delegate_facts": "bool", "diff": "bool", "force_handlers": "bool",
	"gather_facts": "bool", "ignore_errors": "bool", "ignore_unreachable": "bool", "no_log": "bool", "run_once": "bool",
	"async": "int", "poll": "int", "port": "int", "retries": "int", "throttle": "int", "timeout": "int",
	"delay": "float", "max_fail_percentage": "float",
	"become_flags": "str", "become_user": "str", "delegate_to": "str", "name": "str", "register": "str", "remote_user": "str", "role": "str",
	"import_playbook": "str",
	"changed_when":    "conditions", "failed_when": "conditions", "until": "conditions", "when": "conditions",
	"collections": "words", "gather_subset": "words", "hosts": "words", "listen": "words", "notify": "words", "tags": "words",
	"args": "mapping", "action": anyOf(schema{"type": []string{"string", "object"}}),
	"local_action":    anyOf(schema{"type": []string{"string", "object"}}),
	"environment":     anyOf(ref("mapping"), schema{"type": "array", "items": ref("mapping")}),
	"vars":            schema{"type": []string{"object", "array", "null"}},
	"module_defaults": schema{"type": []string{"object", "array", "null"}},
	"vars_files":      anyOf(ref("word"), schema{"type": []string{"array", "null"}, "items": ref("words")}),
	"vars_prompt": schema{"type": []string{"array", "null"}, "items": object("a question", schema{
		"name": ref("str"), "prompt": ref("str"), "default": schema{}, "private": ref("bool"), "confirm": ref("bool"), "unsafe": ref("bool"),
		"encrypt": ref("str"), "salt": ref("str"), "salt_size": ref("int"),
	})},
	"serial": anyOf(ref("words")),
	"loop":   "sequence",
	"loop_control": described(object("", schema{
		"loop_var": ref("str"), "index_var": ref("str"), "label": schema{}, "pause": ref("float"), "extended": ref("bool"),
		"extended_allitems": ref("bool"), "break_when": ref("conditions"),
	}), "how the loop goes"),
	"become_method": choice(tasks.BecomeMethods), "connection": choice(connections),
	"strategy": choice(withCore(strategies)), "order": choice(orders), "debugger": choice([]string{"never"}),
	"roles": schema{"type": []string{"array", "null"}, "items": ref("role")},
	"tasks": ref("nodes"), "pre_tasks": ref("nodes"), "post_tasks": ref("nodes"), "handlers": ref("nodes"),
	"block": ref("nodes"), "rescue": ref("nodes"), "always": ref("nodes"),
}

func withCore(names []string) []string {
	list := slices.Clone(names)
	for _, name := range names {
		list = append(list, "ansible.builtin."+name, "ansible.legacy."+name)
	}
	return list
}

// keywordSchemas are the keywords that stand on a thing.
func keywordSchemas(on where) schema {
	all := schema{}
	for _, name := range keywordNames(on) {
		switch kind := kindOfKeyword[name].(type) {
		case string:
			all[name] = ref(kind)
		case schema:
			all[name] = kind
		}
	}
	return all
}

// coreNames are the names of what ansible.builtin has.
func coreNames(short string) []string {
	return []string{short, "ansible.builtin." + short, "ansible.legacy." + short}
}

func importing() []any {
	var list []any
	for _, name := range coreNames("import_playbook") {
		list = append(list, schema{"required": []string{name}})
	}
	return list
}

// tasksSchema adds what lists of tasks are made of.
func tasksSchema(defs schema, own []string) {
	defs["nodes"] = schema{"type": []string{"array", "null"}, "items": ref("node")}
	defs["node"] = schema{"if": schema{"type": "object", "anyOf": []any{
		schema{"required": []string{"block"}}, schema{"required": []string{"rescue"}}, schema{"required": []string{"always"}},
	}}, "then": ref("block"), "else": ref("task")}
	defs["block"] = object("a block of tasks", keywordSchemas(onBlock))
	defs["role"] = anyOf(schema{"type": "string"}, schema{
		"description": "a role; what is no keyword is a parameter of it", "type": "object", "properties": keywordSchemas(onRole),
		"anyOf": []any{schema{"required": []string{"role"}}, schema{"required": []string{"name"}}},
	})
	properties := keywordSchemas(onTasks | onInclude | onImport)
	var ours []string // full names of collections that polarbook has modules of
	add := func(m *tasks.Module, names []string) {
		if _, made := defs["module-"+m.Name]; !made {
			defs["module-"+m.Name] = moduleSchema(m)
		}
		for _, name := range names {
			if _, word := keywords[name]; !word || name == "gather_facts" {
				properties[name] = ref("module-" + m.Name)
			}
			if strings.Contains(name, ".") {
				ours = append(ours, name)
			}
		}
	}
	for _, m := range all.All() {
		names := append([]string{m.Name}, m.Aliases...)
		var full []string
		for _, name := range names {
			for _, collection := range m.Collections {
				full = append(full, collection+"."+name)
				if collection == "ansible.builtin" {
					full = append(full, "ansible.legacy."+name)
				}
			}
		}
		add(&m, append(names, full...))
	}
	for i := range builtinActions {
		add(&builtinActions[i], coreNames(builtinActions[i].Name))
	}
	for _, word := range includes {
		add(includeTable(word), coreNames(word))
	}
	for _, name := range own {
		m := tasks.Module{Name: name, AnyArgs: true, Summary: "a module of your own"}
		defs["own-"+name] = moduleSchema(&m)
		for _, called := range []string{name, "ansible.legacy." + name} {
			if _, word := keywords[called]; !word {
				properties[called] = ref("own-" + name)
			}
		}
		ours = append(ours, "ansible.legacy."+name)
	}
	lack := func(names ...string) { // what Ansible has, and polarbook may lack
		for _, name := range names {
			if _, known := properties[name]; !known {
				properties[name] = schema{}
			}
			ours = append(ours, name)
		}
	}
	for name := range collectionsOf() {
		if identifier(name) {
			lack(name)
		}
	}
	for _, name := range modulesWithout {
		lack(coreNames(name)...)
	}
	ours = slices.DeleteFunc(ours, func(name string) bool { return !strings.Contains(name, ".") })
	slices.Sort(ours)
	task := object("a task: a module with its arguments, and keywords", properties)
	task["patternProperties"] = schema{`^with_`: schema{}, `^\w+\.\w+\.[\w.]+$`: schema{}}
	task["propertyNames"] = schema{"if": schema{"pattern": `^ansible\.(builtin|legacy)\.`}, "then": schema{"enum": slices.Compact(ours)}}
	defs["task"] = task
}

// moduleSchema is what stands behind a module's name: its arguments, or a text of them.
func moduleSchema(m *tasks.Module) schema {
	properties := schema{}
	for _, a := range m.Args {
		s := described(argumentSchema(a), a.Doc)
		for _, name := range append([]string{a.Name}, a.Aliases...) {
			properties[name] = s
		}
	}
	args := object("", properties)
	delete(args, "description")
	if m.AnyArgs {
		args["additionalProperties"] = true
	}
	return described(schema{"if": schema{"type": "object"}, "then": args, "else": schema{"type": []string{"string", "null"}}}, m.Summary)
}

func argumentSchema(a argument.Spec) schema {
	var s schema
	choices := slices.Concat(a.Choices, slices.Sorted(maps.Keys(a.ChoiceAliases)))
	switch {
	case a.Items != nil:
		properties := schema{}
		for _, item := range a.Items {
			one := described(argumentSchema(item), item.Doc)
			for _, name := range append([]string{item.Name}, item.Aliases...) {
				properties[name] = one
			}
		}
		s = anyOf(schema{"type": []string{"array", "null"}, "items": anyOf(object(a.Each, properties), ref("template"))}, ref("template"))
	case a.Kind == argument.List && len(choices) > 0:
		s = anyOf(schema{"type": "array", "items": choice(choices)}, schema{"type": []string{"string", "null", "boolean"}})
	case len(choices) > 0:
		s = choice(choices)
	case a.Late:
		s = schema{"type": []string{"string", "number", "boolean", "null", "array", "object"}}
	default:
		s = ref(string(a.Kind))
	}
	if a.Default != "" {
		var value any
		if err := yaml.Unmarshal([]byte(a.Default), &value); err == nil && value != nil {
			if _, err := json.Marshal(value); err == nil {
				s = maps.Clone(s)
				s["default"] = value
			}
		}
	}
	return s
}

// variablesSchema are the variables of the built-in playbooks, with the types of their defaults.
func variablesSchema() (schema, error) {
	defaults, err := documentedVariables()
	if err != nil {
		return nil, err
	}
	properties, known := schema{}, []string{}
	for name, v := range defaults {
		if strings.HasPrefix(name, "polardb_") {
			properties[name] = described(defaultSchema(v.Default), v.Doc)
			known = append(known, name)
		}
	}
	slices.Sort(known)
	return schema{
		"description": "variables; those of the built-in playbooks begin with polardb_", "type": []string{"object", "null"},
		"properties":    properties,
		"propertyNames": schema{"if": schema{"pattern": "^polardb_"}, "then": schema{"enum": known}},
	}, nil
}

// defaultSchema is the type of a variable by its default.
func defaultSchema(text string) schema {
	var node yaml.Node
	if text == "" || yaml.Unmarshal([]byte(text), &node) != nil {
		return schema{}
	}
	value, err := inventory.DecodeYAML(&node)
	if err != nil {
		return schema{}
	}
	switch x := value.(type) {
	case bool:
		return ref("bool")
	case int:
		return ref("int")
	case float64:
		return ref("float")
	case []any:
		return ref("sequence")
	case *ordered.Map:
		return ref("mapping")
	case string:
		if x != "" && !isTemplate(x) {
			return ref("str")
		}
	}
	return schema{}
}
