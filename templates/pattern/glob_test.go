package pattern

import (
	"regexp"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"*.log", "a.log", true}, {"*.log", "a.logs", false}, {"a?c", "abc", true}, {"[!a]*", "b", true}, {"[!a]*", "a", false},
		{"[^a]", "^", true}, {"[a-c]", "b", true}, {"[", "[", true}, {"[]]", "]", true}, {`a\*`, `a\b`, true}, {`a\*`, "a*", false}, {"a.b", "axb", false},
		{"*", "a\nb", true},
	} {
		if got := regexp.MustCompile(Glob(c.glob)).MatchString(c.name); got != c.want {
			t.Errorf("%s matches %q: %v", c.glob, c.name, got)
		}
	}
}
