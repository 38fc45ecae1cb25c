package playbooks

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/foreign"
)

// ownModule is a module of the user's own: a file in a folder library.
type ownModule struct {
	shown   string
	module  *tasks.Module
	refused *foreign.RefusedError // why it is not run; nil: it is
}

// where names the module for a message, with the line that the reason is about.
func (m *ownModule) where() string {
	if m.refused != nil && m.refused.Line > 0 {
		return fmt.Sprintf("%s:%d", m.shown, m.refused.Line)
	}
	return m.shown
}

// library notes that the modules in dir's folder library are known from here on. As in Ansible those of the playbook come first, and
// those of a role stay known to whatever is read after it.
func (l *loader) library(dir place) {
	dir.path = path.Join(dir.path, "library")
	if dir.fsys == hostFiles && !slices.Contains(l.libraries, dir) && isDir(dir.fsys, dir.path) {
		l.libraries = append(l.libraries, dir)
	}
}

// usualLibrary is where Ansible looks for modules when nothing says otherwise.
var usualLibrary = []string{"~/.ansible/plugins/modules", "/usr/share/ansible/plugins/modules"}

// notModules are the endings of files that are none.
var notModules = []string{
	".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".yaml", ".yml", ".ini", "__init__.py",
}

// withActions are the modules whose work Ansible begins on the control node: a file of that name replaces only a part of them there,
// and nothing here.
var withActions = strings.Fields(`add_host assemble assert async_status command copy debug dnf fail fetch gather_facts group_by
	import_playbook import_role import_tasks include include_role include_tasks include_vars meta package pause raw reboot script service
	set_fact set_stats setup shell template unarchive uri validate_argument_spec wait_for_connection`)

// module finds a module by any of its names. One of the user's own that can be run wins over one of the same short name, as in Ansible.
func (l *loader) module(name string) (*tasks.Module, bool) {
	if own := l.ownModule(name); own != nil && own.refused == nil && !slices.Contains(withActions, shortOwn(name)) {
		return own.module, true
	}
	if m, ok := l.Lookup(plainName(name)); ok {
		return m, true
	}
	return l.Lookup(movedName(name))
}

// OwnModules are the names of the user's own modules that playbooks in a directory can call: those beside them, those of the roles
// there, and those of Options.Library.
func OwnModules(o Options) ([]string, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	l.library(place{hostFiles, l.workDir})
	for _, role := range directories(hostFiles, path.Join(l.workDir, "roles")) {
		l.library(place{hostFiles, path.Join(l.workDir, "roles", role)})
	}
	names := map[string]bool{}
	for _, dir := range l.libraryDirs() {
		for name := range l.modulesIn(dir) {
			if m, ok := l.module(name); ok && l.ownModule(name).module == m {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// shortOwn is the name that a module of the user's own may be called by in full.
func shortOwn(name string) string { return strings.TrimPrefix(name, "ansible.legacy.") }

// ownModule finds a module of the user's own; nil: there is none of that name.
func (l *loader) ownModule(name string) *ownModule {
	name = shortOwn(name)
	if name == "" || strings.ContainsAny(name, "./\\") {
		return nil
	}
	for _, dir := range l.libraryDirs() {
		if file := l.modulesIn(dir)[name]; file != "" {
			return l.readOwn(name, place{dir.fsys, path.Join(dir.path, file)})
		}
	}
	return nil
}

// libraryDirs are the folders of modules in the order in which they are looked in.
func (l *loader) libraryDirs() []place {
	dirs := slices.Clone(l.libraries)
	usual := l.Library
	if usual == nil {
		usual = usualLibrary
	}
	for _, dir := range usual {
		if p, ok := absolute(dir); ok {
			dirs = append(dirs, place{hostFiles, p})
		}
	}
	return dirs
}

// modulesIn are the files of a folder library by the names of their modules.
func (l *loader) modulesIn(dir place) map[string]string {
	if known, has := l.listed[dir]; has {
		return known
	}
	names := map[string]string{}
	l.listed[dir] = names
	entries, err := fs.ReadDir(dir.fsys, dir.path)
	if err != nil {
		return names // it need not be there
	}
	for _, e := range entries {
		file := e.Name()
		name := strings.TrimSuffix(file, path.Ext(file))
		if slices.ContainsFunc(notModules, func(end string) bool { return strings.HasSuffix(file, end) }) ||
			names[name] != "" || !isFile(dir.fsys, path.Join(dir.path, file)) {
			continue
		}
		names[name] = file
	}
	return names
}

// readOwn reads the file of a module, once.
func (l *loader) readOwn(name string, at place) *ownModule {
	if own := l.own[at]; own != nil {
		return own
	}
	own := &ownModule{shown: l.display(at.fsys, at.path)}
	l.own[at] = own
	content, err := readUpTo(at.fsys, at.path, foreign.MaxSize)
	if err != nil {
		own.refused = &foreign.RefusedError{Reason: "cannot be read: " + reason(err).Error()}
		return own
	}
	m, err := foreign.Module(name, own.shown, content)
	if err != nil && !errors.As(err, &own.refused) {
		own.refused = &foreign.RefusedError{Reason: err.Error()}
	}
	own.module = &m
	return own
}

// warnShadowed says that a file in a library is not what a task of its name does.
func (l *loader) warnShadowed(at Position, name string, m *tasks.Module) {
	own := l.ownModule(name)
	if own == nil || own.module == m || strings.HasPrefix(name, "ansible.builtin.") {
		return
	}
	why := "Ansible begins the work of a module of that name on the control node"
	if own.refused != nil {
		why = "it " + own.refused.Reason
	}
	w := l.problem(at, len([]rune(name)), "",
		fmt.Sprintf("%s is done by polarbook's own module, not by %s: %s", name, own.where(), why))
	if !slices.ContainsFunc(l.warnings, func(e *Error) bool { return e.Msg == w.Msg }) {
		l.warnings = append(l.warnings, w)
	}
}
