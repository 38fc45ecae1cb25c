package builtin

import (
	"fmt"
	"testing"
)

func TestLocalFacts(t *testing.T) {
	for _, c := range []struct {
		fact localFact
		want string
	}{
		{localFact{Text: []byte(`{"a": [1, "x"]}`)}, "map[a:[1 x]]"},
		{localFact{Text: []byte("5")}, "5"},
		{localFact{Text: []byte("[one]\nKey = v\nother: w\n  more\n# no\n[two]\nx=\n")}, "map[one:map[key:v other:w\nmore] two:map[x:]]"},
		{localFact{Text: []byte("[DEFAULT]\nd=1\n[s]\na=2\n")}, "map[s:map[a:2 d:1]]"},
		{localFact{Name: "f", Text: []byte("no sections = here")}, "f.fact is neither JSON nor ini"},
		{localFact{Name: "f", Text: []byte("[s]\na=1\na=2\n")}, "f.fact is neither JSON nor ini"},
		{localFact{Text: nil}, "map[]"},
		{localFact{Name: "f", Status: 3}, "the program f.fact ended with status 3"},
		{localFact{Name: "f", Refused: true}, "not run: others than root can write f.fact or a directory above it"},
	} {
		if n, ok := c.fact.value().(int); ok != (string(c.fact.Text) == "5") {
			t.Errorf("%s: %d", c.fact.Text, n)
		}
		if got := fmt.Sprint(c.fact.value()); got != c.want {
			t.Errorf("%s: %q, not %q", c.fact.Text, got, c.want)
		}
	}
}
