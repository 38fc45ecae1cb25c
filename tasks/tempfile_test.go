package tasks

import (
	"os"
	"strings"
	"testing"
)

func TestTempfile(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		for state, mode := range map[string]os.FileMode{"file": 0o600, "directory": os.ModeDir | 0o700} {
			_, r := mustChange(t, h, "tempfile", map[string]any{"state": state, "path": dir, "suffix": ".it's"}, &fakeLocal{})
			name, _ := r.Values["path"].(string)
			info, err := os.Stat(name)
			if err != nil || info.Mode() != mode || !strings.HasPrefix(name, dir+"/ansible.") || !strings.HasSuffix(name, ".it's") {
				t.Errorf("%s: %q %v", state, name, err)
			}
		}
	})
}
