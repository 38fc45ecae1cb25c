package playbooks

import (
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates"
)

// Examined is a playbook as far as it could be read, with the files that it was read from, for who looks at how things are written.
type Examined struct {
	*Playbook
	l        *loader
	within   map[*Include][]Node // what includes were resolved to
	resolved map[Position]bool   // where they stand: what includes itself is not gone into again
}

// Source is a file that a playbook was read from.
type Source struct {
	Name string // as positions have it
	Path string // in its file system
	// OfUser: it is a file of the user's, and not one in the binary.
	OfUser bool
	// Sealed: it is encrypted, and nothing of it may be shown.
	Sealed bool
	// Root is nil for what is not YAML: templates.
	Root  *yaml.Node
	Lines []string
	file  *file
}

// Entry is one key of a mapping.
type Entry struct {
	Key       string
	At, Value *yaml.Node // aliases followed
}

// Examine reads a playbook as Load does, and what is wrong with it is no reason to stop. Name may also be the directory of a role,
// which is then taken for one that all hosts have. The error is that there is no such thing.
func Examine(name string, o Options) (*Examined, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	x := &Examined{l: l, within: map[*Include][]Node{}, resolved: map[Position]bool{}}
	if dir, ok := l.roleAt(name); ok {
		x.Playbook = l.playOf(name, dir)
		return x, nil
	}
	x.Playbook, err = l.asFar(name)
	return x, err
}

// roleAt finds the directory of a role.
func (l *loader) roleAt(name string) (string, bool) {
	dir, ok := absolute(name)
	if !ok {
		dir = path.Join(l.workDir, path.Clean(strings.ReplaceAll(name, "\\", "/")))
	}
	return dir, isDir(hostFiles, path.Join(dir, "tasks")) || isDir(hostFiles, path.Join(dir, "meta")) && isDir(hostFiles, dir)
}

// playOf is a play of nothing but a role. Roles beside it are found, as they are where it is used.
func (l *loader) playOf(name, dir string) *Playbook {
	p := &Playbook{Name: name, Path: l.display(hostFiles, dir), Source: hostFiles, Dir: path.Dir(dir)}
	f := &file{name: p.Path, fsys: hostFiles, path: path.Join(path.Dir(dir), "role.yml")}
	f.setText([]byte("- hosts: all\n  roles: [" + strconv.Quote(onHost(dir)) + "]\n"))
	root, _, err := parseYAML(f.text)
	if err != nil || root == nil {
		l.fail(Position{File: p.Path}, 0, "", "this directory cannot be named in a playbook")
		return p
	}
	f.root, f.whole = root, true
	p.Plays = l.playbook(f, nil)
	l.finish(p)
	return p
}

// Problems are what Load would refuse.
func (x *Examined) Problems() Errors { return sorted(x.l.problems, x.l.order) }

// Sources are the files that have been read by now, in the order of their names.
func (x *Examined) Sources() []*Source {
	var list []*Source
	for _, name := range slices.Sorted(maps.Keys(x.l.files)) {
		f := x.l.files[name]
		if f.path == "" { // a marker
			continue
		}
		list = append(list, sourceOf(f))
	}
	return list
}

func sourceOf(f *file) *Source {
	s := &Source{Name: f.name, Path: f.path, OfUser: f.fsys == hostFiles, Sealed: f.sealed, Lines: f.lines, file: f}
	if f.whole { // otherwise its aliases may run in circles
		s.Root = f.root
	}
	return s
}

// Error makes what is shown of a place: with its line, without the secrets that stand there.
func (x *Examined) Error(at Position, width int, hint, msg string) *Error {
	return x.l.problem(at, width, hint, msg)
}

// Resolved is what an include brings in. Where its name is a template, it is everything that the name may be; known is false when
// there is nothing of that kind, or when that cannot be told.
func (x *Examined) Resolved(i *Include) (nodes []Node, known bool) {
	if i.Nodes != nil {
		return i.Nodes, true
	}
	if nodes, ok := x.within[i]; ok {
		return nodes, nodes != nil
	}
	x.within[i] = nil
	name, _ := i.Args["file"].Raw.(string)
	if x.resolved[i.Pos] {
		x.within[i] = []Node{}
		return nil, true
	}
	x.resolved[i.Pos] = true
	if i.What != "include_tasks" || i.scope == nil || !isTemplate(name) {
		return nil, false
	}
	dirs := []string{i.Origin.Dir}
	if i.Origin.RoleDir != "" {
		dirs = append(dirs, path.Join(i.Origin.RoleDir, "tasks"), i.Origin.RoleDir)
	}
	before := len(x.l.problems)
	for _, found := range i.Origin.matches(name, append(dirs, i.Origin.PlayDir)) {
		f := x.l.read(i.Origin.Source, found, i.File.Pos)
		if f == nil || f.name == i.Pos.File || slices.Contains(x.l.open, f.name) {
			continue
		}
		if f.root == nil || f.root.Kind != yaml.SequenceNode || holdsPlays(f.root) {
			continue
		}
		inner := *i.scope
		inner.file, inner.maybe = f, true
		inner.origin.Dir = path.Dir(found)
		x.l.open = append(x.l.open, f.name)
		nodes = append(nodes, x.l.nodes(&inner, f.root, "a file of tasks")...)
		x.l.leave()
	}
	if len(nodes) == 0 {
		x.l.problems = x.l.problems[:before]
	}
	x.within[i] = nodes
	return nodes, nodes != nil
}

// holdsPlays reports whether a list is one of plays.
func holdsPlays(n *yaml.Node) bool {
	return slices.ContainsFunc(n.Content, func(item *yaml.Node) bool {
		return slices.ContainsFunc(Entries(item), func(e Entry) bool { return e.Key == "hosts" || shortName(e.Key) == "import_playbook" })
	})
}

// Mentions reports whether a file of tasks or handlers of a role has a text in it.
func (x *Examined) Mentions(role, text string) bool {
	found := false
	for _, fsys := range []fs.FS{x.Source, x.l.Builtin} {
		for _, folder := range []string{"tasks", "handlers"} {
			dir := path.Join(role, folder)
			if !fs.ValidPath(dir) {
				continue
			}
			_ = fs.WalkDir(fsys, dir, func(p string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || !isPlaybookName(p) {
					return nil
				}
				if data, err := readLimited(fsys, p); err == nil {
					for line := range strings.Lines(string(data)) {
						found = found || strings.Contains(line, text) && !strings.Contains(line, "name:")
					}
				}
				return nil
			})
		}
	}
	return found
}

var (
	roleHere = regexp.MustCompile(`\{\{\s*role_path\s*\}\}/?`)
	playHere = regexp.MustCompile(`\{\{\s*playbook_dir\s*\}\}/?`)
	anyGlob  = regexp.MustCompile(`[\\*?\[\]]`)
)

// matches are the files of YAML that a name with templates may mean, in some directories.
func (o Origin) matches(name string, dirs []string) []string {
	if o.Source == nil {
		return nil
	}
	for _, begin := range []struct {
		at  *regexp.Regexp
		dir string
	}{{roleHere, o.RoleDir}, {playHere, o.PlayDir}} {
		if place := begin.at.FindStringIndex(name); place != nil && place[0] == 0 && begin.dir != "" {
			name, dirs = name[place[1]:], []string{begin.dir}
		}
	}
	if filepath.IsAbs(name) || len(name) > maxPattern {
		return nil
	}
	pattern := ""
	for i, part := range anyTemplate.Split(name, -1) {
		if i > 0 {
			pattern += "*"
		}
		pattern += anyGlob.ReplaceAllString(part, "?")
	}
	var found []string
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if len(found) > 0 { // as in Ansible, the first place counts that has it
			break
		}
		list, err := fs.Glob(o.Source, path.Join(anyGlob.ReplaceAllString(dir, "?"), pattern))
		if err != nil {
			continue
		}
		for _, p := range list {
			if ext := path.Ext(p); (ext == ".yml" || ext == ".yaml" || ext == ".json") && isFile(o.Source, p) && !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// maxPattern is longer than any name of a file that is looked for by its parts.
const maxPattern = 300

// Variables are the names that files of variables define which a task or play may mean by a name; known is false when there is none of
// that name, or one of them cannot be read. Items are the names that a loop gives, where the name is no more than `{{ item }}`.
func (x *Examined) Variables(o Origin, name string) (names []string, known bool) {
	var files []place
	if isTemplate(name) {
		dirs := []string{path.Join(o.PlayDir, "vars")}
		if o.RoleDir != "" {
			dirs = append(dirs, path.Join(o.RoleDir, "vars"))
		}
		if strings.Trim(anyTemplate.ReplaceAllString(name, ""), "./") != "" && !strings.HasPrefix(name, "{{") {
			dirs = append(dirs, o.Dir, o.RoleDir, o.PlayDir)
		}
		for _, p := range o.matches(name, dirs) {
			files = append(files, place{o.Source, p})
		}
		if ext := path.Ext(anyTemplate.ReplaceAllString(name, "")); len(files) == 0 && ext == "" {
			for _, p := range o.matches(name+".*", dirs) {
				files = append(files, place{o.Source, p})
			}
		}
	} else if fsys, p, err := o.Find("vars", name); err == nil {
		files = append(files, place{fsys, p})
	}
	known = len(files) > 0
	for _, at := range files {
		list, ok := x.variablesOf(at)
		names, known = append(names, list...), known && ok
	}
	return names, known
}

// VariablesIn are the names that the files below a directory of variables define.
func (x *Examined) VariablesIn(o Origin, name string) (names []string, known bool) {
	fsys, p, err := o.Find("vars", name)
	if err != nil || !isDir(fsys, p) {
		return nil, false
	}
	known = true
	_ = fs.WalkDir(fsys, p, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && isPlaybookName(p) {
			list, ok := x.variablesOf(place{fsys, p})
			names, known = append(names, list...), known && ok
		}
		return nil
	})
	return names, known
}

func (x *Examined) variablesOf(at place) ([]string, bool) {
	before := len(x.l.problems)
	f := x.l.read(at.fsys, at.path, Position{})
	x.l.problems = x.l.problems[:before] // a file that is not there, or not YAML, is found when its task is run
	if f == nil {
		return nil, false
	}
	if f.root == nil || f.root.Kind != yaml.MappingNode {
		return nil, f.root == nil
	}
	var names []string
	for _, e := range entries(f.root) {
		names = append(names, e.key)
	}
	return names, true
}

// TemplateText is the text of a template that a task names outright.
func (x *Examined) TemplateText(o Origin, name string) (source *Source, text string, ok bool) {
	fsys, p, err := o.Find("templates", name)
	if err != nil || !isFile(fsys, p) {
		return nil, "", false
	}
	shown := x.l.display(fsys, p)
	f := x.l.files[shown]
	if f == nil {
		data, err := readLimited(fsys, p)
		if err != nil {
			return nil, "", false
		}
		f = &file{name: shown, fsys: fsys, path: p}
		if data, f.sealed, err = x.l.Vault.File(data); err != nil {
			return nil, "", false
		}
		f.setText(data)
		x.l.register(f)
	}
	return sourceOf(f), f.text, true
}

// Spoken are the names that a role's own files speak of, its documentation left out, and all files that have been read.
func (x *Examined) Spoken(roles ...string) *Words {
	w := &Words{Vault: x.l.Vault}
	for _, f := range x.l.files {
		w.file(f)
	}
	for _, fsys := range []fs.FS{x.Source, x.l.Builtin, hostFiles} {
		for _, role := range roles {
			for _, folder := range []string{"tasks", "handlers", "templates", "vars", "defaults", "files", "meta", "library"} {
				w.below(fsys, path.Join(role, folder))
			}
		}
	}
	if entries, err := fs.ReadDir(x.l.Templates, "."); err == nil && x.Builtin {
		for _, e := range entries {
			w.below(x.l.Templates, e.Name())
		}
	}
	return w
}

// below adds what lies in a directory, as it is written.
func (w *Words) below(fsys fs.FS, dir string) {
	if fsys == nil || !fs.ValidPath(dir) {
		return
	}
	_ = fs.WalkDir(fsys, dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return nil
		}
		w.files++
		if w.files > mostWordFiles {
			w.all = true
			return fs.SkipAll
		}
		data, err := readLimited(fsys, p)
		if err != nil {
			return nil // too large to be read by anything
		}
		f := &file{}
		if data, _, err = w.Vault.File(data); err != nil {
			w.all = true
			return fs.SkipAll
		}
		f.setText(data)
		if isPlaybookName(p) {
			f.root, _, _ = parseYAML(f.text)
		}
		w.file(f)
		return nil
	})
}

// Reads is what a text reads; ok is false where it is no template that can be read.
func (x *Examined) Reads(text string) (templates.Reading, bool) {
	return x.reading(func(r reader) (templates.Reading, error) { return r.Reads(text) })
}

// ConditionReads is Reads for a condition, and FileReads for a template file.
func (x *Examined) ConditionReads(text string) (templates.Reading, bool) {
	return x.reading(func(r reader) (templates.Reading, error) { return r.ConditionReads(text) })
}

// FileReads is Reads for a template file.
func (x *Examined) FileReads(name, text string) (templates.Reading, bool) {
	return x.reading(func(r reader) (templates.Reading, error) {
		return r.FileReads(name, text, templates.DefaultFileOptions())
	})
}

// reader is a Checker that knows what texts read; the templates package's own is one.
type reader interface {
	Reads(text string) (templates.Reading, error)
	ConditionReads(condition string) (templates.Reading, error)
	FileReads(name, text string, o templates.FileOptions) (templates.Reading, error)
}

func (x *Examined) reading(ask func(reader) (templates.Reading, error)) (templates.Reading, bool) {
	r, ok := x.l.Checker.(reader)
	if !ok {
		return templates.Reading{}, false
	}
	reading, err := ask(r)
	return reading, err == nil
}

// Module finds a module, or what the engine does itself, by any of its names.
func (x *Examined) Module(name string) (*tasks.Module, bool) {
	m, _, ok := x.l.moduleNamed(name)
	if !ok && slices.Contains(includes, shortName(name)) {
		return includeTable(shortName(name)), true
	}
	return m, ok
}

// Collection is where Ansible has the module of a short name; empty: nowhere that is known.
func (x *Examined) Collection(short string) string {
	if in := movedTo()[short]; in != "" {
		return in
	}
	if m, ok := x.l.Lookup(short); ok && len(m.Collections) > 0 {
		return m.Collections[0]
	}
	return ""
}

// Inside is where a line and column of a scalar's text stand in the file.
func (s *Source) Inside(n *yaml.Node, line, column int) Position {
	return s.file.inside(n, line, column)
}

// At is where a node begins.
func (s *Source) At(n *yaml.Node) Position { return s.file.at(n) }

// Entries are the keys of a mapping in their order, merges resolved.
func Entries(n *yaml.Node) []Entry {
	if n = follow(n); n.Kind != yaml.MappingNode {
		return nil
	}
	var list []Entry
	for _, e := range entries(n) {
		list = append(list, Entry{e.key, e.at, e.value})
	}
	return list
}

// Items are the items of a list, or the value itself where it is none.
func Items(n *yaml.Node) []*yaml.Node { return items(follow(n)) }

// IsTemplate reports whether a text has anything for the template engine to do.
func IsTemplate(text string) bool { return isTemplate(text) }

// ShortName is the name of something that ansible.builtin has.
func ShortName(name string) string { return shortName(name) }

// IsKeyword reports whether a key of a task is one of Ansible's words.
func IsKeyword(key string) bool {
	_, word := keywords[key]
	return word || strings.HasPrefix(key, "with_")
}
