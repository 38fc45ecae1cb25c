package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

var made = time.Unix(1_700_000_001, 0)

// madeIn makes a release in a directory of its own. The program is this test, which is built of modules as well.
func madeIn(t *testing.T, changed time.Time, mode os.FileMode, backwards bool) string {
	t.Helper()
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	names := []string{"polarbook-linux-amd64", "polarbook-windows-arm64.exe"}
	texts := []entry{{name: "README.md", data: []byte("read me\n")}, {name: "man/polarbook.1", data: []byte(".TH\n")}}
	if backwards {
		slices.Reverse(names)
		slices.Reverse(texts)
	}
	for _, name := range names {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(file, program, mode), os.Chtimes(file, changed, changed)); err != nil {
			t.Fatal(err)
		}
	}
	r := release{dir: dir, version: "v1.2.3", time: made, texts: texts}
	if err := r.make(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Nothing of a release depends on when, where and by whom it is made.
func TestTwiceTheSame(t *testing.T) {
	one := madeIn(t, time.Unix(1_600_000_000, 0), 0o755, false)
	two := madeIn(t, time.Unix(1_650_000_000, 0), 0o700, true)
	files, err := os.ReadDir(one)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
		a, err1 := os.ReadFile(filepath.Join(one, f.Name()))
		b, err2 := os.ReadFile(filepath.Join(two, f.Name()))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%v)", f.Name(), err)
		}
	}
	want := []string{"SHA256SUMS", "polarbook-linux-amd64", "polarbook-v1.2.3-linux-amd64.tar.gz", "polarbook-v1.2.3-windows-arm64.zip",
		"polarbook-v1.2.3.cdx.json", "polarbook-windows-arm64.exe"}
	if !slices.Equal(names, want) {
		t.Errorf("made %q, want %q", names, want)
	}
	sums, err := os.ReadFile(filepath.Join(one, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	var summed []string
	for line := range strings.Lines(string(sums)) {
		summed = append(summed, strings.TrimSpace(line[66:]))
	}
	if !slices.Equal(summed, want[1:]) {
		t.Errorf("SHA256SUMS has %q, want %q", summed, want[1:])
	}
}

func TestArchives(t *testing.T) {
	entries := []entry{{name: "polarbook", data: []byte("program"), runs: true}, {name: "README.md", data: []byte("read me\n")}}
	packed, err := tarball("top", entries, made)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if unpacked.Name != "" || !unpacked.ModTime.IsZero() {
		t.Errorf("gzip's header has %q and %v", unpacked.Name, unpacked.ModTime)
	}
	var names []string
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name+" "+fs.FileMode(h.Mode).String())
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || !h.ModTime.Equal(made) {
			t.Errorf("%s: owner %d:%d %q:%q, time %v", h.Name, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime)
		}
	}
	want := []string{"top/README.md -rw-r--r--", "top/polarbook -rwxr-xr-x"}
	if !slices.Equal(names, want) {
		t.Errorf("the tarball has %q, want %q", names, want)
	}
	packed, err = zipped("top", entries, made)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	names = nil
	for _, f := range z.File {
		names = append(names, f.Name+" "+f.Mode().String())
		if !f.Modified.Equal(made) {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("the zip has %q, want %q", names, want)
	}
}

func TestBill(t *testing.T) {
	everywhere := &debug.Module{Path: "example.com/one", Version: "v1.0.0", Sum: "h1:one"}
	windows := &debug.Module{Path: "example.com/two", Version: "v2.0.0+incompatible", Sum: "h1:two"}
	b := bill{version: "v1.2.3", time: made, modules: map[module][]string{}}
	self := debug.Module{Path: "example.com/self"}
	b.add("linux-amd64", &debug.BuildInfo{GoVersion: "go1.26.8", Main: self, Deps: []*debug.Module{everywhere}})
	b.add("windows-amd64", &debug.BuildInfo{GoVersion: "go1.26.8", Main: self, Deps: []*debug.Module{windows, everywhere}})
	data, err := b.json()
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	var says []string
	for _, c := range d.Components {
		line := c.URL
		for _, p := range c.Properties {
			line += " " + p.Value
		}
		says = append(says, line)
	}
	want := []string{"pkg:golang/example.com/one@v1.0.0 h1:one", "pkg:golang/example.com/two@v2.0.0%2Bincompatible h1:two windows-amd64",
		"pkg:golang/std@1.26.8"}
	if !slices.Equal(says, want) {
		t.Errorf("components %q, want %q", says, want)
	}
	if d.Format != "CycloneDX" || d.Metadata.Timestamp != "2023-11-14T22:13:21Z" || len(d.Dependencies[0].On) != len(want) {
		t.Errorf("not as it should be: %s", data)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	try := func(version, want string) {
		t.Helper()
		r := release{dir: dir, version: version, time: made}
		if err := r.make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("version %q: %v, want %q", version, err, want)
		}
	}
	try("a/b", "no version")
	try("v1", "there is no program")
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	try("v1", "notes.txt is no program")
}
