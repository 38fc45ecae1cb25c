package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Values of ini inventories are Python's literals: tuples without parentheses and sets are lists, as ansible-inventory shows them. A
// group's name may begin with a digit.
func TestOddINI(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	text := "[2node]\nh d=1,2 s={1,1} n=1, p=,1 q='(1,)' t='{1:2, 3}' w='1, a' u=\"'a','b'\"\n[all-x:children]\n2node\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	h, _ := inv.Host("h")
	vars, err := inv.Vars(h)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"d": []any{1, 2}, "s": []any{1}, "n": []any{1}, "p": ",1", "q": []any{1}, "t": "{1:2, 3}", "w": "1, a", "u": []any{"a", "b"},
	} {
		if got := vars.Value(name); !ordered.Same(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if groups := strings.Join(h.Groups(), " "); groups != "2node all-x" {
		t.Error(groups)
	}
}

func TestTOMLIsRefusedByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts.toml")
	if err := os.WriteFile(path, []byte("[g]\nhosts = {h1 = {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load([]string{path}); err == nil || !strings.Contains(err.Error(), "an inventory in TOML cannot be read") {
		t.Error(err)
	}
}
