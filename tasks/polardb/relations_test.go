package polardb

import (
	"strings"
	"testing"
)

// TestRelationsPlan compares in a run, and nothing in check mode: the copy was not made.
func TestRelationsPlan(t *testing.T) {
	for _, check := range []bool{false, true} {
		p, err := (&relationsAction{args: &relationsArgs{}, check: check}).Plan()
		if err != nil || p.Change == check || p.Event == check {
			t.Errorf("check %t: %+v, %v", check, p, err)
		}
	}
}

func TestFirstOf(t *testing.T) {
	all := []string{"a", "b", "c"}
	for n, want := range map[int]string{1: "a and 2 more", 2: "a, b and 1 more", 3: "a, b, c", 4: "a, b, c"} {
		if got := firstOf(all, n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestRelationsMissing(t *testing.T) {
	a, b := relation{1, 1, 0, "a"}, relation{2, 2, 0, "b"}
	moved := relation{2, 9, 0, "b"}
	for _, c := range []struct {
		before, copied, after []relation
		want                  string
	}{
		{[]relation{a, b}, []relation{a, b}, []relation{a, b}, ""},
		{[]relation{a, b}, []relation{a}, []relation{a, b},
			"in the database app its catalog differs in 1 of 2 relations: b (2, file 2, tablespace 0)"},
		{[]relation{a, b}, []relation{a, moved}, []relation{a, b}, "1 of 2 relations: b"},
		{[]relation{a, b}, []relation{a}, []relation{a, moved}, ""}, // written anew meanwhile
		{[]relation{a, b}, []relation{a}, []relation{a}, ""},        // dropped meanwhile
		{[]relation{a}, []relation{a}, []relation{a, b}, ""},        // made meanwhile
	} {
		if got := relationsMissing(c.before, c.copied, c.after, "app"); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%v %v %v: %q, want %q", c.before, c.copied, c.after, got, c.want)
		}
	}
	var many []relation
	for i := range int64(2000) {
		many = append(many, relation{i, i, 0, "r"})
	}
	got := relationsMissing(many, nil, many, "app")
	if len(got) > 400 || !strings.Contains(got, "2000 of 2000") || !strings.Contains(got, "and 1995 more") {
		t.Errorf("%d bytes: %.500s", len(got), got)
	}
}
