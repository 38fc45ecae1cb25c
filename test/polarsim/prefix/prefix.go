package prefix

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Top is the folder that a tarball holds.
const Top = "polardb-11.9"

// names are the programs in bin/; each is a symbolic link to the one binary.
var names = []string{"initdb", "pg_ctl", "postgres", "postmaster", "psql", "pg_isready", "pg_basebackup", "polar_basebackup",
	"pg_controldata", "polar_tools", "polar-initdb.sh"}

// Build compiles the stand-in for the target in the environment (GOOS, GOARCH) and lays it out in directory, which
// is made. It needs the go command and this module's sources.
func Build(ctx context.Context, directory string) error {
	for _, sub := range []string{"bin", "lib/postgresql", "share/postgresql/extension"} {
		if err := os.MkdirAll(filepath.Join(directory, sub), 0o755); err != nil {
			return err
		}
	}
	binary := filepath.Join(directory, "bin", "polarsim")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary,
		"github.com/polarbook/polarbook/test/polarsim")
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building the stand-in: %w\n%s", err, output)
	}
	for _, name := range names {
		if err := os.Symlink("polarsim", filepath.Join(directory, "bin", name)); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"share/postgresql/extension/polar_monitor.control": "comment = 'polarsim stand-in'\ndefault_version = '1.2'\n",
		"share/postgresql/README":                          "This prefix is polarsim, a stand-in for tests. It keeps no data worth having.\n",
		"lib/postgresql/README":                            "polarsim is one static binary and has no libraries.\n",
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Pack builds the stand-in and writes it as a gzipped tar to name.
func Pack(ctx context.Context, name string) error {
	scratch, err := os.MkdirTemp("", "polarsim-pack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := Build(ctx, filepath.Join(scratch, Top)); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(name), ".polarsim-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	if err := archive(out, scratch); err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	if err := out.Chmod(0o644); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), name)
}

func archive(w io.Writer, root string) error {
	zipped := gzip.NewWriter(w)
	out := tar.NewWriter(zipped)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		header.Name = filepath.ToSlash(relative)
		header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "root", "root"
		if entry.IsDir() {
			header.Name += "/"
		}
		if err := out.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(out, file)
		return err
	})
	if err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

// Unpack unpacks a tarball of an install prefix into directory and returns the prefix inside: the folder that has
// bin/postgres or bin/polar-postgres.
func Unpack(name, directory string) (string, error) {
	command := exec.Command("tar", "-xf", name, "-C", directory)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpacking %s: %w\n%s", name, err, output)
	}
	found := ""
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && found == "" && strings.HasSuffix(path, filepath.Join("bin", "pg_ctl")) {
			found = filepath.Dir(filepath.Dir(path))
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("%s has no bin/pg_ctl in it", name)
	}
	return found, err
}
