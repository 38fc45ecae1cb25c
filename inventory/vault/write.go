package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Private is the mode of files that hold secrets.
const Private fs.FileMode = 0o600

// Write puts a file in place, whole or not at all: it is written beside its place, synced to disk and renamed. With keep, a file that
// is there keeps its mode and owner; otherwise the mode is Private. A link is followed.
func Write(file string, data []byte, keep bool) error {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	was, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		was = nil
	case err != nil:
		return fmt.Errorf("write %s: %w", file, cause(err))
	case !was.Mode().IsRegular():
		return fmt.Errorf("write %s: it is no regular file", file)
	}
	beside, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".") // its mode is Private
	if err != nil {
		return fmt.Errorf("write %s: %w", file, cause(err))
	}
	defer os.Remove(beside.Name())
	_, err = beside.Write(data)
	if keep && was != nil && err == nil {
		err = errors.Join(keepOwner(beside, was), beside.Chmod(was.Mode().Perm()))
	}
	if err == nil {
		err = beside.Sync()
	}
	if err = errors.Join(err, beside.Close()); err == nil {
		err = os.Rename(beside.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// Cover writes over a file's content, which Write has taken the place of, so that it is not found on the disk so easily. A file of
// several names is left alone: the others still want it.
func Cover(old *os.File) {
	info, err := old.Stat()
	if err != nil {
		return
	}
	if severalNames(old, info) {
		return
	}
	noise := make([]byte, min(info.Size(), 1<<20))
	for at := int64(0); at < info.Size(); at += int64(len(noise)) {
		_, _ = rand.Read(noise)
		if _, err := old.WriteAt(noise[:min(int64(len(noise)), info.Size()-at)], at); err != nil {
			return // there is nothing else to try
		}
	}
	_ = old.Sync()
}

// Scratch is a directory that nobody else can look into, for a secret in plain text while an editor has it.
type Scratch struct{ Dir string }

// NewScratch makes one, in memory where the login has such a place ($XDG_RUNTIME_DIR).
func NewScratch() (*Scratch, error) {
	dir, err := os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "polarbook-vault-") // its mode is 0700
	if err != nil {
		dir, err = os.MkdirTemp("", "polarbook-vault-")
	}
	if err != nil {
		return nil, fmt.Errorf("make a private directory: %w", err)
	}
	return &Scratch{dir}, nil
}

// Remove covers all that is in the directory, what an editor left there too, and removes it.
func (s *Scratch) Remove() error {
	_ = filepath.WalkDir(s.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		if f, err := os.OpenFile(name, os.O_WRONLY, 0); err == nil {
			Cover(f)
			f.Close()
		}
		return nil
	})
	if err := os.RemoveAll(s.Dir); err != nil {
		return fmt.Errorf("remove what was decrypted for the editor: %w", err)
	}
	return nil
}
