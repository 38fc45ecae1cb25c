package argspec

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/templates/ordered"
)

func read(t *testing.T, text string) *ordered.Map {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	m, _ := ordered.From(raw).(*ordered.Map)
	return m
}

// TestCheck: each specification and arguments were tried with ansible-core 2.19; what it refuses is refused, in its order.
func TestCheck(t *testing.T) {
	for _, c := range []struct{ spec, args, want string }{
		{"{a: {type: int, required: true}}", "{}", "required and not given: a"},
		{"{a: {required: true}, b: {required: true}, c: {}}", "{c: 1}", "required and not given: a, b"},
		{"{a: {required: true}}", "{a: null}", ""},
		{"{a: {type: int, required: true}}", "{a: null}", "a must be of type int, not nothing"},
		{"{a: {type: int}}", "{a: null}", ""},
		{"{a: {type: int}}", `{a: "12"}`, ""},
		{"{a: {type: int}}", `{a: "12.0"}`, ""},
		{"{a: {type: int}}", `{a: "12.5"}`, `a must be of type int, not "12.5"`},
		{"{a: {type: int}}", `{a: true}`, ""},
		{"{a: {type: int}}", `{a: "yes"}`, `a must be of type int, not "yes"`},
		{"{a: {type: bool}}", `{a: "Yes"}`, ""},
		{"{a: {type: bool}}", `{a: 1}`, ""},
		{"{a: {type: bool}}", `{a: 2}`, "a must be of type bool, not 2"},
		{"{a: {type: bool}}", `{a: maybe}`, `a must be of type bool, not "maybe"`},
		{"{a: {type: float}}", `{a: "1e3"}`, ""},
		{"{a: {type: float}}", `{a: one}`, `a must be of type float, not "one"`},
		{"{a: {type: str}}", `{a: [1]}`, ""},
		{"{a: {type: list}}", `{a: "x,y"}`, ""},
		{"{a: {type: list}}", `{a: 5}`, ""},
		{"{a: {type: list}}", `{a: {x: 1}}`, "a must be of type list, not a dict"},
		{"{a: {type: list, elements: int}}", `{a: [1, "2", x]}`, `each of a must be of type int, not "x"`},
		{"{a: {type: list, elements: int}}", `{a: "1,2"}`, ""},
		{"{a: {type: str, elements: int}}", `{a: x}`, "a is no list, and only a list has elements"},
		{"{a: {type: dict}}", `{a: "k=v, l=w"}`, ""},
		{"{a: {type: dict}}", `{a: "{'k': 1}"}`, ""},
		{"{a: {type: dict}}", `{a: [1]}`, "a must be of type dict, not a list"},
		{"{a: {type: dict}}", `{a: text}`, `a must be of type dict, not "text"`},
		{"{a: {type: bytes}}", `{a: 5KB}`, ""},
		{"{a: {type: bytes}}", `{a: 5Kb}`, `a must be of type bytes, not "5Kb"`},
		{"{a: {type: bits}}", `{a: 5Kb}`, ""},
		{"{a: {type: json}}", `{a: {x: 1}}`, ""},
		{"{a: {type: json}}", `{a: 5}`, "a must be of type json, not 5"},
		{"{a: {type: raw}}", `{a: [5]}`, ""},
		{"{a: {type: none}}", `{a: 5}`, "a has a type that there is not: none is none of str, list, dict, bool, int, float, path, raw, jsonarg, json, bytes, bits"},
		{"{a: {type: none}}", `{}`, ""},
		{"{a: {choices: [x, y]}}", `{a: z}`, `a must be one of x, y, not "z"`},
		{"{a: {choices: [x, y]}}", `{}`, ""},
		{"{a: {choices: ['1', '2']}}", `{a: 1}`, ""},
		{"{a: {choices: [1, 2]}}", `{a: 1}`, `a must be one of 1, 2, not "1"`},
		{"{a: {choices: ['no', ask]}}", `{a: false}`, ""},
		{"{a: {type: list, choices: [x, y]}}", `{a: [x, z]}`, "a may hold x, y, and not z"},
		{"{a: {aliases: [b], required: true}}", `{b: 1}`, ""},
		{"{a: {}}", `{b: 1}`, "there is no b; there are a"},
		{"{a: {default: 1, required: true}}", `{a: 1}`, "a is required, and has a default all the same"},
		{"{a: {type: dict, options: {b: {type: int, required: true}}}}", `{a: {c: 1}}`,
			"required and not given: b, in a | there is no a.c; there are b"},
		{"{a: {type: list, elements: dict, options: {b: {choices: [x]}}}}", `{a: [{b: x}, {b: y}]}`, `b must be one of x, not "y", in a`},
		{"{a: {type: dict, options: {b: {required: true}}}}", `{}`, ""},
		{"{a: {type: dict, apply_defaults: true, options: {b: {required: true}}}}", `{}`, "required and not given: b, in a"},
		{"{a: {options: {b: {required: true}}}}", `{a: {}}`, ""},
		{"{a: {type: dict, options: {b: {type: dict, options: {c: {type: int}}}}}}", `{a: {b: {c: x}}}`, `c must be of type int, not "x", in a -> b`},
		{"{a: {type: dict, mutually_exclusive: [[b, c]], options: {b: {}, c: {default: 1}}}}", `{a: {b: 1}}`, ""},
		{"{a: {type: dict, mutually_exclusive: [[b, c]], options: {b: {}, c: {}}}}", `{a: {b: 1, c: 2}}`, "only one may be given of b|c, in a"},
		{"{a: {type: dict, required_together: [[b, c]], options: {b: {}, c: {}}}}", `{a: {b: 1}}`, "all must be given or none of b, c, in a"},
		{"{a: {type: dict, required_one_of: [[b, c]], options: {b: {}, c: {}}}}", `{a: {}}`, "one must be given of b, c, in a"},
		{"{a: {type: dict, required_if: [[b, 1, [c]]], options: {b: {type: int}, c: {}}}}", `{a: {b: "1"}}`,
			"with b: 1 all must be given of c; not given: c, in a"},
		{"{a: {type: dict, required_if: [[b, 1, [c, d], true]], options: {b: {type: int}, c: {}, d: {}}}}", `{a: {b: 1, d: 1}}`, ""},
		{"{a: {type: dict, required_by: {b: [c]}, options: {b: {}, c: {}}}}", `{a: {b: 1}}`, "b needs c, in a"},
		{"{a: {type: dict, required_by: {b: c}, options: {b: {}, c: {}}}}", `{a: {c: 1}}`, ""},
	} {
		if got := strings.Join(Check(read(t, c.spec), read(t, c.args)), " | "); got != c.want {
			t.Errorf("%s with %s: %q, not %q", c.spec, c.args, got, c.want)
		}
	}
}

func TestCheckChangesNothing(t *testing.T) {
	spec := read(t, "{a: {type: dict, options: {b: {type: int, default: 1}}}}")
	args := read(t, `{a: {b: "5"}}`)
	if problems := Check(spec, args); len(problems) > 0 {
		t.Error(problems)
	}
	if got := fmt.Sprint(args); got != "map[a:map[b:5]]" || args.Value("a").(*ordered.Map).Value("b") != "5" {
		t.Errorf("the arguments became %v", got)
	}
}

func TestSecrets(t *testing.T) {
	var told []string
	Secrets(read(t, "{a: {no_log: true}, b: {type: list, elements: dict, options: {p: {no_log: true}, q: {}}}}"),
		read(t, "{a: x, b: [{p: y, q: n}, {p: z}]}"), func(value any) { told = append(told, fmt.Sprint(value)) })
	if slices.Sort(told); strings.Join(told, " ") != "x y z" {
		t.Error(told)
	}
}
