package templates

import (
	"strings"
	"testing"
)

// What Jinja2 3.1 gives for templates that extend one another.
func TestBlocks(t *testing.T) {
	files := map[string]string{
		"base":   "<{% block a %}A{% endblock %}|{% block b %}B{{ x }}{% endblock b %}>",
		"middle": "{% extends 'base' %}nobody's{% block a %}M{{ super() }}{% endblock %}",
		"loops": "{% for i in [1, 2] %}{% block one %}{{ i | " +
			"default('-') }}{% endblock %}{% block two scoped %}{{ i }}{% endblock %}{% endfor %}",
		"twice":   "{% block a %}a{% endblock %}{{ self.a() }}{{ self.a() | upper }}",
		"needs":   "{% block a required %}{% endblock %}",
		"itself":  "{% extends 'itself' %}",
		"nested":  "{% block a %}[{% block b %}b{% endblock %}]{% endblock %}",
		"set":     "{% set y = 1 %}{% block a %}{{ y }}{% set y = 2 %}{% endblock %}{{ y }}",
		"macros":  "{% macro m() %}{% block a %}in{% endblock %}{% endmacro %}{{ m() }}",
		"whoever": "{% extends parent %}{% block a %}W{% endblock %}",
	}
	e := New(Options{Templates: func(name string) (string, bool) { text, ok := files[name]; return text, ok }})
	vars := Map{"x": 7, "parent": "base"}
	for text, want := range map[string]string{
		"{% include 'base' %}":                                            "<A|B7>",
		"{% extends 'base' %}{% block a %}C{% endblock %}":                "<C|B7>",
		"{% extends 'middle' %}{% block a %}C{{ super() }}{% endblock %}": "<CMA|B7>",
		"x{% extends 'middle' %}y":                                        "x<MA|B7>",
		"{% extends 'middle' %}{% set x = 8 %}":                           "<MA|B8>",
		"{% if x == 7 %}{% extends 'base' %}{% endif %}z":                 "<A|B7>",
		"{% if x == 8 %}{% extends 'base' %}{% endif %}z":                 "z",
		"{% include 'loops' %}":                                           "-1-2",
		"{% include 'twice' %}":                                           "aaA",
		"{% extends 'needs' %}{% block a %}here{% endblock %}":            "here",
		"{% extends 'nested' %}{% block b %}c{% endblock %}":              "[c]",
		"{% extends 'nested' %}{% block a %}c{% endblock %}":              "c",
		"{% include 'set' %}":                                             "11",
		"{% include 'macros' %}":                                          "in",
		"{% extends 'base' %}{% block b %}{{ self.a() }}{% endblock %}":   "<A|A>",
		"{% include 'whoever' %}{% block a %}o{% endblock %}":             "<W|B7>o",
		"{% block a %}{% include 'base' %}{% endblock %}":                 "<A|B7>",
	} {
		if got, err := e.File("site.j2", text, vars, DefaultFileOptions()); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"{% extends 'none' %}":                                         "site.j2:1:12: the template none does not exist",
		"{% extends 'base' %}{% extends 'base' %}":                     "this one extends base already",
		"{% include 'needs' %}":                                        "the block a is required",
		"{% extends 'itself' %}":                                       "templates extend one another more than",
		"{% block a %}{{ super() }}{% endblock %}":                     "no template that is extended has the block a",
		"{% block a %}{{ self.a() }}{% endblock %}":                    "templates include one another more than",
		"{% block a %}{% endblock %}{% block a %}{% endblock %}":       "1:37: the block a is defined twice",
		"{% block a %}{% endblock b %}":                                "endblock b ends the block a",
		"{% for i in [] %}{% extends 'base' %}{% endfor %}":            "extends cannot be within for",
		"{% block %}{% endblock %}":                                    "expected the name of the block",
		"{% extends 'base' %}{% block a %}\n{{ 1 / 0 }}{% endblock %}": "site.j2:2:",
	} {
		if got, err := e.File("site.j2", text, vars, DefaultFileOptions()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}
