package polardb

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// A program in the archive that needs a library which nobody has keeps all of it from being put in place; the library is
// named. The same archive with a program that is content is unpacked.
func TestSoftwareLibraries(t *testing.T) {
	program, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Skipf("%s: %v", program, err)
	}
	needs, _ := file.ImportedLibraries()
	if !slices.Contains(needs, "libc.so.6") {
		t.Skipf("%s needs %v and no libc.so.6", program, needs)
	}
	lacking := bytes.Replace(content, []byte("libc.so.6\x00"), []byte("libq.so.6\x00"), 1)
	for name, c := range map[string]struct {
		psql  []byte
		fails string
	}{
		"content": {psql: content},
		"lacking": {psql: lacking, fails: "the host lacks libraries that the engine needs: libq.so.6"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			a := &softwareAction{args: &softwareArgs{Home: home, Version: "v1"}, sum: "0123"}
			write := func(name string, content []byte) {
				t.Helper()
				name = filepath.Join(home, "prefix", name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, content, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write("bin/initdb", []byte("#!/bin/sh\n"))
			// The program that is asked for its version; a shell has none, so it is told one.
			write("bin/postgres", []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 11.9'\n"))
			write("bin/psql", c.psql)
			write("lib/postgresql/plain.so", content)
			if err := os.Mkdir(filepath.Join(home, "versions"), 0o755); err != nil {
				t.Fatal(err)
			}
			archive := filepath.Join(home, "a.tar")
			if out, err := exec.Command("tar", "-cf", archive, "-C", home, "prefix").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			out, err := taskstest.Sh(t, a.unpack(archive))
			if c.fails == "" {
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if _, err := os.Stat(filepath.Join(home, "versions/v1/bin/psql")); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || strings.TrimSpace(out) != c.fails {
				t.Errorf("got %v %q, want it to fail with %q", err, out, c.fails)
			}
			if _, err := os.Stat(filepath.Join(home, "versions/v1")); err == nil {
				t.Error("the version was put in place")
			}
		})
	}
}
