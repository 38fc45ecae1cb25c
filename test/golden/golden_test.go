package golden

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPackageTakesUpdate wants this package in every test binary: one that does not know -update fails with it.
func TestEveryPackageTakesUpdate(t *testing.T) {
	const self = "github.com/polarbook/polarbook/test/golden"
	list := exec.Command("go", "list", "-test", "-f", `{{if eq .Name "main"}}{{.ImportPath}} {{join .Deps " "}}{{end}}`, "./...")
	list.Dir = filepath.Join("..", "..")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	binaries := 0
	for line := range strings.Lines(string(out)) {
		name, deps, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasSuffix(name, ".test") {
			continue
		}
		binaries++
		if name != self+".test" && !strings.Contains(" "+deps+" ", " "+self+" ") {
			t.Errorf("%s does not take -update: import _ %q in a test of it", strings.TrimSuffix(name, ".test"), self)
		}
	}
	if binaries == 0 {
		t.Errorf("no test binary is listed:\n%s", out)
	}
}

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.golden")
	*update = true
	Check(t, path, "one\n")
	*update = false
	Check(t, path, "one\n")
	var other failures
	Check(&other, path, "two\n")
	if len(other.said) != 1 {
		t.Errorf("another text is told apart by %q", other.said)
	}
}

// failures is a test that may fail.
type failures struct {
	testing.TB
	said []string
}

func (f *failures) Helper() {}

func (f *failures) Errorf(format string, _ ...any) { f.said = append(f.said, format) }
