package templates

import (
	"encoding/json"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Dates that stand in YAML are Python's, and leave a template as they came; the results are those of ansible-core 2.19.
func TestDatesOfYAML(t *testing.T) {
	vars := Map{"d": ordered.Timestamp("2024-01-02"), "t": ordered.Timestamp("2024-01-02T10:11:12"),
		"z": ordered.Timestamp("2024-01-02T10:11:12+00:00"), "l": []any{ordered.Timestamp("2024-01-02")}}
	for template, want := range map[string]any{
		"{{ d }} {{ t }} {{ z }}":                         "2024-01-02 2024-01-02 10:11:12 2024-01-02 10:11:12+00:00",
		"{{ d | type_debug }} {{ t | type_debug }}":       "date datetime",
		"{{ d == '2024-01-02' }} {{ d is string }}":       "False False",
		"{{ d | to_json }} {{ t | to_json }}":             `"2024-01-02" "2024-01-02T10:11:12"`,
		"{{ [d] }} {{ {'a': t} }}":                        "[datetime.date(2024, 1, 2)] {'a': datetime.datetime(2024, 1, 2, 10, 11, 12)}",
		"{{ {'a': t, 'd': d} | to_yaml }}":                "{a: ! '2024-01-02 10:11:12', d: 2024-01-02}\n",
		"{{ {'a': t} | to_nice_yaml }}":                   "a: 2024-01-02 10:11:12\n",
		"{{ d.year }} {{ d.strftime('%d.%m.%Y') }}":       "2024 02.01.2024",
		"{{ d in l }} {{ d < '2024-01-03' | from_yaml }}": "True True",
		"{{ d }}":             ordered.Timestamp("2024-01-02"),
		"{{ t }}":             ordered.Timestamp("2024-01-02T10:11:12"),
		"{{ (z - z).days }}":  0,
		"{{ {d: 1} | list }}": []any{ordered.Timestamp("2024-01-02")},
	} {
		got, err := New(Options{}).Render(template, vars)
		if err != nil || !ordered.Same(got, want) {
			t.Errorf("%s gave %#v %v, want %#v", template, got, err, want)
		}
	}
	if text, err := json.Marshal(ordered.Of("a", ordered.Timestamp("2024-01-02"))); err != nil || string(text) != `{"a":"2024-01-02"}` {
		t.Errorf("%s %v", text, err)
	}
}

// What leaves a template is a number of any length, and nothing that a template can do fills the memory with digits.
func TestWholeNumbersOfAnyLength(t *testing.T) {
	for template, want := range map[string]string{
		"{{ 2 ** 100 }}":                                          "1267650600228229401496703205376",
		"{{ 9223372036854775807 + 1 }}":                           "9223372036854775808",
		"{{ -9223372036854775807 - 2 }}":                          "-9223372036854775809",
		"{{ 12345678901234567890123 // -7 }}":                     "-1763668414462081127161",
		"{{ 12345678901234567890123 % -7 }}":                      "-4",
		"{{ '12345678901234567890123' | int }}":                   "12345678901234567890123",
		"{{ 1e25 | int }}":                                        "10000000000000000905969664",
		"{{ '[12345678901234567890123]' | from_json }}":           "[12345678901234567890123]",
		"{{ 'a: 12345678901234567890123' | from_yaml }}":          "{'a': 12345678901234567890123}",
		"{{ 12345678901234567890123 is odd }}":                    "True",
		"{{ [2 ** 70, 2 ** 69] | min == 2 ** 69 }}":               "True",
		"{{ [2 ** 70, 2 ** 70 + 1, 2 ** 70] | unique | length }}": "2",
	} {
		got, err := New(Options{}).Render("x"+template, nil)
		if err != nil || got != "x"+want {
			t.Errorf("%s gave %v %v, want %s", template, got, err, want)
		}
	}
	for _, template := range []string{"{{ 2 ** 20000 }}", "{{ (2 ** 9000) * (2 ** 9000) }}", "{{ 1 // (2 ** 70 - 2 ** 70) }}"} {
		if got, err := New(Options{}).Render(template, nil); err == nil {
			t.Errorf("%s gave %v", template, got)
		}
	}
}
