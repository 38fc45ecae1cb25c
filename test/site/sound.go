package site

import (
	"os"
	"path/filepath"
	"strings"
)

// sound wants what is true of every run: polarbook does not crash, no password was printed or written down, and the
// journals are the user's alone.
func (o *Outcome) sound() {
	o.T.Helper()
	if strings.Contains(o.Printed(), "goroutine ") {
		o.T.Errorf("polarbook %s crashed\n%s", o.command(), o.Story())
	}
	texts := map[string]string{"its output": o.Stdout, "its errors": o.Stderr}
	err := filepath.WalkDir(o.state(), func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			o.T.Errorf("%s has the mode %04o, want 0600", path, info.Mode().Perm())
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		o.T.Error(err)
	}
	for what, secret := range o.secrets {
		for where, text := range texts {
			if at := strings.Index(text, secret); at >= 0 {
				o.T.Errorf("polarbook %s: %s is in %s: ...%s...", o.command(), what, where,
					strings.ReplaceAll(text[max(0, at-200):min(len(text), at+len(secret)+50)], secret, "<HERE>"))
			}
		}
	}
}
