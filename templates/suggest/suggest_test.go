package suggest

import "testing"

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		word       string
		candidates []string
		want       string
	}{
		{"cpoy", []string{"copy", "command"}, "copy"},
		{"becom", []string{"become", "become_user"}, "become"},
		{"Register", []string{"register"}, "register"},
		{"x", []string{"yy", "zzz"}, ""},
		{"file", []string{"file"}, ""},
		{"with_itmes", []string{"with_items", "with_dict"}, "with_items"},
		{"new-cluter", []string{"new-cluster.yml", "new-cluster"}, "new-cluster"},
		{"poldb", []string{"polardb", "standby"}, "polardb"},
		{"entirely", []string{"different"}, ""},
	} {
		if got := Nearest(c.word, c.candidates); got != c.want {
			t.Errorf("Nearest(%q, %q) is %q, not %q", c.word, c.candidates, got, c.want)
		}
	}
}

func TestChanges(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"abcdef", "badcfe", 3}, {"名字", "字名", 1}} {
		if got := changes(c.a, c.b, 100); got != c.want {
			t.Errorf("changes(%q, %q) is %d, not %d", c.a, c.b, got, c.want)
		}
		for limit := range 5 {
			if got := changes(c.a, c.b, limit); got != min(c.want, limit) {
				t.Errorf("changes(%q, %q) bounded by %d is %d, not %d", c.a, c.b, limit, got, min(c.want, limit))
			}
		}
	}
}
