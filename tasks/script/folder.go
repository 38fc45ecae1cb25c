package script

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

//go:embed scripts/*.sh
var shared embed.FS

// Shared are the scripts that every folder may build on.
var Shared = Load(shared, nil)

// Folder is a folder of scripts. It never changes and may be used by many at once.
type Folder struct {
	files map[string]Source
	below *Folder
}

// Source is one script as it was written.
type Source struct {
	Text                string   // as it was written, with its comments
	Uses, Takes, Leaves []string // what the comments say
	sent                string
}

// Load reads the files scripts/*.sh, which may use each other and those of below. It is for embedded files, and panics when
// they do not fit together.
func Load(files fs.FS, below *Folder) *Folder {
	f := &Folder{files: map[string]Source{}, below: below}
	names, err := fs.Glob(files, "scripts/*.sh")
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("no scripts are embedded: %v", err))
	}
	for _, name := range names {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		f.files[strings.TrimSuffix(path.Base(name), ".sh")] = read(string(source))
	}
	for name := range f.files {
		f.Parts(name)
	}
	return f
}

func read(source string) Source {
	f := Source{Text: source, sent: remote.Compact(source)}
	for line := range strings.Lines(source) {
		for word, list := range map[string]*[]string{"# uses:": &f.Uses, "# takes:": &f.Takes, "# leaves:": &f.Leaves} {
			if names, ok := strings.CutPrefix(line, word); ok {
				*list = append(*list, strings.Fields(names)...)
			}
		}
	}
	return f
}

// Names are the names of the folder's own scripts, in order.
func (f *Folder) Names() []string { return slices.Sorted(maps.Keys(f.files)) }

// Source returns a script of this folder or of one below it.
func (f *Folder) Source(name string) Source {
	for at := f; at != nil; at = at.below {
		if file, ok := at.files[name]; ok {
			return file
		}
	}
	panic("there is no script " + name)
}

// Parts are the scripts that some are put together from, each once and after what it uses.
func (f *Folder) Parts(names ...string) []string {
	var parts []string
	var add func(name string, users []string)
	add = func(name string, users []string) {
		if slices.Contains(users, name) {
			panic(fmt.Sprintf("the script %s uses itself: %v", name, users))
		}
		for _, used := range f.Source(name).Uses {
			add(used, append(users, name))
		}
		if !slices.Contains(parts, name) {
			parts = append(parts, name)
		}
	}
	for _, name := range names {
		add(name, nil)
	}
	return parts
}

// Text puts scripts together, for what is given its values elsewhere.
func (f *Folder) Text(names ...string) string {
	var b strings.Builder
	for _, part := range f.Parts(names...) {
		b.WriteString(f.Source(part).sent)
	}
	return b.String()
}

// Takes are the variables that a script and what it uses are given, in order and each once.
func (f *Folder) Takes(name string) []string {
	var all []string
	for _, part := range f.Parts(name) {
		all = append(all, f.Source(part).Takes...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Values are what is assigned to variables before a script: text as it is, a Word, whole numbers, and booleans, of which
// true is 1 and false is empty.
type Values map[string]any

// For are those of the values that a script takes.
func (v Values) For(f *Folder, name string) Values {
	taken := Values{}
	for _, t := range f.Takes(name) {
		if value, ok := v[t]; ok {
			taken[t] = value
		}
	}
	return taken
}

// Script is a script with its values, and with words as $1, $2 and so on. What it takes and is not given is empty, whatever
// the environment holds. It panics when a value is given that the script does not take.
func (f *Folder) Script(name string, values Values, words ...string) string {
	takes := map[string]string{}
	for _, t := range f.Takes(name) {
		takes[t] = ""
	}
	for v, value := range values {
		if _, ok := takes[v]; !ok {
			panic(fmt.Sprintf("the script %s takes no %s", name, v))
		}
		takes[v] = string(word(value))
	}
	var b strings.Builder
	for i, v := range slices.Sorted(maps.Keys(takes)) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(v + "=" + takes[v])
	}
	if len(takes) > 0 {
		b.WriteByte('\n')
	}
	if len(words) > 0 {
		b.WriteString("set -- " + Words(words) + "\n")
	}
	b.WriteString(f.Text(name))
	return b.String()
}

func word(value any) Word {
	switch v := value.(type) {
	case Word:
		return v
	case string:
		return Word(remote.Quote(v))
	case int:
		return Word(strconv.Itoa(v))
	case int64:
		return Word(strconv.FormatInt(v, 10))
	case bool:
		if v {
			return "1"
		}
		return ""
	}
	panic(fmt.Sprintf("a script is given a %T", value))
}

// What modules that put a script together themselves begin with.
var (
	Preamble    = Shared.Text("preamble")
	Inside      = Shared.Text("inside")
	Look        = Shared.Text("look")
	Encode      = Shared.Text("encode")
	WorkDir     = Shared.Text("work_dir")
	RootsOnly   = Shared.Text("roots")
	Strangers   = Shared.Text("strangers")
	OpenArchive = Shared.Text("open_archive")
)
