package ospackage

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// debOf makes a Debian package with dpkg-deb, packed in one of the ways that there are.
func debOf(t testing.TB, control, compression string) string {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"DEBIAN/control": control, "usr/lib/x86_64-linux-gnu/libtry.so.5": "x",
		"usr/share/doc/libtry.so.9": "x"} {
		name = filepath.Join(dir, "p", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "try.deb")
	if out, err := exec.Command("dpkg-deb", "-Z"+compression, "--root-owner-group", "-b", filepath.Join(dir, "p"),
		file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

const tryControl = "Package: libtry5\nVersion: 1:2.0-3+b1\nArchitecture: amd64\nMaintainer: nobody <nobody@example.com>\nDescription: a try\n"

func rpmOf(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("rpmbuild"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	spec := "Name: libtry\nVersion: 2.0\nRelease: 3.el9\nEpoch: 1\nSummary: a try\nLicense: none\nProvides: libtry.so.5()(64bit)\nBuildArch: noarch\n" +
		"%description\na try\n%files\n"
	file := filepath.Join(dir, "try.spec")
	if err := os.WriteFile(file, []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("rpmbuild", "-bb", "--define", "_topdir "+dir, "--define", "_rpmdir "+dir, file)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "noarch", "*.rpm"))
	if len(found) != 1 {
		t.Fatalf("rpmbuild made %v", found)
	}
	return found[0]
}

func read(t testing.TB, file string) (Package, []string, error) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Read(file, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return p, nil, err
	}
	libraries, err := Libraries(file, bytes.NewReader(data), int64(len(data)))
	return p, libraries, err
}

func TestDeb(t *testing.T) {
	for _, compression := range []string{"gzip", "xz", "none", "zstd"} {
		if out, err := exec.Command("dpkg-deb", "--help").CombinedOutput(); compression == "zstd" &&
			(err != nil || !strings.Contains(string(out), "zstd")) {
			continue
		}
		p, libraries, err := read(t, debOf(t, tryControl, compression))
		if want := (Package{Deb, "libtry5", "1:2.0-3+b1", "amd64"}); err != nil || p != want {
			t.Errorf("%s: %+v, %v", compression, p, err)
		}
		if !slices.Equal(libraries, []string{"libtry.so.5"}) {
			t.Errorf("%s: %q", compression, libraries)
		}
	}
}

func TestRPM(t *testing.T) {
	p, libraries, err := read(t, rpmOf(t))
	if want := (Package{RPM, "libtry", "1:2.0-3.el9", "noarch"}); err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	if !slices.Equal(libraries, []string{"libtry.so.5"}) {
		t.Errorf("%q", libraries)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		format, of, machine string
		want                bool
	}{
		{Deb, "amd64", "x86_64", true}, {Deb, "all", "aarch64", true}, {Deb, "amd64", "aarch64", false}, {Deb, "i386", "x86_64", false},
		{RPM, "x86_64", "x86_64", true}, {RPM, "noarch", "x86_64", true}, {RPM, "aarch64", "x86_64", false}, {RPM, "i686", "x86_64", false},
	} {
		if got := (Package{Format: c.format, Architecture: c.of}).Fits(c.machine); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		format, a, b string
		want         int
	}{
		{Deb, "1.0~rc1-1", "1.0-1", -1}, {Deb, "1:0.1", "2.0", 1}, {Deb, "1.0-1+b2", "1.0-1", 1}, {Deb, "1.10-1", "1.9-1", 1}, {Deb, "1.0-1", "1.0-1", 0},
		{RPM, "1.0~rc1-1", "1.0-1", -1}, {RPM, "1:0.1-1", "2.0-1", 1}, {RPM, "1.10-1.el9", "1.9-1.el9", 1}, {RPM, "1.0-1", "1.0-1", 0},
		{RPM, "1.0^git1-1", "1.0-1", 1},
	} {
		if got := (Package{Format: c.format, Version: c.a}).Compare(c.b); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// A package that was cut or altered is an error, wherever it was, and never a crash; nor does a name become part of a command.
func TestDamaged(t *testing.T) {
	for _, file := range []string{debOf(t, tryControl, "xz"), rpmOf(t)} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(data) && n < 2000; n += 41 {
			cut := data[:n]
			_, _ = Read(file, bytes.NewReader(cut), int64(len(cut)))
			if _, err := Libraries(file, bytes.NewReader(cut), int64(len(cut))); err == nil && n < 300 {
				t.Errorf("%s, cut to %d bytes, was read", filepath.Base(file), n)
			}
			altered := slices.Clone(data)
			for i := range 4 {
				altered[min(n+i, len(data)-1)] = 0xff
			}
			_, _ = Read(file, bytes.NewReader(altered), int64(len(altered)))
			_, _ = Libraries(file, bytes.NewReader(altered), int64(len(altered)))
		}
	}
	for _, name := range []string{"-x", "a b", "a;b", "../a"} {
		control := strings.Replace(tryControl, "libtry5", name, 1)
		if out := rawDeb(t, control); out != nil {
			if _, err := Read("a.deb", bytes.NewReader(out), int64(len(out))); err == nil {
				t.Errorf("a package named %q was read", name)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("!<arch>\n"), true)
	f.Add([]byte{0xed, 0xab, 0xee, 0xdb}, false)
	f.Fuzz(func(_ *testing.T, data []byte, deb bool) {
		name := map[bool]string{true: "a.deb", false: "a.rpm"}[deb]
		_, _ = Read(name, bytes.NewReader(data), int64(len(data)))
		_, _ = Libraries(name, bytes.NewReader(data), int64(len(data)))
	})
}
