package vault

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"reflect"
)

// Files returns a file system whose encrypted files are read as what was encrypted, and have that size. All other files and
// directories are those of fsys. The error of opening a file that cannot be decrypted is that of Keyring.Open.
func (k *Keyring) Files(fsys fs.FS) fs.FS {
	if !reflect.TypeOf(fsys).Comparable() { // one made in memory: what comes with polarbook is not encrypted
		return fsys
	}
	return decrypting{fsys, k}
}

type decrypting struct {
	fs.FS
	keys *Keyring
}

func (d decrypting) Open(name string) (fs.File, error) {
	file, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return file, nil
	}
	head := make([]byte, len(header))
	n, err := io.ReadFull(file, head)
	if n < len(head) || err != nil || string(head) != header {
		file.Close()
		return d.FS.Open(name)
	}
	defer file.Close()
	rest, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	content, encrypted, err := d.keys.File(append(head, rest...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if encrypted {
		d.keys.TellOfFile(content)
	}
	return &opened{bytes.NewReader(content), sized{info, int64(len(content))}}, nil
}

// Stat is that of the file, with the size of what was encrypted in it.
func (d decrypting) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(d.FS, name)
	if err != nil || !info.Mode().IsRegular() {
		return info, err
	}
	file, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}

// Lstat and ReadLink are those of the file system.
func (d decrypting) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(d.FS, name) }
func (d decrypting) ReadLink(name string) (string, error)       { return fs.ReadLink(d.FS, name) }
func (d decrypting) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.FS, name) }

// opened is a decrypted file.
type opened struct {
	*bytes.Reader
	info sized
}

func (f *opened) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *opened) Close() error               { return nil }

type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }

// Encrypted tells it from other files.
func (s sized) Encrypted() bool { return true }
