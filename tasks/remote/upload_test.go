package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// content returns bytes that look like any, the same ones each time.
func content(size int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(size))
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// megabytes is a size of many windows of SSH; with -short of fewer of them.
func megabytes(many, fewer int) int {
	if testing.Short() {
		many = fewer
	}
	return many << 20
}

func TestUpload(t *testing.T) {
	t.Parallel()
	t.Run("OpenSSH", func(t *testing.T) { testUpload(t, startSSHD(t).shell(t)) })
	withEachShell(t, testUpload)
}

func TestUploadWithoutSFTP(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	s.noSFTP = true
	testUpload(t, s)
	if s.sftp != nil {
		t.Error("SFTP was used")
	}
}

func testUpload(t *testing.T, s *Shell) {
	for _, size := range []int{0, 1, smallUpload, smallUpload + 1, megabytes(9, 5)} {
		path := filepath.Join(t.TempDir(), "it's a file")
		want := content(size)
		before := s.host.Stats().RoundTrips
		var last int64
		u := Upload{Source: bytes.NewReader(want), Size: int64(size), Path: path, Mode: 0o640,
			Progress: func(done, total int64) { last = done }}
		if err := s.Upload(testContext(t), u); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if trips := s.host.Stats().RoundTrips - before; size <= smallUpload && trips != 1 {
			t.Errorf("%d bytes took %d round trips, want 1", size, trips)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: %d arrived, error %v", size, len(got), err)
		}
		if info, _ := os.Stat(path); info.Mode() != 0o640 {
			t.Errorf("%d bytes: mode %v", size, info.Mode())
		}
		if last != int64(size) {
			t.Errorf("%d bytes: progress ended at %d", size, last)
		}
		// Once more, over what is there.
		u.Mode = 0o4711 &^ 0o4000
		u.Mode |= fs.ModeSetuid
		if err := s.Upload(testContext(t), u); err != nil {
			t.Fatalf("%d bytes again: %v", size, err)
		}
		if info, _ := os.Stat(path); info.Mode() != 0o711|fs.ModeSetuid {
			t.Errorf("%d bytes: mode %v", size, info.Mode())
		}
		if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
			t.Errorf("%d bytes: left behind %v", size, names)
		}
	}
}

func TestUploadErrors(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/directory", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, smallUpload + 10} {
		source := bytes.NewReader(content(size))
		for _, c := range []struct {
			name string
			u    Upload
			is   error
			want string
		}{
			{name: "no directory", u: Upload{Path: dir + "/none/f"}, is: fs.ErrNotExist},
			{name: "over a directory", u: Upload{Path: dir + "/directory"}, want: "is a directory"},
			{name: "no path", u: Upload{Path: dir + "/"}, want: "is not the path of a file"},
			{name: "wrong sum", u: Upload{Path: dir + "/f", SHA256: strings.Repeat("0", 64)}, want: "nothing was put in place"},
			{name: "no such owner", u: Upload{Path: dir + "/f", Owner: "nosuchuser"}, want: "nosuchuser"},
			{name: "short source", u: Upload{Path: dir + "/f", Size: int64(size) + 1, SHA256: strings.Repeat("0", 64)}, is: io.ErrUnexpectedEOF},
		} {
			c.u.Source = source
			if c.u.Size == 0 {
				c.u.Size = int64(size)
			}
			err := s.Upload(testContext(t), c.u)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %d bytes: %v", c.name, size, err)
			}
			if _, err := os.Stat(dir + "/f"); err == nil {
				t.Fatalf("%s: a file appeared", c.name)
			}
		}
	}
	// Only parts that can be gone on with may stay.
	names, _ := filepath.Glob(dir + "/.f.0000*")
	if len(names) > 1 {
		t.Errorf("left behind %v", names)
	}
}

func TestUploadAsAnotherUser(t *testing.T) {
	t.Parallel()
	needsRootAnd(t, "sudo")
	h := startSSHD(t).connect(t)
	nobody, _ := user.Lookup("nobody")
	uid, _ := strconv.Atoi(nobody.Uid)
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, 1 << 20} {
		u := Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: dir + "/f"}
		if err := openTestShell(t, h, Become{Method: "sudo", User: "nobody"}).Upload(testContext(t), u); err != nil {
			t.Fatal(err)
		}
		checkOwner(t, u.Path, uid)
		u.Path, u.Owner = dir+"/g", "nobody"
		if err := openTestShell(t, h, Become{}).Upload(testContext(t), u); err != nil {
			t.Fatal(err)
		}
		checkOwner(t, u.Path, uid)
	}
	err = openTestShell(t, h, Become{Method: "sudo", User: "nobody"}).Upload(testContext(t),
		Upload{Source: strings.NewReader("x"), Size: 1, Path: "/etc/polarbook-test"})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("where the user may not write: %v", err)
	}
}

func checkOwner(t *testing.T, path string, uid int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != uid || info.Mode().Perm() != 0o600 {
		t.Errorf("%s belongs to %d with mode %v, want %d", path, got, info.Mode(), uid)
	}
}

// countingSource counts what is read from it beyond what sums need.
type countingSource struct {
	*bytes.Reader
	read int64
}

func (s *countingSource) ReadAt(b []byte, off int64) (int, error) {
	n, err := s.Reader.ReadAt(b, off)
	s.read += int64(n)
	return n, err
}

func TestInterruptedUploadIsResumed(t *testing.T) {
	t.Parallel()
	size := megabytes(24, 12)
	for _, sftp := range []bool{true, false} {
		want := content(size)
		sum, _ := sumOf(bytes.NewReader(want), int64(size))
		server := startSSHD(t)
		path := filepath.Join(t.TempDir(), "f")
		u := Upload{Source: bytes.NewReader(want), Size: int64(size), SHA256: sum, Path: path}

		// The connection is lost in the middle.
		h := server.connect(t)
		u.Progress = func(done, total int64) {
			if done > int64(size)/2 {
				h.conn.Close()
			}
		}
		s := openTestShell(t, h, Become{})
		s.noSFTP = !sftp
		err := s.Upload(testContext(t), u)
		var lost *UnreachableError
		if !errors.As(err, &lost) {
			t.Fatalf("got error %v", err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatal("half a file appeared")
		}

		// It is cancelled a bit later.
		s = server.shell(t)
		s.noSFTP = !sftp
		ctx, cancel := context.WithCancel(testContext(t))
		first := int64(-1)
		u.Progress = func(done, total int64) {
			if first < 0 {
				first = done
			}
			if done > int64(size)*3/4 {
				cancel()
			}
		}
		err = s.Upload(ctx, u)
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got error %v", err)
		}
		if first < int64(size)/4 {
			t.Errorf("after the lost connection it began at %d", first)
		}

		// The third try goes on with the same shell and sends the rest only.
		source := &countingSource{Reader: bytes.NewReader(want)}
		u.Source, u.Progress = source, nil
		before := s.host.Stats().BytesSent
		if err := s.Upload(testContext(t), u); err != nil {
			t.Fatal(err)
		}
		if sent := s.host.Stats().BytesSent - before; sent > int64(size)*3/4 {
			t.Errorf("%d bytes were sent again", sent)
		}
		got, _ := os.ReadFile(path)
		if !bytes.Equal(got, want) {
			t.Errorf("the content is wrong")
		}
	}
}

// What is left of another upload, or was changed since, is not gone on with.
func TestUploadDoesNotTrustWhatItFinds(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	want := content(size)
	sum, _ := sumOf(bytes.NewReader(want), size)
	s := startSSHD(t).shell(t)
	precious := filepath.Join(t.TempDir(), "precious")
	writeFile(t, precious, "mine")
	for name, prepare := range map[string]func(part string){
		"changed": func(part string) { writeFile(t, part, strings.Repeat("x", size/2)) },
		"longer":  func(part string) { writeFile(t, part, string(want)+"x") },
		"link": func(part string) {
			if err := os.Symlink(precious, part); err != nil {
				t.Fatal(err)
			}
		},
		"complete": func(part string) { writeFile(t, part, string(want)) },
	} {
		u := Upload{Source: bytes.NewReader(want), Size: size, SHA256: sum, Path: filepath.Join(t.TempDir(), "f")}
		prepare(u.partName())
		if err := s.Upload(testContext(t), u); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, _ := os.ReadFile(u.Path); !bytes.Equal(got, want) {
			t.Errorf("%s: the content is wrong", name)
		}
	}
	if got, _ := os.ReadFile(precious); string(got) != "mine" {
		t.Errorf("the file behind the link was changed")
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	dir := t.TempDir()
	want := content(5000)
	path := filepath.Join(dir, "it's")
	writeFile(t, path, string(want))
	got, err := s.ReadFile(testContext(t), path, 5000)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, c := range []struct {
		path string
		is   error
	}{{path, ErrTooLarge}, {dir + "/none", fs.ErrNotExist}, {dir, nil}} {
		_, err := s.ReadFile(testContext(t), c.path, 4999)
		var pathError *fs.PathError
		if !errors.As(err, &pathError) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
	if os.Getuid() == 0 {
		os.Chmod(dir, 0o755)
		s := openTestShell(t, s.host, Become{Method: "su", User: "nobody"})
		if _, err := s.ReadFile(testContext(t), "/etc/shadow", 1<<20); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("somebody else's: %v", err)
		}
	}
}
