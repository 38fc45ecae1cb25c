package files

import "testing"

func TestFlagChange(t *testing.T) {
	for _, c := range []struct{ want, have, change string }{
		{"+i", "e", "+i"}, {"+i", "ie", ""}, {"-i", "ie", "-i"}, {"-i", "e", ""}, {"i", "ie", ""}, {"i", "e", "+i"},
		{"=i", "ae", "=i"}, {"i", "iae", "-a"}, {"+ia", "i", "+a"}, {"-ia", "a", "-a"},
	} {
		if got := (Marks{Flags: c.want}).flagChange(c.have); got != c.change {
			t.Errorf("%s of %q: %q, not %q", c.want, c.have, got, c.change)
		}
	}
}
