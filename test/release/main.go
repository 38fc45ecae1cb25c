// Command release makes of the programs in a directory (polarbook-linux-amd64, polarbook-windows-arm64.exe, ...) what is given
// out: an archive for each, a deb and an rpm for those of Linux (by nfpm), an SBOM in CycloneDX's form, and SHA256SUMS of all. The
// same programs make the same bytes, whenever and wherever that is done.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	var r release
	flag.StringVar(&r.dir, "dir", "dist", "where the programs are, and where the rest goes")
	flag.StringVar(&r.version, "version", "", "the version")
	seconds := flag.Int64("time", 0, "the time of everything, in seconds since 1970")
	own := flag.String("program", "bin/polarbook", "polarbook of this machine, which is asked for its completions and manual page")
	flag.StringVar(&r.nfpm, "nfpm", "nfpm", "the program that makes packages")
	flag.Parse()
	r.time = time.Unix(*seconds, 0).UTC()
	err := r.ask(*own)
	if err == nil {
		err = r.read("README.md", "README.zh-CN.md", "LICENSE")
	}
	if err == nil {
		err = r.make()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is what is made.
type release struct {
	dir, version string
	nfpm         string // a program; "": there are no packages
	time         time.Time
	texts        []entry // what comes with a program
}

// entry is a file of an archive.
type entry struct {
	name string
	data []byte
	runs bool
}

// ask has a program print what comes with it.
func (r *release) ask(program string) error {
	for name, args := range map[string][]string{
		"completions/polarbook.bash": {"completion", "bash"}, "completions/polarbook.fish": {"completion", "fish"},
		"completions/polarbook.zsh": {"completion", "zsh"}, "completions/polarbook.ps1": {"completion", "powershell"},
		"man/polarbook.1": {"man"},
	} {
		data, err := exec.Command(program, args...).Output()
		if err != nil {
			return fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
		}
		r.texts = append(r.texts, entry{name: name, data: data})
	}
	return nil
}

func (r *release) read(names ...string) error {
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		r.texts = append(r.texts, entry{name: filepath.Base(name), data: data})
	}
	return nil
}

var (
	programName = regexp.MustCompile(`^polarbook-([a-z0-9]+-[a-z0-9]+)(\.exe)?$`)
	versionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
)

func (r *release) make() error {
	if !versionName.MatchString(r.version) {
		return fmt.Errorf("%q is no version that a file can be named by", r.version)
	}
	files, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	b := bill{version: r.version, time: r.time, modules: map[module][]string{}}
	sums := map[string][]byte{}
	for _, f := range files {
		parts := programName.FindStringSubmatch(f.Name())
		if parts == nil {
			return fmt.Errorf("%s is no program: begin with a directory that holds programs alone", filepath.Join(r.dir, f.Name()))
		}
		data, err := os.ReadFile(filepath.Join(r.dir, f.Name()))
		if err != nil {
			return err
		}
		sums[f.Name()] = data
		info, err := buildinfo.Read(bytes.NewReader(data))
		if err != nil {
			return fmt.Errorf("%s: read of which modules it is built: %w", f.Name(), err)
		}
		b.add(parts[1], info)
		top := "polarbook-" + r.version + "-" + parts[1]
		content := append(slices.Clone(r.texts), entry{name: "polarbook" + parts[2], data: data, runs: true})
		name, pack := top+".tar.gz", tarball
		if parts[2] != "" {
			name, pack = top+".zip", zipped
		}
		if sums[name], err = pack(top, content, r.time); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if arch, linux := strings.CutPrefix(parts[1], "linux-"); linux && r.nfpm != "" {
			packages, err := r.packages(arch, content[len(content)-1])
			if err != nil {
				return err
			}
			maps.Copy(sums, packages)
		}
	}
	if len(sums) == 0 {
		return fmt.Errorf("there is no program in %s", r.dir)
	}
	if sums["polarbook-"+r.version+".cdx.json"], err = b.json(); err != nil {
		return err
	}
	return r.write(sums)
}

// write puts the files in place that are not there, and the sums of all.
func (r *release) write(files map[string][]byte) error {
	var lines []string
	for name, data := range files {
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name))
		file := filepath.Join(r.dir, name)
		if _, err := os.Stat(file); err == nil {
			continue
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return os.WriteFile(filepath.Join(r.dir, "SHA256SUMS"), []byte(strings.Join(lines, "")), 0o644)
}
