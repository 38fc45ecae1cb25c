package ansible

import (
	"reflect"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates/jinja"
)

// What ansible-core 2.19 makes of them with community.general and ansible.utils; "!" begins what an error has to say.
func TestOfCollections(t *testing.T) {
	engine := jinja.NewEngine(jinja.Options{Settings: map[string]any{"DEFAULT_FORKS": 5, "DEFAULT_REMOTE_PORT": nil}}, All())
	for _, c := range []struct {
		expression string
		want       any
	}{
		{"['2.10', '2.9', '2.9.1'] | community.general.version_sort", []any{"2.9", "2.9.1", "2.10"}},
		{"['1.10', '1.9', '1.9.0', '1.09'] | community.general.version_sort(reverse=true)", []any{"1.10", "1.9.0", "1.9", "1.09"}},
		{"'321' | community.general.version_sort", []any{"1", "2", "3"}},
		{"[1.2] | community.general.version_sort", "!map('string')"},
		{"(['ab', 'cd'] | community.general.dict) == {'a': 'b', 'c': 'd'}", true},
		{"[['a']] | community.general.dict", "!pairs"},
		{"'abc' | flatten", []any{"a", "b", "c"}},
		{"5 | flatten", "!integer"},
		{"'[NaN, Infinity, -Infinity]' | from_json | string", "[nan, inf, -inf]"},
		{`'{"NaN": "\\"Infinity NaN", "b": [0e-0, NaN]}' | from_json | string`, `{'NaN': '"Infinity NaN', 'b': [0.0, nan]}`},
		{"'1e999' | from_json | string", "inf"},
		{"'-NaN' | from_json", "!not JSON"},
		{"'1.2.3.4' is ansible.utils.ipv4_address", true},
		{"'01.2.3.4' is ansible.utils.ipv4_address", false},
		{"'::ffff:1.2.3.4' is ansible.utils.ipv6_address", true},
		{"'fe80::1%eth0' is ansible.utils.ip", true},
		{"['1.2.3.4/24', '1.2.3.0/33', '1.2.3.0/', '2001:db8::1/32', '', 5] | select('ansible.utils.ip') | list", []any{}},
		{"['1.2.3.0/24', '1.2.3.0/255.255.255.0', '1.2.3.0/0.0.0.255', '2001:db8::/32'] | reject('ansible.utils.ip') | list", []any{}},
		{"lookup('config', 'DEFAULT_FORKS', 'DEFAULT_REMOTE_PORT')", []any{5, nil}},
		{"lookup('config', 'DEFAULT_FORK')", "!did you mean \"DEFAULT_FORKS\""},
		{"lookup('community.general.random_string', length=5, override_all='a')", "aaaaa"},
		{"lookup('community.general.random_string', override_special='-', min_special=4, length=4, numbers=false)", "----"},
		{"lookup('community.general.random_string', length=2, min_lower=5) | length", 5},
		{"lookup('community.general.random_string', length='3', override_all='a', base64=true)", "YWFh"},
		{"lookup('community.general.random_string', upper=false, lower=false, numbers=false, special=false)", "!no characters"},
		{"lookup('community.general.random_string') | length", 8},
	} {
		got, err := engine.Evaluate(c.expression, jinja.Map{})
		if text, ok := c.want.(string); ok && strings.HasPrefix(text, "!") {
			if err == nil || !strings.Contains(err.Error(), text[1:]) {
				t.Errorf("%s: got %v, %v; want an error that says %s", c.expression, got, err, text[1:])
			}
			continue
		}
		if u, ok := got.(jinja.Unsafe); ok {
			got = u.Value
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v, %v; want %#v", c.expression, got, err, c.want)
		}
	}
}
