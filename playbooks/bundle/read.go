package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"aead.dev/minisign"
	"github.com/klauspost/compress/zstd"
)

const (
	manifestName  = "manifest.json"
	signatureName = "manifest.json.minisig"
)

// Bundle is a bundle that was opened. Its methods may be called from several goroutines at once.
type Bundle struct {
	Manifest
	file      *os.File
	manifest  []byte
	signature []byte
	at        []int64 // where each file begins in the archive
}

// Open reads a bundle's manifest, and compares the archive with it. What the files hold is not read: Verify does that.
func Open(name string) (*Bundle, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b := &Bundle{file: f}
	if err := b.open(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is not a whole bundle: %w", name, err)
	}
	return b, nil
}

// Close lets go of the file.
func (b *Bundle) Close() error { return b.file.Close() }

var errCut = errors.New("it is cut")

func (b *Bundle) open() error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	r := tar.NewReader(b.file)
	h, err := next(r)
	if err != nil {
		return err
	}
	if h.Name != manifestName || h.Size > manifestLimit {
		return errors.New("it does not begin with a manifest")
	}
	if b.manifest, err = io.ReadAll(r); err != nil {
		return errCut
	}
	m, err := readManifest(b.manifest)
	if err != nil {
		return err
	}
	b.Manifest = *m
	for i := 0; ; {
		h, err := next(r)
		if errors.Is(err, io.EOF) {
			if i < len(b.Files) {
				return fmt.Errorf("%w: it lacks %s", errCut, b.Files[i].Path)
			}
			return b.ends(info.Size())
		}
		if err != nil {
			return err
		}
		if h.Name == signatureName && i == 0 && b.signature == nil && h.Size <= signatureLimit {
			if b.signature, err = io.ReadAll(r); err != nil {
				return errCut
			}
			continue
		}
		if i >= len(b.Files) || h.Name != b.Files[i].storedName() || h.Size != b.Files[i].Stored {
			return fmt.Errorf("it holds %q (%d bytes), which is not what its manifest has there", h.Name, h.Size)
		}
		at, err := b.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if at+h.Size > info.Size() {
			return fmt.Errorf("%w: it ends in %s", errCut, b.Files[i].Path)
		}
		b.at = append(b.at, at)
		i++
	}
}

// ends refuses what follows the archive's end, which is two blocks of zeros.
func (b *Bundle) ends(size int64) error {
	at, err := b.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	const block = 512
	if n := len(b.at); n > 0 {
		last := (b.at[n-1] + b.Files[n-1].Stored + block - 1) / block * block
		if size != last+2*block {
			return fmt.Errorf("it has %d bytes, and its files end at %d", size, last+2*block)
		}
	}
	if at != size {
		return fmt.Errorf("%d bytes follow its end", size-at)
	}
	return nil
}

// next reads a header, and takes nothing but files.
func next(r *tar.Reader) (*tar.Header, error) {
	h, err := r.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errCut
	case err != nil:
		return nil, fmt.Errorf("it is no archive of tar: %w", err)
	case h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("it holds %q, which is a link or something else that is no file", h.Name)
	}
	return h, nil
}

// Signer tells whose signature a bundle has, by its key's id; "": it is not signed.
func (b *Bundle) Signer() string {
	var s minisign.Signature
	if b.signature == nil || s.UnmarshalText(b.signature) != nil {
		return ""
	}
	return fmt.Sprintf("%016X", s.KeyID)
}

// ErrNotSigned means that nobody signed a bundle.
var ErrNotSigned = errors.New("it is not signed")

// Signed returns an error unless one of the keys signed the manifest.
func (b *Bundle) Signed(keys []minisign.PublicKey) error {
	if b.signature == nil {
		return ErrNotSigned
	}
	var s minisign.Signature
	if err := s.UnmarshalText(b.signature); err != nil {
		return fmt.Errorf("its signature cannot be read: %w", err)
	}
	for _, key := range keys {
		if key.ID() != s.KeyID {
			continue
		}
		if minisign.Verify(key, b.manifest, b.signature) {
			return nil
		}
		return fmt.Errorf("its signature by key %016X is not of this manifest: one of them was altered", s.KeyID)
	}
	return fmt.Errorf("it is signed with key %016X, which is not trusted here", s.KeyID)
}

// Verify reads every file, and compares it with its SHA-256.
func (b *Bundle) Verify(told func(path string)) error {
	for i, f := range b.Files {
		told(f.Path)
		if err := b.copy(i, io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// Copy writes a file's content, and fails where it is not the one that the manifest has.
func (b *Bundle) Copy(f File, to io.Writer) error {
	return b.copy(slices.IndexFunc(b.Files, func(o File) bool { return o.Path == f.Path }), to)
}

func (b *Bundle) copy(i int, to io.Writer) error {
	f := b.Files[i]
	var content io.Reader = io.NewSectionReader(b.file, b.at[i], f.Stored)
	if f.Packed {
		d, err := zstd.NewReader(content, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		defer d.Close()
		content = d
	}
	sum := sha256.New()
	// One byte more than there should be shows that there are more.
	n, err := io.Copy(io.MultiWriter(sum, to), io.LimitReader(content, f.Size+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s is damaged: %w", f.Path, err)
	case n > f.Size:
		return fmt.Errorf("%s is larger than the %d bytes that the manifest has", f.Path, f.Size)
	case n < f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256:
		return fmt.Errorf("%s is not the file that the manifest has: it was altered", f.Path)
	}
	return nil
}

// Extract writes files below a directory, each whole or not at all. What is there already is left alone, and is an error unless it is
// the same.
func (b *Bundle) Extract(dir string, wanted func(File) bool, told func(path string)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // named by the user
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for i, f := range b.Files {
		if !wanted(f) {
			continue
		}
		told(f.Path)
		if err := b.extract(root, i); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bundle) extract(root *os.Root, i int) error {
	f := b.Files[i]
	if there, err := root.Open(filepath.FromSlash(f.Path)); err == nil {
		defer there.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, there); err == nil && hex.EncodeToString(sum.Sum(nil)) == f.SHA256 {
			return nil
		}
		return fmt.Errorf("%s is there already, and is another file", f.Path)
	}
	return b.put(root, i)
}

// put writes a file, whole or not at all. One that is there is replaced.
func (b *Bundle) put(root *os.Root, i int) error {
	f := b.Files[i]
	if dir := filepath.Dir(filepath.FromSlash(f.Path)); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	mode := os.FileMode(0o644)
	if f.Program {
		mode = 0o755
	}
	temp := filepath.FromSlash(f.Path) + ".unfinished"
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err := errors.Join(b.copy(i, out), out.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return root.Rename(temp, filepath.FromSlash(f.Path))
}
