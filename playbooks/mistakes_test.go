package playbooks

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestMistakes loads the playbooks in testdata/mistakes, each with one mistake that people make, with the modules of this binary. The
// .txt file beside each has the message as a user sees it: what is wrong, where, and what to write.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d playbooks in testdata/mistakes: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) {
			_, err := Load("./"+filepath.Base(path), Options{Dir: "testdata/mistakes", Builtin: fstest.MapFS{}, Templates: fstest.MapFS{}})
			var all Errors
			if !errors.As(err, &all) {
				t.Fatalf("it says %v", err)
			}
			var said strings.Builder
			for _, one := range all {
				if one.Pos.File == "" {
					t.Errorf("no place: %v", one)
				}
				fmt.Fprintln(&said, one)
			}
			checkGolden(t, strings.TrimSuffix(path, ".yml")+".txt", said.String())
		})
	}
}
