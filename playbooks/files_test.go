package playbooks

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates"
)

// markChecker refuses texts that hold the mark «, at the line and column where it stands.
type markChecker struct{}

func (markChecker) Check(text string) error {
	at := strings.Index(text, "«")
	if at < 0 {
		return nil
	}
	line, column := lineColumn(text, at)
	return &templates.Error{Line: line, Column: column, Message: "marked"}
}

func (m markChecker) CheckCondition(text string) error { return m.Check(text) }

// TestPlacesInScalars: whatever way a template is written in YAML, its mistake is shown on the character that it is on.
func TestPlacesInScalars(t *testing.T) {
	for name, text := range map[string]string{
		"plain":               "a {{ « }}",
		"single quoted":       "'it''s {{ a « }}'",
		"double quoted":       `"a \"b\" \n\t {{ \u0041 « }}"`,
		"literal":             "|\n        first {{ a }}\n\n          second {{ « }}\n",
		"literal, kept":       "|2+\n          x {{ « }}\n",
		"folded":              ">-\n        first line\n        second {{ « }}\n",
		"plain, folded":       "first {{ a\n        « }}",
		"quoted, folded":      "\"first {{ a\n\n        « }}\"",
		"tagged":              "!!str '{{ « }}'",
		"anchored":            "&x '{{ « }}'",
		"in a mapping":        "{k: '{{ « }}'}",
		"in a list":           "[1, '{{ a }}', \"{{ « }}\"]",
		"string at its end":   "'{{ a }}«'",
		"wide":                "'口令 {{ « }}'",
		"string of arguments": "dest=/x src='{{ « }}'",
	} {
		t.Run(name, func(t *testing.T) {
			source := "- hosts: all\n  vars:\n    x: " + strings.ReplaceAll(text, "        ", "      ") + "\n  tasks: []\n"
			l, err := newLoader(Options{Dir: t.TempDir(), Lookup: testLookup, Checker: markChecker{}, Builtin: testOptions("").Builtin})
			if err != nil {
				t.Fatal(err)
			}
			f := l.parse(&file{name: "site.yml", fsys: hostFiles, path: "site.yml"}, []byte(source))
			if f == nil {
				t.Fatalf("it is not YAML: %v\n%s", l.problems, source)
			}
			l.playbook(f, nil)
			if len(l.problems) != 1 {
				t.Fatalf("not one problem but %v", l.problems)
			}
			line, column := lineColumn(source, strings.Index(source, "«"))
			if got, want := l.problems[0].Pos, (Position{"site.yml", line, column}); got != want {
				t.Errorf("the mistake is said to be at %s, not %s:\n%s", got, want, source)
			}
		})
	}
}

func TestHead(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"- hosts: all\n# later\n":        "",
		"# One\n#\n#   two\n- hosts: x":  "One\n\n  two",
		"---\n\n# One\r\n# two\r\n---\n": "One\ntwo",
		"#One\n\n# another comment\n":    "One",
	} {
		if got := head(text); got != want {
			t.Errorf("the head of %q is %q, not %q", text, got, want)
		}
	}
}
