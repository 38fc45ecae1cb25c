package templates

import (
	"strings"
	"testing"
)

func TestBuiltinsCanBeRead(t *testing.T) {
	names := Builtins()
	if len(names) == 0 {
		t.Fatal("there are no built-in templates")
	}
	for _, name := range names {
		text, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := New(Options{}).CheckFile(name, text, DefaultFileOptions()); err != nil {
			t.Error(err)
		}
	}
	if _, err := Builtin("postgresql.cnf.j2"); err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("an unknown template: %v", err)
	}
}
