package files

import (
	"bytes"
	"io/fs"
	"time"
)

// oneFile is a file system with a single file, for contents that were made here and are uploaded like files.
type oneFile []byte

// Open gives the content whatever its name.
func (f oneFile) Open(name string) (fs.File, error) {
	return &memoryFile{Reader: bytes.NewReader(f), name: name}, nil
}

type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Name() string               { return f.name }
func (f *memoryFile) Mode() fs.FileMode          { return 0o600 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }
