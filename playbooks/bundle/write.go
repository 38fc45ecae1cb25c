package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"aead.dev/minisign"
	"github.com/klauspost/compress/zstd"
)

// Source is a file that a bundle is to hold.
type Source struct {
	File        // path, kind and what else is known; sizes and sums are found out
	From string // on the control node
}

// compressed are the endings of what gains nothing by being packed again.
var compressed = []string{".gz", ".tgz", ".xz", ".txz", ".bz2", ".zst", ".zip", ".deb", ".rpm"}

// Write writes a bundle to a file that must not be there, whole or not at all. key signs it; nil: nobody does. A file that changes
// meanwhile is an error.
func Write(to string, m Manifest, sources []Source, key *minisign.PrivateKey, told func(path string)) (err error) {
	free := func() error {
		if _, err := os.Lstat(to); err == nil {
			return &fs.PathError{Op: "write", Path: to, Err: fs.ErrExist}
		}
		return nil
	}
	if err := free(); err != nil {
		return err
	}
	temp := to + ".unfinished"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	spool, err := os.CreateTemp("", "polarbook-bundle-")
	if err != nil {
		return errors.Join(err, out.Close())
	}
	defer func() {
		err = errors.Join(err, out.Close(), spool.Close(), os.Remove(spool.Name()))
		if err == nil {
			err = free()
		}
		if err == nil {
			err = os.Rename(temp, to) // no link: what travels in a pocket has a file system that knows none
		}
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	slices.SortFunc(sources, func(a, b Source) int { return strings.Compare(a.Path, b.Path) })
	// What is packed goes to a spool first: the manifest, which comes before it, has its size.
	packedAt := make([]int64, len(sources))
	var at int64
	m.Format, m.Files = Format, nil
	for i := range sources {
		s := &sources[i]
		told(s.Path)
		s.Packed = !slices.Contains(compressed, strings.ToLower(path.Ext(s.Path)))
		if err := s.measure(spool); err != nil {
			return err
		}
		if s.Packed {
			packedAt[i], at = at, at+s.Stored
		}
		m.Files = append(m.Files, s.File)
	}
	if err := m.check(); err != nil {
		return err
	}
	manifest, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	put := func(name string, size int64, content io.Reader) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: m.MadeAt, Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(w, content)
		return err
	}
	if err := put(manifestName, int64(len(manifest)), bytes.NewReader(manifest)); err != nil {
		return err
	}
	if key != nil {
		r := minisign.NewReader(bytes.NewReader(manifest))
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		signature := r.SignWithComments(*key, "polarbook bundle "+m.MadeAt.UTC().Format("2006-01-02T15:04:05Z"), "signature of the manifest")
		if err := put(signatureName, int64(len(signature)), bytes.NewReader(signature)); err != nil {
			return err
		}
	}
	for i, s := range sources {
		if err := s.copy(put, spool, packedAt[i]); err != nil {
			return fmt.Errorf("%s: %w", s.From, err)
		}
	}
	return errors.Join(w.Close(), out.Sync())
}

// storedName is a file's name in the archive.
func (f File) storedName() string {
	if f.Packed {
		return "files/" + f.Path + ".zst"
	}
	return "files/" + f.Path
}

// measure finds a file's size and sum, and packs it into the spool where it is one to pack.
func (s *Source) measure(spool io.Writer) error {
	in, err := os.Open(s.From)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	stored := &counter{w: io.Discard}
	var into io.WriteCloser = nopCloser{stored}
	if s.Packed {
		stored.w = spool
		if into, err = zstd.NewWriter(stored, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression)); err != nil {
			return err
		}
	}
	s.Size, err = io.Copy(io.MultiWriter(sum, into), in)
	if err = errors.Join(err, into.Close()); err != nil {
		return fmt.Errorf("read %s: %w", s.From, err)
	}
	s.SHA256, s.Stored = hex.EncodeToString(sum.Sum(nil)), stored.n
	return nil
}

func (s *Source) copy(put func(string, int64, io.Reader) error, spool io.ReaderAt, at int64) error {
	if s.Packed {
		return put(s.storedName(), s.Stored, io.NewSectionReader(spool, at, s.Stored))
	}
	in, err := os.Open(s.From)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	if err := put(s.storedName(), s.Size, io.TeeReader(in, sum)); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != s.SHA256 {
		return errors.New("it changed while it was packed")
	}
	return nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
