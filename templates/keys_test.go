package templates_test

import (
	"testing"

	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Keys of mappings are what they are in Python: numbers, booleans and None, beside texts. The values are those of ansible-core 2.19.
func TestKeysThatAreNoTexts(t *testing.T) {
	ports := ordered.New(3)
	ports.SetAs("80", 80, "http")
	ports.SetAs("443", 443, "{{ 1 }}")
	ports.SetAs("1000", 1000, "x")
	e := templates.New(templates.Options{})
	for expression, want := range map[string]string{
		"ports | dict2items | map(attribute='key') | list":   "[80, 443, 1000]",
		"ports | dictsort | map('first') | list":             "[80, 443, 1000]",
		"ports | list":                                       "[80, 443, 1000]",
		"ports.keys() | sum":                                 "1523",
		"ports.items() | first | first + 1":                  "81",
		"ports[80] ~ ports['80'] | default('none')":          "httpnone",
		"ports[443] + (ports.get('80', 5)) + ports.get(443)": "7",
		"[80 in ports, '80' in ports, 80.0 in ports]":        "[True, False, True]",
		"ports | combine({8080: 'y'}) | list":                "[80, 443, 1000, 8080]",
		"ports | to_json":                                    `{"80": "http", "443": 1, "1000": "x"}`,
		"{true: 3, none: 4, 1.5: 2} | to_json":               `{"true": 3, "null": 4, "1.5": 2}`,
		"{1: 2, true: 3} | to_json":                          `{"1": 3}`,
		"{1: 'a'} == {'1': 'a'}":                             "False",
		"{1: 'a'} == {1.0: 'a'}":                             "True",
		"[{'x': 1, 'value': 2}, {'x': true, 'value': 3}] | items2dict(key_name='x') | string":   "{1: 3}",
		"[{'x': 1.5, 'value': 2}, {'x': none, 'value': 3}] | items2dict(key_name='x') | string": "{1.5: 2, None: 3}",
		"'{1: 2, true: 3, ~: 4, yes: 5}' | from_yaml | string":                                  "{1: 5, None: 4}",
		"{80: 'a', 443: 'b'} | to_nice_yaml":                                                    "80: a\n443: b\n",
		"{'80': 'a'} | to_nice_yaml":                                                            "'80': a\n",
		"dict([[1, 2]]) | string":                                                               "{1: 2}",
		"{1: {2: 3}} | combine({1: {4: 5}}, recursive=true) | string":                           "{1: {2: 3, 4: 5}}",
		"lookup('dict', ports) | map(attribute='key') | max":                                    "1000",
		"[{'n': 1}] | rekey_on_member('n') | string":                                            "{1: {'n': 1}}",
		"ports | select('gt', 100) | list":                                                      "[443, 1000]",
	} {
		got, err := e.File("t", "{{ "+expression+" }}", templates.Map{"ports": ports}, templates.DefaultFileOptions())
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", expression, got, err, want)
		}
	}
}
