package builtin

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestTempfile(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		for state, mode := range map[string]os.FileMode{"file": 0o600, "directory": os.ModeDir | 0o700} {
			_, r := taskstest.MustChange(t, h, "tempfile", map[string]any{"state": state, "path": dir, "suffix": ".it's"}, &taskstest.FakeLocal{})
			name, _ := r.Values["path"].(string)
			info, err := os.Stat(name)
			if err != nil || info.Mode() != mode || !strings.HasPrefix(name, dir+"/ansible.") || !strings.HasSuffix(name, ".it's") {
				t.Errorf("%s: %q %v", state, name, err)
			}
			if want := fmt.Sprintf("0%03o", mode.Perm()); r.Values["mode"] != want || r.Values["state"] != state || r.Values["uid"] != os.Getuid() {
				t.Errorf("%s: %v", state, r.Values)
			}
		}
	})
}

// Without path it is made where Python would make it: a variable that names no directory counts for nothing.
func TestTempfileWithoutPath(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("TMPDIR", dir+"/gone")
		t.Setenv("TMP", dir)
		_, r := taskstest.MustChange(t, h, "tempfile", map[string]any{}, &taskstest.FakeLocal{})
		if name, _ := r.Values["path"].(string); !strings.HasPrefix(name, dir+"/ansible.") {
			t.Errorf("%q", name)
		}
	})
}
