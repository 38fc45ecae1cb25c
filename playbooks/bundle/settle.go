package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// recordName is the file in which a directory notes what bundles brought there. Write's callers leave hidden files out, so no bundle
// holds one.
const recordName = ".polarbook-bundle.json"

// record is what bundles brought to a directory: paths, with the SHA-256 of the content. There is more than one for a path only while
// one bundle takes another's place.
type record map[string][]string

// Settled reports whether a directory is one that Settle has filled.
func Settled(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, recordName))
	return err == nil
}

// Settle makes the bundle's files those of a directory: it writes what is missing, replaces what an earlier bundle brought, and removes
// what only that one had. Whatever else is there stays: it is what runs wrote. A file that no bundle brought, or that was changed since,
// is an error before anything is written. Settle that was killed is finished by the next one.
func (b *Bundle) Settle(dir string, wanted func(File) bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	old, err := readRecord(root)
	if err != nil {
		return err
	}
	write, remove, err := b.compare(root, old, wanted)
	if err != nil {
		return err
	}
	fresh, during := record{}, record{}
	for name, sums := range old {
		during[name] = slices.Clone(sums)
	}
	for _, f := range b.Files {
		if wanted(f) {
			fresh[f.Path] = []string{f.SHA256}
			if !slices.Contains(during[f.Path], f.SHA256) {
				during[f.Path] = append(during[f.Path], f.SHA256)
			}
		}
	}
	if len(write)+len(remove) > 0 {
		if err := during.write(root); err != nil {
			return err
		}
	}
	for _, name := range remove {
		if err := root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for below := path.Dir(name); below != "."; below = path.Dir(below) {
			if root.Remove(filepath.FromSlash(below)) != nil {
				break // it holds more
			}
		}
	}
	for _, i := range write {
		if err := b.put(root, i); err != nil {
			return err
		}
	}
	if fresh.same(old) {
		return nil
	}
	return fresh.write(root)
}

// compare returns which of the bundle's files are to be written, and which of an earlier one's removed.
func (b *Bundle) compare(root *os.Root, old record, wanted func(File) bool) (write []int, remove []string, err error) {
	kept := map[string]bool{}
	for i, f := range b.Files {
		if !wanted(f) {
			continue
		}
		kept[f.Path] = true
		has, err := sumOf(root, f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			write = append(write, i)
		case err != nil:
			return nil, nil, err
		case has == f.SHA256:
		case slices.Contains(old[f.Path], has):
			write = append(write, i)
		case len(old[f.Path]) > 0:
			return nil, nil, fmt.Errorf("%s was changed since a bundle brought it: remove it to have the bundle's, or make a bundle with the "+
				"change", f.Path)
		default:
			return nil, nil, fmt.Errorf("%s is there already, is another file than the bundle's, and no bundle brought it", f.Path)
		}
	}
	for name, sums := range old {
		if kept[name] || !safePath(name) {
			continue
		}
		has, err := sumOf(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, nil, err
		case slices.Contains(sums, has):
			remove = append(remove, name)
		default:
			return nil, nil, fmt.Errorf("%s is not in the bundle; an earlier one brought it, and it was changed since: move it away", name)
		}
	}
	slices.Sort(remove)
	return write, remove, nil
}

// sumOf is the SHA-256 of a file that is none but a file.
func sumOf(root *os.Root, name string) (string, error) {
	info, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is there already, and is no file", name)
	}
	in, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	defer in.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// recordLimit is more than a record of as many files as a bundle may hold has.
const recordLimit = 64 << 20

func readRecord(root *os.Root) (record, error) {
	f, err := root.Open(recordName)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := record{}
	if err := json.NewDecoder(io.LimitReader(f, recordLimit)).Decode(&r); err != nil {
		return nil, fmt.Errorf("read %s, which says what an earlier bundle brought: %w", recordName, err)
	}
	return r, nil
}

func (r record) write(root *os.Root) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	const temp = recordName + ".unfinished"
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(append(data, '\n'))
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return root.Rename(temp, recordName)
}

func (r record) same(other record) bool {
	if len(r) != len(other) {
		return false
	}
	for name, sums := range r {
		if !slices.Equal(sums, other[name]) {
			return false
		}
	}
	return true
}
