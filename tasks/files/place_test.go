package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// What a host was writing when its power was lost goes with the next file that is written there; what another run writes
// at the same time stays, and so does what only looks like it.
func TestHalfAFileOfAHostThatLostPowerIsRemoved(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		at := func(name string, age time.Duration) string {
			t.Helper()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
			then := time.Now().Add(-age)
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
			return path
		}
		booted := at("booted", time.Hour)
		lost, other := at(".polarbook.aaaaaaaa", 2*time.Hour), at(".polarbook.bbbbbbbb", time.Minute)
		longer, theirs := at(".polarbook.aaaaaaaaa", 2*time.Hour), at("polarbook.aaaaaaaa", 2*time.Hour)
		text := script.Inside + "booted=" + remote.Quote(booted) + "\ninside " + remote.Quote(dir) + "\nfresh new && echo new >&7\n"
		if r, err := h.Run(t.Context(), remote.Command{Script: text}); err != nil || r.Status != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if made, err := os.ReadFile(filepath.Join(dir, "new")); err != nil || strings.TrimSpace(string(made)) != "new" {
			t.Errorf("wrote %q, %v", made, err)
		}
		if _, err := os.Stat(lost); err == nil {
			t.Error("what was being written before the host booted is still there")
		}
		for _, path := range []string{other, longer, theirs} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s is gone", path)
			}
		}
	})
}
