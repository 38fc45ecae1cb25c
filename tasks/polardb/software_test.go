package polardb

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
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

// TestSoftwarePlan plans by what the probe prints of a host's version.
func TestSoftwarePlan(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		version, note, link string // the directory's name, what is noted in it ("-": nothing) and where current points
		loose               bool
		keep                bool // the symlink stays as it is
		want                string
	}{
		"nothing there":             {want: "upload polardb.tar.gz (0 MB), unpack it to"},
		"there, and current":        {version: "v1", note: sum, link: "versions/v1", want: ""},
		"there, another is current": {version: "v1", note: sum, link: "versions/v0", want: "point HOME/current to versions/v1"},
		"there, the link stays":     {version: "v1", note: sum, link: "versions/v0", keep: true, want: ""},
		"unpacked by half":          {version: "v1", note: "-", link: "versions/v1", want: "upload polardb.tar.gz"},
		"another archive":           {version: "v1", note: strings.Repeat("cd", 32), want: "refuse: holds another archive"},
		"a note that is none":       {version: "v1", note: "broken", want: "upload polardb.tar.gz"},
		"others can write":          {version: "v1", note: sum, link: "versions/v1", loose: true, want: "let only root change HOME/versions/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.loose && os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			home := t.TempDir()
			dir := home + "/versions/" + c.version
			if c.version != "" {
				taskstest.MustWrite(t, dir+"/bin/postgres", "x")
			}
			if c.version != "" && c.note != "-" {
				taskstest.MustWrite(t, dir+"/.sha256", c.note+"\n")
			}
			if c.link != "" {
				if err := os.Symlink(c.link, home+"/current"); err != nil {
					t.Fatal(err)
				}
			}
			if c.loose {
				if err := os.Chmod(dir+"/bin/postgres", 0o777); err != nil {
					t.Fatal(err)
				}
			}
			a := &softwareAction{args: &softwareArgs{Home: home, Version: "v1", Activate: !c.keep}, file: "x/polardb.tar.gz", sum: sum}
			out, err := taskstest.Sh(t, a.Probe())
			if err != nil {
				t.Fatal(err, out)
			}
			p, _, err := a.Plan(tasks.Found{Result: remote.Result{Stdout: []byte(out)}})
			checkPlan(t, name, strings.ReplaceAll(c.want, "HOME", home), p, err)
			if !c.loose {
				return
			}
			if out, err := taskstest.Sh(t, scripts.Script("polardb_mend", script.Values{"DIR": dir})); err != nil {
				t.Fatal(err, out)
			}
			if out, _ := taskstest.Sh(t, a.Probe()); strings.Contains(out, "loose") {
				t.Errorf("mended, and still %q", out)
			}
		})
	}
}

// What is made of a package is made once, and unpacks as an archive does; the version is named after the package.
func TestSoftwareOfAPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip(err)
	}
	top, home := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"DEBIAN/control":   "Package: polardb\nVersion: 11.9\nArchitecture: amd64\nMaintainer: nobody <nobody@example.com>\nDescription: a try\n",
		"opt/p/bin/initdb": "#!/bin/sh\n", "opt/p/bin/postgres": "#!/bin/sh\necho 'postgres (PostgreSQL) 11.9'\n",
	} {
		taskstest.MustWrite(t, filepath.Join(top, name), text)
		if strings.HasPrefix(name, "opt/") {
			if err := os.Chmod(filepath.Join(top, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "polardb_11.9_amd64.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", top, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := archiveName(file); got != "polardb_11.9_amd64" {
		t.Errorf("the version is named %q", got)
	}
	packages := &enginePackages{}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &softwareAction{
		args: &softwareArgs{Home: home, Version: "v1"}, fsys: os.DirFS(filepath.Dir(file)), file: filepath.Base(file),
		sum:  strings.Repeat("ab", 32),
		size: info.Size(), packages: packages,
	}
	source, size, sum, done, err := a.source()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	data := make([]byte, size)
	if _, err := source.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != sum || sum == a.sum {
		t.Errorf("the sum is %s, of what is sent %s", sum, got)
	}
	if _, _, again, _, err := a.source(); err != nil || again != sum || len(packages.known) != 1 {
		t.Errorf("a second time: %v, %s, %d are known", err, again, len(packages.known))
	}
	archive := filepath.Join(home, "archive")
	taskstest.MustWrite(t, archive, string(data))
	if err := os.Mkdir(filepath.Join(home, "versions"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := taskstest.Sh(t, a.unpack(archive)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if note, err := os.ReadFile(filepath.Join(home, "versions/v1/.sha256")); err != nil || strings.TrimSpace(string(note)) != a.sum {
		t.Errorf("noted is %q (%v), want the package's sum", note, err)
	}
}
