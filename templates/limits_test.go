package templates

import (
	"strings"
	"testing"
)

// A template of any size and depth is read or refused, with an error that a person can read.
func TestTemplatesWithoutMeasure(t *testing.T) {
	n := 50_000
	if testing.Short() {
		n = 5_000
	}
	e := New(Options{})
	for _, c := range []struct{ name, text, want string }{
		{"not", "{{ " + strings.Repeat("not ", n) + "1 }}", "nests deeper than"},
		{"minus", "{{ " + strings.Repeat("-", n) + "1 }}", "nests deeper than"},
		{"brackets", "{{ " + strings.Repeat("[", n) + strings.Repeat("]", n) + " }}", "nests deeper than"},
		{"inline if", "{{ " + strings.Repeat("1 if 1 else ", n) + "1 }}", "nests deeper than"},
		{"if", strings.Repeat("{% if 1 %}", n) + strings.Repeat("{% endif %}", n), "nest too deep"},
		{"one after another", strings.Repeat("{% if 1 %}{% endif %}", n), ""},
		{"elif", "{% if 1 %}" + strings.Repeat("{% elif 1 %}", n) + "{% endif %}", ""},
		{"or", "{{ 1" + strings.Repeat(" or 1", n) + " }}", ""},
		{"sum", "{{ 1" + strings.Repeat(" + 1", n) + " }}", ""},
		{"comparison", "{{ 1" + strings.Repeat(" < 1", n) + " }}", ""},
		{"lines", strings.Repeat("{{ 1 }}\n", n), ""},
	} {
		err := e.Check(c.text)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.200v, want %q", c.name, err, c.want)
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("%s: the error is %d bytes long", c.name, len(err.Error()))
		}
		if _, err := e.Render(c.text, Map{}); (err == nil) != (c.want == "") {
			t.Errorf("%s renders to the error %.200v", c.name, err)
		}
	}
}
