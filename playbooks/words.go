package playbooks

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Definition is where a variable is given a value.
type Definition struct {
	Name string
	Pos  Position
}

// define notes a variable that a file of the user's defines.
func (l *loader) define(f *file, at *yaml.Node, name string) {
	l.defineAt(f, f.at(at), name)
}

func (l *loader) defineAt(f *file, at Position, name string) {
	d := Definition{name, at}
	if f.fsys == hostFiles && !slices.Contains(l.defined, d) {
		l.defined = append(l.defined, d)
	}
}

// defineArgs notes the variables that a module sets by the names of its arguments.
func (l *loader) defineArgs(f *file, args arguments, own func(name string) bool) {
	for _, name := range slices.Sorted(maps.Keys(args.places)) {
		if !own(name) && !isTemplate(name) {
			l.defineAt(f, args.places[name].key, name)
		}
	}
}

// defineIncluded notes what a file that include_vars names outright defines. That it is not there yet is no mistake.
func (l *loader) defineIncluded(t *Task) {
	name, ok := t.Args["file"].Raw.(string)
	if _, nested := t.Args["name"]; !ok || nested || isTemplate(name) {
		return
	}
	fsys, p, err := t.Origin.Find("vars", name)
	if err != nil || fsys != hostFiles || !isFile(fsys, p) {
		return
	}
	data, err := readLimited(fsys, p)
	if err != nil {
		return
	}
	f := &file{name: l.display(fsys, p), fsys: fsys, path: p}
	if data, f.sealed, err = l.Vault.File(data); err != nil {
		return
	}
	f.setText(data)
	if f.root, _, err = parseYAML(f.text); err != nil || f.root == nil || f.root.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(f.root.Content); i += 2 {
		l.define(f, f.root.Content[i], f.root.Content[i].Value)
	}
	l.words = append(l.words, f)
}

// Words are the names that playbooks, templates and values speak of, wherever in a text they stand: more than what is
// read as a variable, so that a name that is not among them is surely read by nothing.
type Words struct {
	// Vault opens files that are encrypted; where one stays closed, everything counts as read.
	Vault     *vault.Keyring
	names     map[string]bool
	beginning []string        // names are put together from these
	seen      map[string]bool // files, by their names: a role is the playbook's, and its project's
	files     int
	bytes     int
	all       bool
}

// Has reports whether a name is spoken of, or may be.
func (w *Words) Has(name string) bool {
	return w.all || w.names[name] || slices.ContainsFunc(w.beginning, func(b string) bool { return strings.HasPrefix(name, b) })
}

var (
	wordOf = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	// joined names go on behind these: lookup('vars', 'some_' ~ item), vars['some_{{ item }}'], varnames '^some_.+'.
	goesOn = regexp.MustCompile(`^(['"]|\{\{|\.|\\|\[|\()`)
)

// isGiven reports whether what follows a word gives it a value.
func isGiven(after string) bool {
	rest, given := strings.CutPrefix(strings.TrimLeft(after, " \t"), "=")
	return given && !strings.HasPrefix(rest, "=")
}

// Text adds the words of a text. A name that the text itself gives a value (name=value) is not read there.
func (w *Words) Text(text string) {
	if w.names == nil {
		w.names = map[string]bool{}
	}
	for _, at := range wordOf.FindAllStringIndex(text, -1) {
		word, after := text[at[0]:at[1]], text[at[1]:]
		switch {
		case isGiven(after):
		case strings.HasSuffix(word, "_") && goesOn.MatchString(after):
			w.beginning = append(w.beginning, word)
		default:
			w.names[word] = true
		}
	}
}

// Value adds what the texts in a value speak of. The keys of a mapping are left out.
func (w *Words) Value(value any) {
	switch v := value.(type) {
	case string:
		w.Text(v)
	case []any:
		for _, item := range v {
			w.Value(item)
		}
	case *ordered.Map:
		for _, item := range v.All() {
			w.Value(item)
		}
	}
}

// Playbook adds what a playbook speaks of: the files that it was loaded from, the built-in ones left out, and all that
// lies in the roles that it uses.
func (w *Words) Playbook(p *Playbook) {
	for _, f := range p.words {
		w.file(f)
	}
	for _, dir := range p.roles {
		w.tree(dir, 0)
	}
}

func (w *Words) file(f *file) {
	if f.root == nil {
		w.Text(f.text)
		return
	}
	w.node(f.root)
}

// node adds the values below a node; an alias was met where its anchor stands.
func (w *Words) node(n *yaml.Node) {
	for i, child := range n.Content {
		switch {
		case child.Kind == yaml.ScalarNode && (n.Kind != yaml.MappingNode || i%2 == 1 || isTemplate(child.Value)):
			w.Text(child.Value)
		case child.Kind != yaml.AliasNode:
			w.node(child)
		}
	}
}

// belongs are the folders beside a playbook that hold what playbooks are made of.
var belongs = []string{"roles", "tasks", "handlers", "vars", "templates", "playbooks", "group_vars", "host_vars"}

// Project adds what the playbooks in a directory speak of, with the roles, templates and variables beside them: an
// inventory is there for all of them, not only for the one that is run.
func (w *Words) Project(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // what cannot be read there cannot be run either
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case slices.Contains(belongs, e.Name()):
			w.tree(name, 0)
		case isPlaybookName(e.Name()):
			w.path(name)
		}
	}
}

// Beyond these, a project is too large to be looked through, and everything counts as read.
const (
	mostWordFiles, mostWordBytes = 4000, 64 << 20
	deepestWords                 = 16
)

func (w *Words) tree(name string, depth int) {
	info, err := os.Stat(name)
	switch {
	case err != nil || w.all:
	case depth > deepestWords:
		w.all = true
	case !info.IsDir():
		w.path(name)
	default:
		entries, err := os.ReadDir(name)
		if err != nil {
			return
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				w.tree(filepath.Join(name, e.Name()), depth+1)
			}
		}
	}
}

func (w *Words) path(name string) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || w.seen[name] {
		return
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[name] = true
	w.files++
	w.bytes += int(min(info.Size(), maxFileBytes))
	if w.files > mostWordFiles || w.bytes > mostWordBytes {
		w.all = true
	}
	if w.all {
		return
	}
	data, err := readLimited(hostFiles, inHost(name))
	if err != nil {
		return
	}
	f := &file{}
	if data, _, err = w.Vault.File(data); err != nil {
		w.all = true
		return
	}
	f.setText(data)
	if ext := filepath.Ext(name); ext == ".yml" || ext == ".yaml" || ext == ".json" {
		f.root, _, _ = parseYAML(f.text) // what is not YAML is searched as text
	}
	w.file(f)
}

// Documented are the variables that the built-in playbooks read.
func Documented() ([]string, error) {
	defaults, err := documentedVariables()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(defaults)), nil
}

// documentedVariables are they with their defaults and what they are for, by name.
func documentedVariables() (map[string]Variable, error) {
	defaults, err := documentedDefaults(Builtin())
	if err != nil {
		return nil, err
	}
	books, err := List()
	if err != nil {
		return nil, err
	}
	for _, b := range books {
		for _, v := range b.Variables {
			if defaults[v.Name].Default == "" { // the role's own is what the variable is without a word of the playbook's
				defaults[v.Name] = v
			}
		}
	}
	return defaults, nil
}
