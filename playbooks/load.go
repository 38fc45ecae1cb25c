package playbooks

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/suggest"
)

// Checker reads templates without rendering them; *templates.Engine is one. An error that knows its place in the text is a
// *templates.Error. Its methods may be called from several goroutines at once, because includes are loaded while hosts are
// worked on.
type Checker interface {
	// Check returns what keeps a text from being read as a template.
	Check(text string) error
	// CheckCondition returns what keeps a text without braces from being read as an expression.
	CheckCondition(expr string) error
}

// Options say where a playbook is looked for and what it is checked with. The zero value loads from the working
// directory and checks with the modules and templates of this binary.
type Options struct {
	// Dir is the directory that the user is in; empty: the working directory.
	Dir string
	// Builtin holds the built-in playbooks and task files; nil: Builtin().
	Builtin fs.FS
	// Templates are those in the binary; nil: templates.Files().
	Templates fs.FS
	// Checker reads templates; nil: the templates package's own.
	Checker Checker
	// Vault opens files that are encrypted with Ansible Vault; nil: there are no passwords.
	Vault *vault.Keyring
	// Lookup finds modules; nil: tasks.Lookup.
	Lookup func(name string) (*tasks.Module, bool)
	// RolesPath are the directories that roles are looked for in after those of the playbook; nil: Ansible's own.
	RolesPath []string
	// CollectionsPath are the directories that hold ansible_collections, after that of the playbook; nil: Ansible's own.
	CollectionsPath []string
	// Library are the directories that modules of the user's own are looked for in after those of playbooks and roles; nil: Ansible's own.
	Library []string
	// ExtraVars are the variables of the command line; the names of imports may hold them.
	ExtraVars map[string]any
	// Only is the directory, in full, of a bundle's files: what lies elsewhere on this machine is an error. Empty: nothing is.
	Only string
}

// Load reads a playbook with all that it includes and checks it: keywords, modules, arguments, templates, files and
// the names of handlers and roles. Name is that of a file, with or without its .yml; when there is none, that of a
// built-in playbook. The error is an Errors holding every problem found, not just the first.
func Load(name string, o Options) (*Playbook, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	return l.load(name)
}

func (l *loader) load(name string) (*Playbook, error) {
	p, err := l.asFar(name)
	if err != nil {
		return nil, err
	}
	if len(l.problems) > 0 {
		return nil, sorted(l.problems, l.order)
	}
	return p, nil
}

// asFar reads a playbook as far as it can be read. The error is that there is none; what is wrong with it is in l.problems.
func (l *loader) asFar(name string) (*Playbook, error) {
	at, err := l.find(name)
	if err != nil {
		return nil, err
	}
	p := &Playbook{Name: name, Source: at.fsys, Dir: path.Dir(at.path), Builtin: at.fsys != hostFiles}
	p.Path = l.display(at.fsys, at.path)
	if f := l.read(at.fsys, at.path, Position{}); f != nil {
		p.Doc = head(f.text)
		p.LocksNothing = p.Builtin && locksNothing.MatchString(p.Doc)
		p.Plays = l.playbook(f, nil)
	}
	l.finish(p)
	return p, nil
}

// finish gives a playbook what came to light while it was read.
func (l *loader) finish(p *Playbook) {
	p.Defined, p.roles, p.words = l.defined, l.roleDirs, l.words
	for _, f := range l.files {
		if f.fsys == hostFiles {
			p.words = append(p.words, f)
		}
	}
	p.Warnings = sorted(l.warnings, l.order)
	p.Unavailable = sorted(l.lacking, l.order)
}

// loader is one call of Load, or of an Include's Resolve.
type loader struct {
	Options
	workDir string // Dir in hostFiles

	files    map[string]*file
	order    map[string]int // of files, by when they were first read
	open     []string       // the files being read, outermost first
	reads    int
	problems []*Error
	warnings []*Error

	libraries []place // of playbooks and roles, in the order in which they were read
	listed    map[place]map[string]string
	own       map[place]*ownModule

	defined  []Definition
	roleDirs []string
	words    []*file // besides files

	mostNodes int // maxNodes, or a test's
	// maybe is set while something is read that may never be reached; lacking is what is missing there.
	maybe   bool
	lacking []*Error
	// makes is set once something has been read that may make files on the control node.
	makes bool
}

// maxReads bounds how many files includes may bring, counted as often as they are included.
const maxReads = 5000

func newLoader(o Options) (*loader, error) {
	if o.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("find the working directory: %w", err)
		}
		o.Dir = dir
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the directory %s: %w", o.Dir, err)
	}
	o.Dir = dir
	if o.Builtin == nil {
		o.Builtin = Builtin()
	}
	if o.Templates == nil {
		o.Templates = templates.Files()
	}
	if o.Checker == nil {
		o.Checker = templates.New(templates.Options{Filters: all.Filters, Vault: o.Vault})
	}
	if o.Lookup == nil {
		o.Lookup = all.Lookup
	}
	return &loader{Options: o, workDir: inHost(dir), files: map[string]*file{}, order: map[string]int{}, mostNodes: maxNodes,
		listed: map[place]map[string]string{}, own: map[place]*ownModule{}}, nil
}

var extensions = []string{"", ".yml", ".yaml"}

// find finds a playbook by the name the user gave.
func (l *loader) find(name string) (place, error) {
	full, ok := absolute(name)
	if !ok {
		full = path.Join(l.workDir, filepath.ToSlash(name))
	}
	if strings.HasPrefix(full, "..") || full == "" {
		full = "."
	}
	builtin := place{}
	for _, ext := range extensions {
		if p := path.Clean(name + ext); builtin.fsys == nil && path.Dir(p) == "." && isPlaybookName(p) && isFile(l.Builtin, p) {
			builtin = place{l.Builtin, p}
		}
	}
	// A bare name may mean either. ./NAME means the file.
	bare := builtin.fsys != nil && filepath.ToSlash(name) == path.Base(filepath.ToSlash(name))
	for _, ext := range extensions {
		if !isFile(hostFiles, full+ext) {
			continue
		}
		found := place{hostFiles, full + ext}
		switch shown := l.display(hostFiles, found.path); {
		case bare && everybodyWrites(hostFiles, path.Dir(found.path)):
			l.warn(Position{}, 0, "say ./"+name+" if you mean the file",
				"the built-in %s is run, not %s: everybody may write to that directory", builtin.path, shown)
			continue
		case bare:
			l.warn(Position{}, 0, "", "%s is run, not the built-in playbook of that name", shown)
		}
		return found, nil
	}
	if builtin.fsys != nil {
		return builtin, nil
	}
	if info, err := fs.Stat(hostFiles, full); err == nil && info.IsDir() {
		return place{}, Errors{{Msg: fmt.Sprintf("%s is a directory, not a playbook", name)}}
	}
	candidates := namesIn(hostFiles, path.Dir(full))
	for i, c := range candidates {
		candidates[i] = path.Join(path.Dir(filepath.ToSlash(name)), c)
	}
	candidates = append(candidates, namesIn(l.Builtin, ".")...)
	for _, c := range slices.Clone(candidates) {
		candidates = append(candidates, strings.TrimSuffix(c, path.Ext(c)))
	}
	if l.Only != "" {
		return place{}, Errors{{Msg: fmt.Sprintf("%q is not in the bundle, and no built-in playbook has that name", name),
			Hint: suggest.Hint(name, candidates)}}
	}
	return place{}, Errors{{
		Msg:  fmt.Sprintf("there is no playbook %q: no such file, and none of that name is built in", name),
		Hint: suggest.Hint(name, candidates),
	}}
}

// everybodyWrites reports whether any account of this machine may put files into a directory.
func everybodyWrites(fsys fs.FS, dir string) bool {
	info, err := fs.Stat(fsys, dir)
	return err == nil && info.Mode().Perm()&0o002 != 0 && runtime.GOOS != "windows" // whose modes say nothing about accounts
}

func isFile(fsys fs.FS, p string) bool {
	if !fs.ValidPath(p) {
		return false
	}
	info, err := fs.Stat(fsys, p)
	return err == nil && !info.IsDir()
}

func isDir(fsys fs.FS, p string) bool {
	if !fs.ValidPath(p) {
		return false
	}
	info, err := fs.Stat(fsys, p)
	return err == nil && info.IsDir()
}

func isPlaybookName(name string) bool {
	ext := path.Ext(name)
	return ext == ".yml" || ext == ".yaml"
}

// namesIn lists the playbooks in a directory.
func namesIn(fsys fs.FS, dir string) []string {
	if !fs.ValidPath(dir) {
		return nil
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil // candidates for a hint; the file itself is known to be missing
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && isPlaybookName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// display is a file as the user would name it: relative when it is below the directory the user is in.
func (l *loader) display(fsys fs.FS, p string) string {
	if fsys == hostFiles && l.workDir != "." {
		if below, ok := strings.CutPrefix(p, l.workDir+"/"); ok {
			return below
		}
	}
	return display(fsys, p)
}

func (l *loader) register(f *file) {
	l.files[f.name] = f
	if _, ok := l.order[f.name]; !ok {
		l.order[f.name] = len(l.order)
	}
}

// fail reports a problem; width is how many characters the caret underlines, 0 meaning the word at the place.
func (l *loader) fail(at Position, width int, hint, format string, args ...any) {
	l.problems = append(l.problems, l.problem(at, width, hint, fmt.Sprintf(format, args...)))
}

func (l *loader) warn(at Position, width int, hint, format string, args ...any) {
	l.warnings = append(l.warnings, l.problem(at, width, hint, fmt.Sprintf(format, args...)))
}

// problem makes an error, with its source line and without the secrets that stand there.
func (l *loader) problem(at Position, width int, hint, msg string) *Error {
	return l.problemQuoting(at.Line, at, width, hint, msg)
}

// problemQuoting is problem for a message that quotes another line than the one that it is shown with; 0: any line.
func (l *loader) problemQuoting(line int, at Position, width int, hint, msg string) *Error {
	e := &Error{Pos: at, Msg: msg, Hint: hint, Width: width}
	f := l.files[at.File]
	if f != nil && f.sealed {
		e.Msg = inventory.MaskQuoted(msg)
		return e
	}
	if f != nil && at.Line >= 1 && at.Line <= len(f.lines) {
		e.Line = printable(strings.TrimRight(inventory.MaskLine(f.lines, at.Line), " \t\r"))
		e.Msg = inventory.MaskIn(f.lines, line, msg)
		if width == 0 {
			e.Width = wordAt(e.Line, at.Column)
		}
	}
	return e
}

// failedOn reports whether something is wrong on a line already.
func (l *loader) failedOn(file string, line int) bool {
	return slices.ContainsFunc(l.problems, func(e *Error) bool { return e.Pos.File == file && e.Pos.Line == line })
}

// printable is a line of a file as a terminal may be given it.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(line, string(unicode.ReplacementChar)))
}

// wordAt is the length of the word, or of the quoted text, that begins at a column.
func wordAt(line string, column int) int {
	r := []rune(line)
	n := 0
	if column >= 1 && column <= len(r) && (r[column-1] == '"' || r[column-1] == '\'') {
		for i := column; i < len(r); i++ {
			if r[i] == r[column-1] && r[i-1] != '\\' {
				return i - column + 2
			}
		}
	}
	for i := max(column-1, 0); i < len(r) && !strings.ContainsRune(" \t:,]}\"'|)", r[i]); i++ {
		n++
	}
	return max(n, 1)
}

// enter notes that a file is being read, refusing one that is open already and too many of them; leave ends that.
func (l *loader) enter(f *file, from Position) bool {
	if slices.Contains(l.open, f.name) {
		l.fail(from, 0, "", "%s includes itself: %s", f.name, strings.Join(append(slices.Clone(l.open), f.name), " -> "))
		return false
	}
	if l.reads++; l.reads > maxReads {
		l.fail(from, 0, "", "this playbook includes more than %d files", maxReads)
		return false
	}
	l.open = append(l.open, f.name)
	return true
}

func (l *loader) leave() { l.open = l.open[:len(l.open)-1] }
