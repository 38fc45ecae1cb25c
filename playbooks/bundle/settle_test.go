package bundle

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bundleOf writes a bundle of files, by their content.
func bundleOf(t *testing.T, content map[string]string) *Bundle {
	t.Helper()
	dir := t.TempDir()
	var sources []Source
	for name, text := range content {
		from := filepath.Join(dir, "from", name)
		if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(from, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, Source{File: File{Path: name, Kind: Content}, From: from})
	}
	to := filepath.Join(dir, "site.bundle")
	if err := Write(to, Manifest{MadeAt: madeAt}, sources, nil, quiet); err != nil {
		t.Fatal(err)
	}
	b, err := Open(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func every(File) bool { return true }

// held are the files below a directory but the record, with their content.
func held(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, _ error) error {
		name, _ := filepath.Rel(dir, p)
		if !d.IsDir() && name != recordName {
			all[name] = string(read(t, p))
		}
		return nil
	})
	return all
}

func TestSettle(t *testing.T) {
	first := bundleOf(t, map[string]string{"site.yml": "1", "roles/a/tasks/main.yml": "a", "same": "s"})
	second := bundleOf(t, map[string]string{"site.yml": "2", "new.yml": "n", "same": "s"})
	dir := filepath.Join(t.TempDir(), "d")
	if Settled(dir) {
		t.Error("a directory that is not there is settled")
	}
	want := func(b *Bundle, content map[string]string) {
		t.Helper()
		if err := b.Settle(dir, every); err != nil {
			t.Fatal(err)
		}
		if got := held(t, dir); !maps.Equal(got, content) {
			t.Errorf("%q, want %q", got, content)
		}
	}
	want(first, map[string]string{"site.yml": "1", "roles/a/tasks/main.yml": "a", "same": "s"})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 || !Settled(dir) {
		t.Error(info, err)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("pki/c/ca.key", "k")
	before := read(t, filepath.Join(dir, recordName))
	want(first, map[string]string{"site.yml": "1", "roles/a/tasks/main.yml": "a", "same": "s", "pki/c/ca.key": "k"})
	if !bytes.Equal(before, read(t, filepath.Join(dir, recordName))) {
		t.Error("the record was written anew")
	}
	after := map[string]string{"site.yml": "2", "new.yml": "n", "same": "s", "pki/c/ca.key": "k"}
	want(second, after)
	if _, err := os.Stat(filepath.Join(dir, "roles")); err == nil {
		t.Error("an empty directory was left")
	}
	refused := func(b *Bundle, says string) {
		t.Helper()
		had := held(t, dir)
		if err := b.Settle(dir, every); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
		if has := held(t, dir); !maps.Equal(had, has) {
			t.Errorf("it was refused, and left %q of %q", has, had)
		}
	}
	put("new.yml", "mine")
	refused(second, "new.yml was changed since a bundle brought it")
	refused(first, "new.yml is not in the bundle; an earlier one brought it, and it was changed since")
	put("new.yml", "n")
	put("roles/a/tasks/main.yml", "mine")
	refused(first, "roles/a/tasks/main.yml is there already, is another file than the bundle's, and no bundle brought it")
	if err := os.RemoveAll(filepath.Join(dir, "roles")); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "roles")); err != nil {
		t.Fatal(err)
	}
	if err := first.Settle(dir, every); err == nil {
		t.Error("a file was written through a link")
	}
	if list, _ := os.ReadDir(elsewhere); len(list) > 0 {
		t.Errorf("%v", list)
	}
}

// TestSettleAgain kills the change from one bundle to another after each of its writes. It is finished by the next one, whichever of
// the two that brings.
func TestSettleAgain(t *testing.T) {
	one, two := map[string]string{"a": "1", "b": "1", "c": "1"}, map[string]string{"a": "2", "b": "2", "d": "2"}
	first, second := bundleOf(t, one), bundleOf(t, two)
	for step := range 4 {
		for _, next := range []*Bundle{first, second} {
			dir := t.TempDir()
			if err := first.Settle(dir, every); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			both := record{}
			for _, f := range append(slices.Clone(first.Files), second.Files...) {
				both[f.Path] = append(both[f.Path], f.SHA256)
			}
			if err := both.write(root); err != nil {
				t.Fatal(err)
			}
			if step > 0 {
				_ = os.Remove(filepath.Join(dir, "c"))
			}
			for i := range max(0, step-1) {
				if err := second.put(root, i); err != nil {
					t.Fatal(err)
				}
			}
			_ = root.Close()
			if err := os.WriteFile(filepath.Join(dir, "b.unfinished"), []byte("half"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := next.Settle(dir, every); err != nil {
				t.Errorf("after %d steps: %v", step, err)
			}
			got, want := held(t, dir), map[*Bundle]map[string]string{first: one, second: two}[next]
			delete(got, "b.unfinished")
			if !maps.Equal(got, want) {
				t.Errorf("after %d steps: %q", step, got)
			}
		}
	}
}
