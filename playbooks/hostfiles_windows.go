package playbooks

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// hostFiles is the machine that polarbook runs on; its paths are absolute ones with slashes, C:/dir/file, and those of shares
// begin with share/: share/server/name/dir/file.
var hostFiles fs.FS = drives{}

const shares = "share/"

// inHost is an absolute path as hostFiles wants it.
func inHost(name string) string {
	p := filepath.ToSlash(filepath.Clean(name))
	if rest, ok := strings.CutPrefix(p, "//"); ok {
		return shares + strings.TrimSuffix(rest, "/")
	}
	return strings.TrimSuffix(p, "/")
}

// onHost is a path in hostFiles as the machine has it, but with slashes, which Windows takes as well.
func onHost(p string) string {
	if rest, ok := strings.CutPrefix(p, shares); ok {
		return "//" + rest
	}
	if strings.HasSuffix(p, ":") {
		return p + "/"
	}
	return p
}

// drives are the drives and shares of a machine as one file system.
type drives struct{}

// at finds the drive or share, and the path there.
func at(op, name string) (top fs.FS, below string, err error) {
	missing := &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	if !fs.ValidPath(name) {
		missing.Err = fs.ErrInvalid
		return nil, "", missing
	}
	full := filepath.FromSlash(onHost(name))
	volume := filepath.VolumeName(full)
	if volume == "" {
		return nil, "", missing
	}
	if below = strings.Trim(filepath.ToSlash(full[len(volume):]), "/"); below == "" {
		below = "."
	}
	return os.DirFS(volume + `\`), below, nil
}

func (drives) Open(name string) (fs.File, error) {
	top, below, err := at("open", name)
	if err != nil {
		return nil, err
	}
	return top.Open(below)
}

func (drives) Stat(name string) (fs.FileInfo, error) {
	top, below, err := at("stat", name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(top, below)
}

func (drives) Lstat(name string) (fs.FileInfo, error) {
	top, below, err := at("lstat", name)
	if err != nil {
		return nil, err
	}
	return fs.Lstat(top, below)
}

func (drives) ReadLink(name string) (string, error) {
	top, below, err := at("readlink", name)
	if err != nil {
		return "", err
	}
	return fs.ReadLink(top, below)
}

func (drives) ReadDir(name string) ([]fs.DirEntry, error) {
	top, below, err := at("readdir", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(top, below)
}

func (drives) ReadFile(name string) ([]byte, error) {
	top, below, err := at("open", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(top, below)
}
