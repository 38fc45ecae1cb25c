package preflight

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// packed makes an archive of files; those whose content begins with "->" are symlinks.
func packed(t *testing.T, zip bool, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(&b)
	if zip {
		w = tar.NewWriter(z)
	}
	for name, content := range files {
		h := &tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(content))}
		if to, ok := strings.CutPrefix(content, "->"); ok {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeSymlink, to, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if zip {
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func readPacked(b []byte) (*archive, error) { return readArchive(bufio.NewReader(bytes.NewReader(b))) }

// program returns one of this machine's own that needs the C library.
func program(t *testing.T) (raw string, libraries []string) {
	t.Helper()
	b, err := os.ReadFile("/bin/true")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("there is no Linux program /bin/true")
	}
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Skip("/bin/true is no ELF program")
	}
	if libraries, err = f.ImportedLibraries(); err != nil || len(libraries) == 0 {
		t.Skip("/bin/true needs no library")
	}
	return string(b), libraries
}

func TestReadArchive(t *testing.T) {
	raw, libraries := program(t)
	for _, top := range []string{"", "./", "polardb-11.9/"} {
		for _, zip := range []bool{false, true} {
			a, err := readPacked(packed(t, zip, map[string]string{
				top + "bin/initdb": "#!/bin/sh\n", top + "bin/postgres": raw, top + "lib/postgresql/x.so": raw,
				top + "share/true": "\x7fELF which is none", top + "lib/deeper/still/x.so": "\x7fELF which is none",
			}))
			if err != nil {
				t.Fatalf("%q: %v", top, err)
			}
			if !slices.Equal(a.Libraries, slices.Sorted(slices.Values(libraries))) || len(a.Machines) != 1 {
				t.Errorf("%q: %+v, want the libraries %v", top, a, libraries)
			}
			want := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
			if want != "" && a.Machines[0] != want {
				t.Errorf("the machine is %s, want %s", a.Machines[0], want)
			}
			if slices.Contains(libraries, "libc.so.6") && numbers(a.GLIBC) == nil {
				t.Errorf("no GLIBC version was found: %+v", a)
			}
		}
	}
}

// TestReadArchiveOwnLibraries: what the archive brings along, as a file or a symlink, the host need not have.
func TestReadArchiveOwnLibraries(t *testing.T) {
	raw, libraries := program(t)
	for _, content := range []string{"->elsewhere.so", raw} {
		files := map[string]string{"p/bin/initdb": "x", "p/bin/polar-postgres": raw}
		for _, l := range libraries {
			files["p/lib/"+l] = content
		}
		a, err := readPacked(packed(t, true, files))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range libraries {
			if slices.Contains(a.Libraries, l) {
				t.Errorf("%s is in the archive and wanted of the host", l)
			}
		}
	}
}

func TestReadArchiveOtherMachine(t *testing.T) {
	raw, _ := program(t)
	b := []byte(raw)
	b[18], b[19] = byte(elf.EM_AARCH64), 0 // e_machine
	if runtime.GOARCH == "arm64" {
		b[18] = byte(elf.EM_X86_64)
	}
	a, err := readPacked(packed(t, true, map[string]string{"bin/initdb": "x", "bin/postgres": string(b)}))
	if err != nil {
		t.Fatal(err)
	}
	c := demoCheck(t, nil)
	c.archive, c.args.Src = a, "polardb.tar.gz"
	var r checkRows
	host := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	c.software(&r, checkHost{Machine: host}, polardb.NodeState{})
	if got := r.named(t, "package"); got.Status != statusFail || got.Wanted != host {
		t.Errorf("programs for another machine: %+v", got)
	}
}

// TestReadArchiveScripts: a prefix of scripts fits every machine and needs nothing.
func TestReadArchiveScripts(t *testing.T) {
	a, err := readPacked(packed(t, true, map[string]string{"bin/initdb": "#!/bin/sh\n", "bin/postgres": "#!/bin/sh\n"}))
	if err != nil || len(a.Machines)+len(a.Libraries) != 0 || a.GLIBC != "" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestReadArchiveRefused(t *testing.T) {
	whole := packed(t, true, map[string]string{"bin/initdb": strings.Repeat("x", 5000), "bin/postgres": "x"})
	for name, c := range map[string]struct {
		content  []byte
		noPrefix bool
		says     string
	}{
		"no initdb":   {packed(t, true, map[string]string{"bin/postgres": "x"}), true, "no bin/initdb"},
		"no postgres": {packed(t, false, map[string]string{"p/bin/initdb": "x"}), true, "neither bin/postgres nor"},
		"too deep":    {packed(t, true, map[string]string{"a/b/bin/initdb": "x", "a/b/bin/postgres": "x"}), true, "no bin/initdb"},
		"empty":       {nil, true, "no bin/initdb"},
		"text":        {bytes.Repeat([]byte("not a tar "), 200), false, "breaks off or is not a tar"},
		"cut":         {whole[:len(whole)-20], false, "breaks off"},
		"broken ELF":  {packed(t, true, map[string]string{"bin/initdb": "x", "bin/postgres": "\x7fELF"}), false, "bin/postgres"},
	} {
		_, err := readPacked(c.content)
		if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, errNoPrefix) != c.noPrefix {
			t.Errorf("%s: %v", name, err)
		}
	}
	for magic, says := range map[string]string{"\xfd7zXZ\x00": "xz", "\x28\xb5\x2f\xfd": "zstd"} {
		a, err := readPacked([]byte(magic + "whatever"))
		if err != nil || !strings.Contains(a.Unread, says) {
			t.Errorf("%s: %+v, %v", says, a, err)
		}
	}
}

// TestArchiveIsReadOnce: all hosts of a run have the same archive; another content under the same name is another one.
func TestArchiveIsReadOnce(t *testing.T) {
	l := &taskstest.FakeLocal{Dir: t.TempDir()}
	taskstest.Write(t, l.Dir+"/p.tar.gz", string(packed(t, true, map[string]string{"bin/initdb": "x", "bin/postgres": "x"})), 0o600)
	var r archiveReader
	first, err := r.read("p.tar.gz", l)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.read("p.tar.gz", l); err != nil || again != first {
		t.Errorf("it was read again: %v", err)
	}
	taskstest.Write(t, l.Dir+"/p.tar.gz", string(packed(t, true, map[string]string{"bin/initdb": "y", "bin/postgres": "x"})), 0o600)
	if changed, err := r.read("p.tar.gz", l); err != nil || changed == first {
		t.Errorf("a changed archive was not read: %v", err)
	}
	taskstest.Write(t, l.Dir+"/p.tar.gz", "broken", 0o600)
	if _, err := r.read("p.tar.gz", l); err == nil {
		t.Error("a broken archive gave no error")
	}
}

func TestCheckMissingArchive(t *testing.T) {
	c := demoCheck(t, map[string]any{"src": "nowhere.tar.gz"})
	var r checkRows
	c.software(&r, checkHost{}, polardb.NodeState{Postgres: "/opt/polardb/current/bin/postgres"})
	if got := r.named(t, "package"); got.Status != statusFail || got.Found != "nowhere.tar.gz does not exist" {
		t.Errorf("%+v", got)
	}
}

func TestNewer(t *testing.T) {
	for _, c := range [][3]string{
		{"", "2.17", "2.17"}, {"2.17", "2.2.5", "2.17"}, {"2.9", "2.34", "2.34"}, {"2.34", "2.34", "2.34"},
		{"3.4", "3.4.30", "3.4.30"}, {"3.4.30", "3.4.9", "3.4.30"}, {"2.34", "PRIVATE", "2.34"}, {"", "", ""},
	} {
		if got := newer(c[0], c[1]); got != c[2] {
			t.Errorf("of %q and %q, %q is taken for newer", c[0], c[1], got)
		}
	}
}

func TestDebianPackage(t *testing.T) {
	for library, want := range map[string]string{
		"libprotobuf.so.32": "libprotobuf32", "libreadline.so.8": "libreadline8", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3",
		"libcrypto.so.1.1": "libssl1.1", "libz.so.1": "zlib1g", "libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1",
		"libc.so.6": "libc6", "libcrypt.so.1": "libcrypt1", "libfoo2.so.1": "libfoo2-1", "libplain.so": "libplain",
	} {
		if got := debianPackage(library); got != want {
			t.Errorf("%s: %s, want %s", library, got, want)
		}
	}
}

// FuzzReadArchive: a broken archive is an error, never a panic.
func FuzzReadArchive(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, content []byte) {
		// As an archive, and as a program in one that is whole.
		readPacked(content)
		readPacked(packed(t, false, map[string]string{"bin/initdb": "x", "bin/postgres": string(content)}))
	})
}

// A package with the engine is read as its prefix would be.
func TestReadPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip(err)
	}
	top := t.TempDir()
	for name, text := range map[string]string{
		"DEBIAN/control":   "Package: polardb\nVersion: 11.9\nArchitecture: amd64\nMaintainer: nobody <nobody@example.com>\nDescription: a try\n",
		"opt/p/bin/initdb": "i", "opt/p/bin/postgres": "p",
	} {
		taskstest.MustWrite(t, filepath.Join(top, name), text)
	}
	build := func() (string, *os.File, int64) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "polardb.deb")
		if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", top, file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return file, f, info.Size()
	}
	file, f, size := build()
	if _, err := readFile(file, f, size); err != nil {
		t.Error(err)
	}
	if _, err := readFile(file, f, size-20); err == nil || !strings.Contains(err.Error(),
		"take the engine out of the package: it is cut or damaged") {
		t.Errorf("a cut one: %v", err)
	}
	if err := os.Remove(filepath.Join(top, "opt/p/bin/postgres")); err != nil {
		t.Fatal(err)
	}
	file, f, size = build()
	if _, err := readFile(file, f, size); err == nil || err.Error() != "take the engine out of the package: it has no directory with bin/initdb and bin/postgres" {
		t.Errorf("one without a server: %v", err)
	}
}
