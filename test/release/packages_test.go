package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is newer is so for dpkg and rpm as well.
func TestPackageVersion(t *testing.T) {
	ascending := []struct{ version, want string }{
		{"db37091", "0~db37091"}, {"0a1b2c3-dirty", "0~0a1b2c3+dirty"}, {"v1.2.3-rc1", "1.2.3~rc1"}, {"v1.2.3-rc1-4-g0a1b2c3", "1.2.3~rc1+4.0a1b2c3"},
		{"v1.2.3", "1.2.3"}, {"v1.2.3-4-gdb37091", "1.2.3+4.db37091"}, {"v1.2.3-4-gdb37091-dirty", "1.2.3+4.db37091+dirty"}, {"1.10.0", "1.10.0"},
	}
	dpkg, _ := exec.LookPath("dpkg")
	last := ""
	for _, c := range ascending {
		got := packageVersion(c.version)
		if got != c.want {
			t.Errorf("%s is %q, want %q", c.version, got, c.want)
		}
		hashes := strings.HasPrefix(got, "0~") // which have no order among themselves
		if dpkg != "" && last != "" && !hashes && exec.Command(dpkg, "--compare-versions", last, "lt", got).Run() != nil {
			t.Errorf("dpkg does not take %s for newer than %s", got, last)
		}
		last = got
	}
}

// Packages have the program and what comes with it in the system's places, whoever makes them.
func TestPackages(t *testing.T) {
	nfpm, err := filepath.Glob("../../.cache/nfpm-*")
	if err != nil || len(nfpm) == 0 {
		t.Skip("nfpm is not there: make release installs it")
	}
	tool, err := filepath.Abs(nfpm[0])
	if err != nil {
		t.Fatal(err)
	}
	r := release{nfpm: tool, version: "v1.2.3-4-gdb37091", time: made}
	program := entry{name: "polarbook", data: []byte("#!/bin/sh\n"), runs: true}
	if _, err := r.packages("amd64", program); err == nil || !strings.Contains(err.Error(), "there is no man/polarbook.1") {
		t.Errorf("made of what is not there: %v", err)
	}
	for _, name := range []string{"man/polarbook.1", "completions/polarbook.bash", "completions/polarbook.fish", "completions/polarbook.zsh",
		"README.md", "README.zh-CN.md", "LICENSE"} {
		r.texts = append(r.texts, entry{name: name, data: []byte("of " + name + "\n")})
	}
	one, err := r.packages("amd64", program)
	if err != nil {
		t.Fatal(err)
	}
	two, err := r.packages("amd64", program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for kind, show := range map[string][]string{
		"deb": {"dpkg-deb", "--contents"}, "rpm": {"rpm", "-qp", "--queryformat", "%{VERSION} %{ARCH}\n[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\n]"},
	} {
		name := "polarbook-v1.2.3-4-gdb37091-linux-amd64." + kind
		if len(one[name]) == 0 || !bytes.Equal(one[name], two[name]) {
			t.Errorf("%s: %d bytes, and not the same twice", name, len(one[name]))
		}
		if err := os.WriteFile(filepath.Join(dir, name), one[name], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath(show[0]); err != nil {
			continue
		}
		out, err := exec.Command(show[0], append(show[1:], filepath.Join(dir, name))...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		var files int
		for _, p := range placed {
			if p.packager != "" && p.packager != kind {
				continue
			}
			files++
			mode := "-rw-r--r-- root/root"
			if p.name == "polarbook" {
				mode = "-rwxr-xr-x root/root"
			}
			var found bool
			for line := range strings.Lines(string(out)) {
				found = found || strings.HasPrefix(line, mode) && strings.HasSuffix(strings.TrimSpace(line), p.place)
			}
			if !found {
				t.Errorf("%s has no %s %s:\n%s", name, mode, p.place, out)
			}
		}
		if got := strings.Count(string(out), "\n-") + strings.Count(string(out[:1]), "-"); got != files {
			t.Errorf("%s has %d files, want %d:\n%s", name, got, files, out)
		}
	}
}
