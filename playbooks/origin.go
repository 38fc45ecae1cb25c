package playbooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// NotFoundError says where a file was looked for.
type NotFoundError struct {
	Name    string
	Looked  []string
	Bundled bool // all files come out of a bundle
}

func (e *NotFoundError) Error() string {
	if e.Bundled {
		return fmt.Sprintf("%q is not in the bundle; looked for %s", e.Name, strings.Join(e.Looked, ", "))
	}
	return fmt.Sprintf("there is no file %q; looked for %s", e.Name, strings.Join(e.Looked, ", "))
}

// Is makes a NotFoundError an fs.ErrNotExist.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// Find looks for a file or directory as Ansible does and returns the file system that it is in and its path there.
// Kind is the folder that such files are kept in ("files", "templates", "vars", "tasks"; "" for none). An absolute
// path and one that starts with ~/ are taken as they are. Other names are looked for in the role, in the roles that brought
// it in, beside the task's file and beside the playbook, each time in the folder of the kind first; for a built-in playbook also in the
// directory that polarbook runs in, and last, for templates, among those in the binary. The error is a *NotFoundError
// or says why a file that exists cannot be had.
func (o Origin) Find(kind, name string) (fs.FS, string, error) {
	var looked []string
	for _, place := range o.places(kind, name) {
		if place.fsys == nil || !fs.ValidPath(place.path) {
			continue
		}
		_, err := fs.Stat(place.fsys, place.path)
		if err == nil && outside(o.Only, place.fsys, place.path) {
			return nil, "", fmt.Errorf("%s is not in the bundle", display(place.fsys, place.path))
		}
		if err == nil {
			return place.fsys, place.path, nil
		}
		// ENOTDIR is a path through a file, a/b where a is a file: nothing is there.
		shown := display(place.fsys, place.path)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return nil, "", fmt.Errorf("look at %s: %w", shown, reason(err))
		}
		if !slices.Contains(looked, shown) {
			looked = append(looked, shown)
		}
	}
	return nil, "", &NotFoundError{Name: name, Looked: looked, Bundled: o.Only != ""}
}

// outside reports whether a file is this machine's and not below the only directory of which files may be.
func outside(only string, fsys fs.FS, p string) bool {
	if only == "" || fsys != hostFiles {
		return false
	}
	below, err := filepath.Rel(inHost(only), p)
	return err != nil || !filepath.IsLocal(below)
}

// in is the origin of a file that something of this origin includes. One in another file system, a built-in one that a
// user's playbook includes or the other way round, has nothing beside the playbook.
func (o Origin) in(found place) Origin {
	if onHost := found.fsys == hostFiles; onHost != (o.Source == hostFiles) {
		o.Source, o.RoleDir, o.RolesAround = found.fsys, "", nil
		o.PlayDir = path.Dir(found.path)
		if o.Builtin = !onHost; o.Builtin {
			o.PlayDir = "."
		}
	}
	o.Dir = path.Dir(found.path)
	return o
}

type place struct {
	fsys fs.FS
	path string
}

func (o Origin) places(kind, name string) []place {
	name = filepath.ToSlash(name)
	if p, ok := absolute(name); ok {
		return []place{{hostFiles, p}}
	}
	var list []place
	beside := func(fsys fs.FS, dir string) {
		if dir == "" {
			return
		}
		if kind != "" { // also where the name itself begins with the folder's
			list = append(list, place{fsys, path.Join(dir, kind, name)})
		}
		list = append(list, place{fsys, path.Join(dir, name)})
	}
	beside(o.Source, o.RoleDir)
	for _, dir := range o.RolesAround {
		beside(o.Source, dir)
	}
	beside(o.Source, o.Dir)
	beside(o.Source, o.PlayDir)
	if o.Builtin {
		beside(hostFiles, o.WorkDir)
	}
	if kind == "templates" && o.Templates != nil {
		list = append(list, place{o.Templates, path.Clean(strings.TrimPrefix(name, "templates/"))})
		list = append(list, place{o.Templates, path.Join("templates", name)})
	}
	return list
}

// absolute turns /x and ~/x into a path in hostFiles.
func absolute(name string) (string, bool) {
	if name == "~" || strings.HasPrefix(filepath.ToSlash(name), "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", false
		}
		name = filepath.Join(home, name[1:])
	}
	if !filepath.IsAbs(name) {
		return "", false
	}
	return inHost(name), true
}

// OnHost is a path in the file system of this machine, which Find returned, as the machine has it.
func OnHost(p string) string { return onHost(p) }

// builtinPrefix marks, in messages, what is in the binary.
const builtinPrefix = "builtin/"

// Display is how messages name a file that Find returned, which for one of this machine is its absolute path.
func Display(fsys fs.FS, p string) string { return display(fsys, p) }

func display(fsys fs.FS, p string) string {
	if fsys == hostFiles {
		return onHost(p)
	}
	return builtinPrefix + p
}

// reason strips a path error of the path, which the caller says better.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
