package templates

import (
	"fmt"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

// BenchmarkLoop renders a template that walks over a mapping of 1,000 keys.
func BenchmarkLoop(b *testing.B) {
	m := ordered.New(0)
	for at := range 1000 {
		m.Set(fmt.Sprintf("key%d", at*7919%1000), at)
	}
	texts := ordered.New(0)
	for at := range 1000 {
		texts.Set(fmt.Sprintf("key%d", at*7919%1000), "{{ x }}")
	}
	vars := Map{"m": m, "t": texts, "x": 1}
	for _, c := range []struct{ name, template string }{
		{"items", "{% for k, v in m.items() %}{{ k }} = {{ v }}\n{% endfor %}"},
		{"keys", "{% for k in m %}{{ k }} = {{ m[k] }}\n{% endfor %}"},
		{"dict2items", "{% for i in m | dict2items %}{{ i.key }} = {{ i.value }}\n{% endfor %}"},
		{"combine", "{% for k, v in (m | combine({'a': 1})).items() %}{{ k }} = {{ v }}\n{% endfor %}"},
		{"to_json", "{{ m | to_json }}"},
		{"templates", "{% for k, v in t.items() %}{{ k }} = {{ v }}\n{% endfor %}"},
		{"value", "{{ m }}"},
	} {
		b.Run(c.name, func(b *testing.B) {
			engine := New(Options{})
			for b.Loop() {
				if _, err := engine.Render(c.template, vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
