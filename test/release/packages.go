package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// placed is where the packages of Linux put what comes with a program; packager is empty for both.
var placed = []struct{ name, place, packager string }{
	{name: "polarbook", place: "/usr/bin/polarbook"},
	{name: "man/polarbook.1", place: "/usr/share/man/man1/polarbook.1.gz"},
	{name: "completions/polarbook.bash", place: "/usr/share/bash-completion/completions/polarbook"},
	{name: "completions/polarbook.fish", place: "/usr/share/fish/vendor_completions.d/polarbook.fish"},
	{name: "completions/polarbook.zsh", place: "/usr/share/zsh/vendor-completions/_polarbook", packager: "deb"},
	{name: "completions/polarbook.zsh", place: "/usr/share/zsh/site-functions/_polarbook", packager: "rpm"},
	{name: "README.md", place: "/usr/share/doc/polarbook/README.md"},
	{name: "README.zh-CN.md", place: "/usr/share/doc/polarbook/README.zh-CN.md"},
	{name: "LICENSE", place: "/usr/share/doc/polarbook/copyright", packager: "deb"},
	{name: "LICENSE", place: "/usr/share/licenses/polarbook/LICENSE", packager: "rpm"},
}

// content is a file of a package, in the form of nfpm's configuration.
type content struct {
	Source   string   `json:"src"`
	Place    string   `json:"dst"`
	Packager string   `json:"packager,omitempty"`
	Info     fileInfo `json:"file_info"`
}

type fileInfo struct {
	Mode  int       `json:"mode"`
	Time  time.Time `json:"mtime"`
	Owner string    `json:"owner"`
	Group string    `json:"group"`
}

// packages makes the deb and the rpm of a program for Linux with nfpm: names to content.
func (r *release) packages(arch string, program entry) (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "polarbook-release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	entries := map[string]entry{program.name: program}
	for _, e := range r.texts {
		entries[e.name] = e
	}
	var contents []content
	for _, p := range placed {
		e, there := entries[p.name]
		if !there {
			return nil, fmt.Errorf("there is no %s for the packages", p.name)
		}
		if strings.HasSuffix(p.place, ".gz") {
			if e.data, err = gzipped(e.data); err != nil {
				return nil, err
			}
		}
		file := filepath.Join(dir, fmt.Sprintf("%d", len(contents)))
		if err := os.WriteFile(file, e.data, 0o600); err != nil {
			return nil, err
		}
		contents = append(contents, content{file, p.place, p.packager, fileInfo{int(e.mode()), r.time, "root", "root"}})
	}
	config, err := json.Marshal(map[string]any{
		"name": "polarbook", "arch": arch, "platform": "linux", "version": packageVersion(r.version), "version_schema": "none", "release": "1",
		"mtime": r.time, "section": "database", "license": "Apache-2.0", "maintainer": "polarbook <polarbook@localhost>",
		"description": "Bare Linux hosts to a running PolarDB for PostgreSQL cluster, over SSH\n" +
			"Sets up three-node clusters (X-Paxos) and keeps them: playbooks in Ansible's YAML\n" +
			"and Jinja2, one static program, nothing to install on the hosts.",
		"rpm":      map[string]any{"buildhost": "localhost", "summary": "Bare Linux hosts to a running PolarDB for PostgreSQL cluster"},
		"contents": contents,
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nfpm.yaml") // JSON is YAML
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	made := map[string][]byte{}
	for _, kind := range []string{"deb", "rpm"} {
		name := "polarbook-" + r.version + "-linux-" + arch + "." + kind
		out := filepath.Join(dir, "package."+kind)
		if says, err := exec.Command(r.nfpm, "package", "-f", file, "-p", kind, "-t", out).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("make %s: %w: %s", name, err, bytes.TrimSpace(says))
		}
		if made[name], err = os.ReadFile(out); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func gzipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

var (
	commits  = regexp.MustCompile(`-([0-9]+)-g([0-9a-f]+)(-dirty)?$`)
	noNumber = regexp.MustCompile(`^[^0-9]`)
)

// packageVersion is a version as dpkg and rpm compare them, neither of which has a hyphen in it: what comes after a release is
// newer than it (+), a candidate is older (~), and a commit without any release before it is older than all.
func packageVersion(version string) string {
	v := version
	if len(v) > 1 && v[0] == 'v' && !noNumber.MatchString(v[1:]) {
		v = v[1:]
	}
	if noNumber.MatchString(v) || !strings.Contains(v, ".") { // a commit's hash, which may begin with a digit
		v = "0~" + v
	}
	v = commits.ReplaceAllString(v, "+$1.$2$3")
	v = strings.ReplaceAll(v, "-dirty", "+dirty")
	return strings.ReplaceAll(v, "-", "~")
}
