package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/klauspost/compress/zstd"
)

func quiet(string) {}

func newKey(t *testing.T) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

var madeAt = time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)

// made writes a bundle of three files.
func made(t *testing.T, key *minisign.PrivateKey) string {
	t.Helper()
	dir := t.TempDir()
	var sources []Source
	for name, text := range map[string]string{
		"inventory.yml": strings.Repeat("polardb: {}\n", 100), "packages/debian-12-x86_64/liba1.deb": "a package", "bin/tool": "#!/bin/sh\n",
	} {
		from := filepath.Join(dir, "from", name)
		if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(from, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		kind := Content
		if strings.HasSuffix(name, ".deb") {
			kind = OSPackage
		}
		sources = append(sources, Source{File: File{Path: name, Kind: kind, Program: name == "bin/tool"}, From: from})
	}
	to := filepath.Join(dir, "site.bundle")
	if err := Write(to, Manifest{MadeBy: "me@here", MadeAt: madeAt, Program: "1"}, sources, key, quiet); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(to + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return to
}

// accepted does what is done before a bundle is used.
func accepted(name string, keys ...minisign.PublicKey) error {
	b, err := Open(name)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.Signed(keys); err != nil {
		return err
	}
	return b.Verify(quiet)
}

func TestWholeBundle(t *testing.T) {
	public, private := newKey(t)
	name := made(t, &private)
	if err := accepted(name, public); err != nil {
		t.Fatal(err)
	}
	b, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	to := t.TempDir()
	for range 2 { // what is there already is the same
		if err := b.Extract(to, func(f File) bool { return f.Kind == Content }, quiet); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	_ = filepath.WalkDir(to, func(p string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			info, _ := d.Info()
			names = append(names, strings.TrimPrefix(p, to+"/")+" "+info.Mode().String())
		}
		return nil
	})
	if want := []string{"bin/tool -rwxr-xr-x", "inventory.yml -rw-r--r--"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if err := os.WriteFile(filepath.Join(to, "inventory.yml"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.Extract(to, func(File) bool { return true }, quiet); err == nil ||
		!strings.Contains(err.Error(), "inventory.yml is there already") {
		t.Error(err)
	}
	// Two bundles of the same files are the same, but for the signature.
	if a, b := read(t, made(t, nil)), read(t, made(t, nil)); !bytes.Equal(a, b) {
		t.Error("two bundles of the same files differ")
	}
	// A bundle is never replaced.
	if err := Write(name, Manifest{}, nil, nil, quiet); err == nil {
		t.Error("a bundle was replaced")
	}
	// What is not signed, or by another, is told apart.
	if err := accepted(made(t, nil), public); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Error(err)
	}
}

// A link that was put where a file is to be written leads nowhere.
func TestExtractThroughLink(t *testing.T) {
	b, err := Open(made(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	to, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(to, "bin")); err != nil {
		t.Fatal(err)
	}
	if err := b.Extract(to, func(File) bool { return true }, quiet); err == nil {
		t.Error("a file was written through a link")
	}
	if list, _ := os.ReadDir(elsewhere); len(list) > 0 {
		t.Errorf("%v", list)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// part is a file of an archive as somebody may have made it.
type part struct {
	name, link string
	data       []byte
	kind       byte
}

func parts(t *testing.T, data []byte) []part {
	t.Helper()
	var all []part
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part{name: h.Name, data: content, kind: tar.TypeReg})
	}
}

func packed(t *testing.T, all []part) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, p := range all {
		if err := w.WriteHeader(&tar.Header{Typeflag: p.kind, Name: p.name, Linkname: p.link, Size: int64(len(p.data)), Mode: 0o644,
			ModTime: madeAt, Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(p.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSpoilt spoils a bundle in every way that there is. Each is refused, and the message says what differs. The key's owner made those
// whose manifest differs: what is signed is not believed either.
func TestSpoilt(t *testing.T) {
	public, private := newKey(t)
	_, foreign := newKey(t)
	whole := read(t, made(t, &private))
	bomb := func() []byte {
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.CopyN(w, zeros{}, 64<<20)
		_ = w.Close()
		return out.Bytes()
	}
	archive := func(change func(all []part) []part) func() []byte {
		return func() []byte { return packed(t, change(parts(t, whole))) }
	}
	// manifest changes what the manifest says, and signs it anew.
	manifest := func(change func(m *Manifest), also ...func(all []part)) func() []byte {
		return archive(func(all []part) []part {
			var m Manifest
			if err := json.Unmarshal(all[0].data, &m); err != nil {
				t.Fatal(err)
			}
			change(&m)
			data, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			all[0].data, all[1].data = data, minisign.Sign(private, data)
			for _, f := range also {
				f(all)
			}
			return all
		})
	}
	for _, c := range []struct {
		name string
		make func() []byte
		says string
	}{
		{"empty", func() []byte { return nil }, "not a whole bundle"},
		{"another file", func() []byte { return bytes.Repeat([]byte("polarbook "), 200) }, "it is no archive of tar"},
		{"cut in a file", func() []byte { return whole[:len(whole)-2048] }, "it is cut"},
		{"cut before the end", func() []byte { return whole[:len(whole)-1024] }, "its files end at"},
		{"cut in the manifest", func() []byte { return whole[:700] }, "it is cut"},
		{"more at the end", func() []byte { return append(slices.Clone(whole), make([]byte, 512)...) }, "its files end at"},
		{"a file altered", func() []byte {
			return bytes.Replace(whole, []byte("a package"), []byte("A package"), 1)
		}, "packages/debian-12-x86_64/liba1.deb is not the file that the manifest has: it was altered"},
		{"the manifest altered", func() []byte { return bytes.Replace(whole, []byte("me@here"), []byte("me@hers"), 1) }, "one of them was altered"},
		{"the signature altered", archive(func(all []part) []part {
			all[1].data = bytes.Replace(all[1].data, []byte("polarbook bundle"), []byte("Polarbook bundle"), 1)
			return all
		}), "one of them was altered"},
		{"signed by another", archive(func(all []part) []part {
			all[1].data = minisign.Sign(foreign, all[0].data)
			return all
		}), "which is not trusted here"},
		{"the signature taken out", archive(func(all []part) []part { return slices.Delete(all, 1, 2) }), "it is not signed"},
		{"a file left out", archive(func(all []part) []part { return all[:len(all)-1] }), "it lacks packages/"},
		{"a file added", archive(func(all []part) []part {
			return append(all, part{name: "files/more", data: []byte("x"), kind: tar.TypeReg})
		}), `it holds "files/more"`},
		{"two files exchanged", archive(func(all []part) []part {
			all[2], all[3] = all[3], all[2]
			return all
		}), "which is not what its manifest has there"},
		{"a link", archive(func(all []part) []part {
			all[4] = part{name: all[4].name, link: "/etc/passwd", kind: tar.TypeSymlink}
			return all
		}), "which is a link"},
		{"a path upwards", manifest(func(m *Manifest) { m.Files[0].Path = "../evil" }), `the path "../evil"`},
		{"a path within upwards", manifest(func(m *Manifest) { m.Files[0].Path = "a/../../evil" }), "the path"},
		{"an absolute path", manifest(func(m *Manifest) { m.Files[0].Path = "/etc/evil" }), "the path"},
		{"a path of Windows", manifest(func(m *Manifest) { m.Files[0].Path = `C:\evil` }), "the path"},
		{"a device of Windows", manifest(func(m *Manifest) { m.Files[0].Path = "a/NUL.txt" }), "the path"},
		{"a path with a control character", manifest(func(m *Manifest) { m.Files[0].Path = "a\x1b[2J" }), "the path"},
		{"a name twice", manifest(func(m *Manifest) { m.Files[1].Path = m.Files[0].Path }), "one file on some systems"},
		{"a name twice but for its case", manifest(func(m *Manifest) { m.Files[1].Path = strings.ToUpper(m.Files[0].Path) }), "one file on some systems"},
		{"a file and a directory", manifest(func(m *Manifest) { m.Files[1].Path = m.Files[0].Path + "/x" }), "as a file and as a directory"},
		{"a huge size", manifest(func(m *Manifest) { m.Files[0].Size = 1 << 60 }), "a size that it cannot have"},
		{"a size below zero", manifest(func(m *Manifest) { m.Files[0].Size = -1 }), "a size that it cannot have"},
		{"another size", manifest(func(m *Manifest) { m.Files[0].Size++ }), "it was altered"},
		{"a bomb", manifest(func(m *Manifest) { m.Files[0].Stored = int64(len(bomb())) }, func(all []part) { all[2].data = bomb() }), "is larger than the"},
		{"a kind that is not known", manifest(func(m *Manifest) { m.Files[0].Kind = "virus" }), "a kind that is not known"},
		{"a newer form", manifest(func(m *Manifest) { m.Format = 2 }), "it has the format 2"},
		{"its own manifest", manifest(func(m *Manifest) { m.Files[0].Path = "manifest.json" }), "a file named manifest.json"},
	} {
		name := filepath.Join(t.TempDir(), "spoilt.bundle")
		if err := os.WriteFile(name, c.make(), 0o644); err != nil {
			t.Fatal(err)
		}
		err := accepted(name, public)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	// No cut and no altered byte of the head passes.
	for n := 0; n < len(whole); n += 97 {
		name := filepath.Join(t.TempDir(), "cut.bundle")
		if err := os.WriteFile(name, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if accepted(name, public) == nil {
			t.Errorf("a bundle cut to %d of %d bytes passes", n, len(whole))
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestDifferences(t *testing.T) {
	a := &Manifest{Files: []File{{Path: "a", SHA256: "1", Size: 3}, {Path: "b", SHA256: "2", Version: "1.0"}, {Path: "c", SHA256: "3"}}}
	b := &Manifest{Files: []File{{Path: "a", SHA256: "2", Size: 4}, {Path: "b", SHA256: "4", Version: "1.1"}, {Path: "d", SHA256: "3"},
		{Path: "c", SHA256: "3"}}}
	want := []Difference{{"a", "3 bytes, and 4 in the second"}, {"b", "1.0, and 1.1 in the second"}, {"d", "only in the second"}}
	if got := Differences(a, b); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("manifest.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if b, err := Open(name); err == nil {
			_ = b.Verify(quiet)
			_ = b.Close()
		}
	})
}
