package ospackage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
)

// engineTree lays out what a package of the engine holds, below a directory.
func engineTree(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	for name, text := range map[string]string{
		"u01/polardb/bin/initdb": "i", "u01/polardb/bin/postgres": "server", "u01/polardb/share/postgres.bki": "bki",
		"u01/polardb/lib/libpq.so.5.11": "pq", "etc/profile.d/polardb.sh": "outside", "u01/polardb.conf": "outside",
	} {
		name = filepath.Join(top, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(top, "u01/polardb", name) }
	err := errors.Join(os.Chmod(at("bin/initdb"), 0o755), os.Chmod(at("bin/postgres"), 0o755),
		os.Link(at("bin/postgres"), at("bin/postmaster")),
		os.Symlink("libpq.so.5.11", at("lib/libpq.so.5")), os.Symlink("/u01/polardb/lib/libpq.so.5.11", at("lib/libpq.so")),
		os.MkdirAll(filepath.Join(top, "usr/bin"), 0o755), os.Symlink("/u01/polardb/bin/initdb", filepath.Join(top, "usr/bin/initdb")))
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// engineList is what the prefix of engineTree has; of the two names of the server's program, either may be the link.
var engineList = []string{
	"0644 lib/libpq.so.5.11 2", "0644 share/postgres.bki 3", "0755 bin/initdb 1", "0755 bin/postgres 6", "link bin/postmaster bin/postgres",
	"symlink lib/libpq.so ../lib/libpq.so.5.11", "symlink lib/libpq.so.5 libpq.so.5.11",
}

// listed packs the prefix of a package, and lists it.
func listed(t *testing.T, file string, data []byte) ([]string, error) {
	t.Helper()
	var one, two bytes.Buffer
	if err := WritePrefix(&one, file, bytes.NewReader(data), int64(len(data))); err != nil {
		return nil, err
	}
	if err := WritePrefix(&two, file, bytes.NewReader(data), int64(len(data))); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("the same package gave something else: %v", err)
	}
	var lines []string
	seen := map[string]bool{}
	for r := tar.NewReader(&one); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			lines = append(lines, fmt.Sprintf("%04o %s %d", h.Mode, h.Name, h.Size))
		case tar.TypeSymlink:
			lines = append(lines, "symlink "+h.Name+" "+h.Linkname)
		case tar.TypeLink:
			if !seen[h.Linkname] {
				t.Errorf("the link %s stands before %s", h.Name, h.Linkname)
			}
			lines = append(lines, "link "+h.Name+" "+h.Linkname)
		case tar.TypeDir:
		default:
			t.Errorf("%s is %q", h.Name, h.Typeflag)
		}
		seen[h.Name] = true
	}
	text := strings.Join(lines, "\n") // which of two names is the link is the packer's
	if strings.Contains(text, "link bin/postgres bin/postmaster") {
		text = strings.NewReplacer("link bin/postgres bin/postmaster", "link bin/postmaster bin/postgres", "0755 bin/postmaster 6",
			"0755 bin/postgres 6").Replace(text)
	}
	lines = strings.Split(text, "\n")
	slices.Sort(lines)
	return lines, nil
}

func TestPrefixOfDeb(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip(err)
	}
	top := engineTree(t)
	control := filepath.Join(top, "DEBIAN/control")
	err := errors.Join(os.MkdirAll(filepath.Dir(control), 0o755), os.WriteFile(control, []byte(tryControl), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	for _, compression := range []string{"gzip", "xz", "none", "zstd"} {
		file := filepath.Join(t.TempDir(), "polardb.deb")
		out, err := exec.Command("dpkg-deb", "-Z"+compression, "--root-owner-group", "-b", top, file).CombinedOutput()
		if err != nil && compression == "zstd" { // an older one
			continue
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := listed(t, file, data); err != nil || !slices.Equal(got, engineList) {
			t.Errorf("%s: %v %q, want %q", compression, err, got, engineList)
		}
	}
}

// What rpmbuild makes, in each way of packing.
func TestPrefixOfRPM(t *testing.T) {
	if _, err := exec.LookPath("rpmbuild"); err != nil {
		t.Skip(err)
	}
	top := engineTree(t)
	for _, payload := range []string{"w9.gzdio", "w9.bzdio", "w6.xzdio", "w6.lzdio", "w3.zstdio"} {
		dir := t.TempDir()
		spec := "Name: polardb\nVersion: 11.9\nRelease: 1\nSummary: a try\nLicense: none\nBuildArch: noarch\n%description\na try\n" +
			"%install\ncp -a " + top + "/. %{buildroot}\n%files\n/u01\n/etc/profile.d/polardb.sh\n/usr/bin/initdb\n"
		file := filepath.Join(dir, "try.spec")
		if err := os.WriteFile(file, []byte(spec), 0o644); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("rpmbuild", "-bb", "--define", "_topdir "+dir, "--define", "_rpmdir "+dir, "--define", "_binary_payload "+payload,
			"--define", "__os_install_post %{nil}", file)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", payload, err, out)
		}
		found, _ := filepath.Glob(filepath.Join(dir, "noarch", "*.rpm"))
		if len(found) != 1 {
			t.Fatalf("rpmbuild made %v", found)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := listed(t, found[0], data); err != nil || !slices.Equal(got, engineList) {
			t.Errorf("%s: %v %q, want %q", payload, err, got, engineList)
		}
		for _, end := range []int{len(data) - 1, len(data) - 200, len(data) / 2, 200, 50} {
			if _, err := listed(t, found[0], data[:end]); err == nil {
				t.Errorf("%s, cut to %d of %d bytes, was taken", payload, end, len(data))
			}
		}
	}
}

// rawRPM makes an rpm of files: name, a blank, and "dir", "-> target", "fifo" or content; "name #7 content" has the inode 7.
func rawRPM(t *testing.T, compressor, format string, files ...string) []byte {
	t.Helper()
	var payload bytes.Buffer
	packed := gzip.NewWriter(&payload)
	w := cpio.NewWriter(packed)
	for _, f := range files {
		name, rest, _ := strings.Cut(f, " ")
		h := &cpio.Header{Name: "." + name, Mode: cpio.TypeReg | 0o755, Links: 1}
		if strings.HasPrefix(rest, "#") {
			h.Inode, h.Links = int64(rest[1]-'0'), 2
			_, rest, _ = strings.Cut(rest, " ")
		}
		switch {
		case rest == "dir":
			h.Mode, rest = cpio.TypeDir|0o755, ""
		case rest == "fifo":
			h.Mode, rest = cpio.TypeFifo|0o644, ""
		case strings.HasPrefix(rest, "-> "):
			h.Mode, rest = cpio.TypeSymlink|0o777, rest[3:]
		}
		h.Size = int64(len(rest))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(rest)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	head := func(tags map[uint32]string) []byte {
		var index, store []byte
		for _, tag := range []uint32{tagName, tagVersion, tagRelease, tagArch, tagPayloadFormat, tagPayloadCompressor} {
			if text, there := tags[tag]; there {
				for _, n := range []uint32{tag, typeString, uint32(len(store)), 1} { //nolint:gosec // they are small
					index = binary.BigEndian.AppendUint32(index, n)
				}
				store = append(append(store, text...), 0)
			}
		}
		out := []byte{0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0}
		out = binary.BigEndian.AppendUint32(out, uint32(len(index)/16)) //nolint:gosec // it is small
		out = binary.BigEndian.AppendUint32(out, uint32(len(store)))    //nolint:gosec // it is small
		return append(append(out, index...), store...)
	}
	lead := make([]byte, 96)
	copy(lead, []byte{0xed, 0xab, 0xee, 0xdb, 3})
	out := append(lead, head(nil)...)
	out = append(out, head(map[uint32]string{
		tagName: "polardb", tagVersion: "11.9", tagRelease: "1", tagArch: "x86_64", tagPayloadFormat: format, tagPayloadCompressor: compressor,
	})...)
	return append(out, payload.Bytes()...)
}

func TestPrefixRefused(t *testing.T) {
	engine := []string{"/u01/polardb/bin/initdb i", "/u01/polardb/bin/polar-postgres p"}
	for name, c := range map[string]struct {
		compressor, format string
		files              []string
		link               bool   // initdb is one
		want               string // "": it is taken
	}{
		"as it is":                  {files: engine},
		"no engine":                 {files: []string{"/usr/bin/tool t"}, want: "it has no directory with bin/initdb and bin/postgres"},
		"nothing":                   {want: "it has no directory"},
		"a link alone":              {files: []string{"/u/bin/initdb -> /v/bin/initdb", "/u/bin/postgres p"}, want: "it has no directory"},
		"a link within":             {files: []string{"/u01/polardb/bin/initdb -> ../lib/i", "/u01/polardb/bin/polar-postgres p"}, link: true},
		"no server":                 {files: engine[:1], want: "it has no directory"},
		"among others":              {files: []string{"/usr/bin/initdb i", "/usr/bin/postgres p"}, want: "the engine lies in /usr, among other programs"},
		"twice":                     {files: append([]string{"/v/bin/initdb i", "/v/bin/postgres p"}, engine...), want: "more than once: /u01/polardb, /v"},
		"spread":                    {files: append([]string{"/usr/share/polardb/postgres.bki b"}, engine...), want: "a part of it elsewhere (/usr/share/polardb/postgres.bki)"},
		"a pipe":                    {files: append([]string{"/u01/polardb/p fifo"}, engine...), want: "/u01/polardb/p is neither a file nor a directory"},
		"a pipe elsewhere":          {files: append([]string{"/run/p fifo"}, engine...)},
		"one file with one outside": {files: append([]string{"/u01/polardb/a #3 ", "/etc/a #3 text"}, engine...), want: "/u01/polardb/a is one file with /etc/a"},
		"a way upwards":             {files: append([]string{"/u01/polardb/../../etc/passwd x"}, engine...)},
		"another packer":            {compressor: "brotli", files: engine, want: "packed in a way that is not known: cpio, brotli"},
		"another form":              {format: "drpm", files: engine, want: "packed in a way that is not known: drpm, gzip"},
		"not so packed":             {compressor: "xz", files: engine, want: "take the engine out of the package"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.compressor == "" {
				c.compressor = "gzip"
			}
			if c.format == "" {
				c.format = "cpio"
			}
			got, err := listed(t, "polardb.rpm", rawRPM(t, c.compressor, c.format, c.files...))
			want := []string{"0755 bin/initdb 1", "0755 bin/polar-postgres 1"}
			if c.link {
				want = []string{"0755 bin/polar-postgres 1", "symlink bin/initdb ../lib/i"}
			}
			switch {
			case c.want == "" && (err != nil || !slices.Equal(got, want)):
				t.Errorf("%v %q, want %q", err, got, want)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v %q, want %q", err, got, c.want)
			}
		})
	}
	if _, err := listed(t, "polardb.deb", rawDeb(t, tryControl)); err == nil || !strings.Contains(err.Error(), "it has no data.tar") {
		t.Errorf("a deb without files: %v", err)
	}
}
