package engine

import (
	"strings"
	"testing"
)

// TestConditionsThatAreNoBooleans: ansible-core 2.19 refuses them; what 2.14 does is done, and said.
func TestConditionsThatAreNoBooleans(t *testing.T) {
	for _, c := range []struct{ vars, when, want, warns string }{
		{"x: some", "x", "ok", `comes to the text "some"`},
		{"x: ''", "x", "skipped", `comes to the text ""`},
		{"x: 'no'", "x", "ok", "taken for true"},
		{"x: [1]", "x", "ok", "x | length > 0"},
		{"x: []", "x", "skipped", "comes to a list"},
		{"x: {a: 1}", "x", "ok", "comes to a mapping"},
		{"x: 0", "x", "skipped", "x != 0"},
		{"x: null", "x", "skipped", "x is not none"},
		{"x: some", "x and true", "ok", ""},
		{"x: some", "true and x", "ok", `"true and x"`},
		{"x: 'no'", "x | bool", "skipped", ""},
		{"x: 'no'", "not x", "skipped", ""},
		{"x: true", "x", "ok", ""},
		{"x: true", "'{{ x }}'", "ok", ""},
		// What set_fact is given stays a text, as in 2.19; of false and no 2.14 made false.
		{"", "made", "skipped", "taken for false"},
		{"", "made_yes", "ok", "taken for true"},
		{"", "not made", "skipped", ""},
		{"", "made == 'no'", "ok", ""},
		{"", "true and made", "ignored", ""},
		{"x: '{{ made }}'", "x", "ignored", ""},
	} {
		b := newBench(t, "a")
		var said []string
		b.o.Warn = func(text string) { said = append(said, text) }
		vars, set := c.vars, ""
		if strings.Contains(vars+c.when, "made") {
			set = "    - set_fact: {made: 'no', made_yes: 'yes'}\n"
		}
		if vars == "" {
			vars = "unused: 1"
		}
		_, err := b.run("- hosts: a\n  gather_facts: false\n  vars: {" + vars + "}\n  tasks:\n" + set +
			"    - echo: here\n      ignore_errors: true\n      when: " + c.when + "\n")
		b.wantKind(err, 0)
		n := 0
		if set != "" {
			n = 1
		}
		if d := b.rec.done("a", n); string(d.Status) != c.want {
			t.Errorf("%s, when: %s: %s (%s), not %s", c.vars, c.when, d.Status, d.Msg, c.want)
		}
		if all := strings.Join(said, "\n"); (all == "") != (c.warns == "") || !strings.Contains(all, c.warns) {
			t.Errorf("%s, when: %s: it warns of %q", c.vars, c.when, all)
		}
	}
}
