package ansible

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// lookup is one lookup plugin: terms are its positional arguments, and it returns one value or more.
type lookup func(r *jinja.Run, terms []any, options map[string]any) ([]any, error)

var lookups map[string]lookup

func init() {
	lookups = map[string]lookup{
		"env": lookupEnv, "file": lookupFile, "template": lookupTemplate, "vars": lookupVars, "varnames": lookupVarNames,
		"first_found": lookupFirstFound, "dict": lookupDict, "items": lookupItems, "list": lookupList,
		"indexed_items": lookupIndexed, "together": lookupTogether, "nested": lookupNested, "cartesian": lookupCartesian,
		"sequence": lookupSequence, "fileglob": lookupFileGlob, "flattened": lookupFlattened, "subelements": lookupSubelements,
		"random_choice": lookupRandomChoice, "random_string": lookupRandomString, "config": lookupConfig, "unvault": lookupUnvault,
		"csvfile": lookupCSV, "ini": lookupINI, "password": lookupPassword, "pipe": lookupPipe, "lines": lookupLines, "url": lookupURL,
		"inventory_hostnames": lookupHostnames,
	}
}

// lookupHostnames gives the hosts that patterns stand for, none where a pattern is wrong.
func lookupHostnames(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if r.Options().Hosts == nil {
		return nil, errors.New("there is no inventory here")
	}
	patterns := []string{}
	for _, term := range flatten(terms, -1, true) {
		patterns = append(patterns, jinja.Text(term))
	}
	found := []any{}
	if names, err := r.Options().Hosts(patterns); err == nil {
		for _, name := range names {
			found = append(found, name)
		}
	}
	return found, onlyOptions(options)
}

func lookupProblem(name string) string {
	base := jinja.BaseName(name)
	base = strings.TrimPrefix(base, "community.general.")
	if _, ok := lookups[base]; ok {
		return ""
	}
	known := []string{}
	for name := range lookups {
		known = append(known, name)
	}
	return fmt.Sprintf("there is no lookup %q%s", name, suggest.Suffix(base, known))
}

// lookupPlugin is lookup(), which joins what it finds with commas, and query(), which gives a list.
func lookupPlugin(r *jinja.Run, join bool, positional []any, named *ordered.Map) (any, error) {
	positional, err := r.ForceItems(positional)
	if err != nil {
		return nil, err
	}
	if len(positional) == 0 {
		return nil, errors.New("lookup() needs the name of a lookup")
	}
	for _, item := range positional {
		if u, ok := item.(*jinja.Undefined); ok {
			return nil, u.Error()
		}
	}
	options := map[string]any{}
	for key, value := range named.All() {
		if options[key], err = r.Force(value); err != nil {
			return nil, err
		}
		if u, ok := options[key].(*jinja.Undefined); ok {
			return nil, u.Error()
		}
	}
	r.NoteUnsafe() // as in Ansible: what is in files and the environment is no code
	name := jinja.Text(positional[0])
	if problem := lookupProblem(name); problem != "" {
		return nil, errors.New(problem)
	}
	wantList, err := jinja.Truth(options["wantlist"])
	if err != nil {
		return nil, err
	}
	mode := "strict"
	if value, ok := options["errors"]; ok {
		mode = jinja.Text(value)
	}
	delete(options, "wantlist")
	delete(options, "errors")
	base := strings.TrimPrefix(jinja.BaseName(name), "community.general.")
	found, err := lookups[base](r, positional[1:], options)
	if err != nil {
		if mode == "ignore" || mode == "warn" {
			if join && !wantList {
				return nil, nil
			}
			return []any{}, nil
		}
		return nil, fmt.Errorf("lookup('%s'): %w", name, err)
	}
	if !join || wantList || len(found) == 0 {
		return append([]any{}, found...), nil
	}
	if len(found) == 1 {
		return found[0], nil
	}
	texts := []string{}
	for _, value := range found {
		s, ok := value.(string)
		if !ok {
			return found, nil
		}
		texts = append(texts, s)
	}
	return strings.Join(texts, ","), nil
}

func onlyOptions(options map[string]any, known ...string) error {
	for _, key := range jinja.Keys(options) {
		found := false
		for _, name := range known {
			found = found || name == key
		}
		if !found {
			return fmt.Errorf("it has no option %q%s", key, suggest.Suffix(key, known))
		}
	}
	return nil
}

func lookupEnv(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "default"); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		name := strings.TrimSpace(jinja.Text(term))
		var value any = ""
		if otherwise := options["default"]; otherwise != nil {
			value = otherwise
		}
		if r.Options().Env != nil {
			if set, ok := r.Options().Env(name); ok {
				value = set
			}
		}
		found = append(found, value)
	}
	return found, nil
}

// find returns the path and content of a file named in a template. within is the directory that
// Ansible adds for its kind: files or templates; none: no such directory.
func find(r *jinja.Run, name, within string) (string, []byte, error) {
	o := r.Options()
	if o.Read == nil {
		return "", nil, errors.New("files cannot be read here")
	}
	candidates := []string{}
	switch {
	case filepath.IsAbs(name):
		candidates = append(candidates, name)
	default:
		for _, directory := range r.SearchPath() {
			if within != "" {
				candidates = append(candidates, filepath.Join(directory, within, name))
			}
			candidates = append(candidates, filepath.Join(directory, name))
		}
	}
	for _, path := range candidates {
		data, err := o.Read(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			var encrypted bool
			if data, encrypted, err = o.Vault.File(data); err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			} else if encrypted {
				o.Vault.TellOfFile(data)
			}
		}
		return path, data, err
	}
	return "", nil, fmt.Errorf("the file %s does not exist; looked for %s: %w", name, strings.Join(candidates, ", "), os.ErrNotExist)
}

func lookupFile(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "lstrip", "rstrip"); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		_, data, err := find(r, jinja.Text(term), "files")
		if err != nil {
			return nil, err
		}
		content := string(data)
		if strip, ok := options["rstrip"]; !ok || jinja.Equal(strip, true) {
			content = strings.TrimRight(content, " \t\n\r\v\f")
		}
		if strip, ok := options["lstrip"]; ok && jinja.Equal(strip, true) {
			content = strings.TrimLeft(content, " \t\n\r\v\f")
		}
		found = append(found, content)
	}
	return found, nil
}

func lookupTemplate(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	o := jinja.DefaultFileOptions()
	markers := map[string]*string{
		"variable_start_string": &o.VariableStart, "variable_end_string": &o.VariableEnd,
		"comment_start_string": &o.CommentStart, "comment_end_string": &o.CommentEnd,
	}
	known := append(slices.Sorted(maps.Keys(markers)), "template_vars", "trim_blocks", "convert_data", "jinja2_native")
	if err := onlyOptions(options, known...); err != nil { // convert_data and jinja2_native say nothing in ansible-core 2.19
		return nil, err
	}
	for name, into := range markers {
		if x := options[name]; x != nil {
			*into = jinja.Text(x)
		}
	}
	if x, given := options["trim_blocks"]; given {
		yes, err := toBool(x)
		if err != nil {
			return nil, fmt.Errorf("trim_blocks: %w", err)
		}
		o.TrimBlocks = yes == true
	}
	own, _ := options["template_vars"].(*ordered.Map)
	found := []any{}
	for _, term := range terms {
		text, ok, err := r.Template(jinja.Text(term), own, o)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("the template %s does not exist", jinja.Text(term))
		}
		found = append(found, text)
	}
	return found, nil
}

func lookupVars(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "default"); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		value, err := r.Variable(jinja.Text(term))
		if err != nil {
			return nil, err
		}
		if u, ok := value.(*jinja.Undefined); ok {
			otherwise := options["default"]
			if otherwise == nil {
				return nil, u.Error()
			}
			value = otherwise
		}
		if value, err = r.Force(value); err != nil {
			return nil, err
		}
		found = append(found, value)
	}
	return found, nil
}

func lookupVarNames(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		expression, err := compileRegex(&jinja.Invocation{Name: "varnames", Bound: map[string]any{"pattern": term}})
		if err != nil {
			return nil, err
		}
		for _, name := range r.Names() {
			match, err := expression.Find(name)
			if err != nil {
				return nil, err
			}
			if match != nil {
				found = append(found, name)
			}
		}
	}
	return found, nil
}

// LoopFolder is the variable in which a loop tells first_found the folder where files of the task's kind are kept.
const LoopFolder = "polarbook_loop_folder"

func lookupFirstFound(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "files", "paths", "skip"); err != nil {
		return nil, err
	}
	skip, err := yes(options, "skip", false)
	if err != nil {
		return nil, err
	}
	candidates := []string{}
	add := func(files, paths any) {
		prefixes := wordsOf(paths, ",:;")
		for _, prefix := range prefixes {
			for _, file := range wordsOf(files, ",;") {
				candidates = append(candidates, filepath.Join(prefix, file))
			}
		}
		if len(prefixes) == 0 {
			candidates = append(candidates, wordsOf(files, ",;")...)
		}
	}
	terms = flatten(terms, -1, true)
	if len(terms) == 0 {
		add(options["files"], options["paths"])
	}
	paths := options["paths"]
	for _, term := range terms {
		m, ok := term.(*ordered.Map)
		if !ok {
			add(term, paths)
			continue
		}
		own := map[string]any{}
		for key, value := range m.All() {
			own[key] = value
		}
		if err := onlyOptions(own, "files", "paths", "skip"); err != nil {
			return nil, err
		}
		paths = own["paths"] // as in Ansible, they are those of what follows as well
		add(own["files"], paths)
		if skip, err = yes(own, "skip", false); err != nil {
			return nil, err
		}
	}
	// The lookup takes files as they are named; 2.14 looked in the folder files first, and is followed where that finds nothing.
	folders := []string{"", "files"}
	if folder, err := r.Variable(LoopFolder); err == nil {
		if name, ok := folder.(string); ok {
			folders = []string{name}
		}
	}
	for _, within := range folders {
		for _, candidate := range candidates {
			if path, ok := locate(r, candidate, within); ok {
				return []any{path}, nil
			}
		}
	}
	if skip {
		return []any{}, nil
	}
	return nil, fmt.Errorf("none of the files exists: %s", strings.Join(candidates, ", "))
}

// wordsOf returns the names of a list or a text, which may be several between separators.
func wordsOf(value any, separators string) []string {
	list := []string{}
	switch v := value.(type) {
	case nil:
	case []any:
		for _, item := range v {
			list = append(list, wordsOf(item, separators)...)
		}
	default:
		list = strings.FieldsFunc(jinja.Text(value), func(c rune) bool { return strings.ContainsRune(separators, c) })
	}
	return list
}

// locate finds a file or directory as find does, without reading it.
func locate(r *jinja.Run, name, within string) (string, bool) {
	candidates := []string{home(name)}
	if !filepath.IsAbs(candidates[0]) {
		candidates = nil
		for _, directory := range r.SearchPath() {
			if within != "" {
				candidates = append(candidates, filepath.Join(directory, within, name))
			}
			candidates = append(candidates, filepath.Join(directory, name))
		}
	}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
	}
	return "", false
}

// home is a name with the home directory in place of a ~ before it.
func home(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if dir, err := os.UserHomeDir(); err == nil {
			return filepath.Join(dir, rest)
		}
	}
	return name
}

// lookupFileGlob lists the files that patterns match. A pattern without a directory is looked for in each directory of the task's until
// one has a match; the directory of another is the first that there is.
func lookupFileGlob(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if r.Options().Read == nil {
		return nil, errors.New("files cannot be read here")
	}
	found := []any{}
	for _, term := range terms {
		dir, base := filepath.Split(jinja.Text(term))
		var places []string
		if dir != "" {
			if place, ok := locate(r, filepath.Clean(dir), "files"); ok {
				places = append(places, place)
			}
		} else {
			for _, directory := range r.SearchPath() {
				places = append(places, filepath.Join(directory, "files"), directory)
			}
		}
		for _, place := range places {
			matches, err := filesLike(place, base)
			if err != nil {
				return nil, err
			}
			if found = append(found, matches...); len(matches) > 0 {
				break
			}
		}
	}
	return found, onlyOptions(options)
}

// filesLike are the files of a directory whose names match a pattern, sorted. As with Python's glob, only a pattern that begins with a
// dot matches such names.
func filesLike(dir, pattern string) ([]any, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil // there is no such directory, which is no match
	}
	found := []any{}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") && !strings.HasPrefix(pattern, ".") {
			continue
		}
		matched, err := filepath.Match(strings.ReplaceAll(pattern, "[!", "[^"), entry.Name())
		if err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
		path := filepath.Join(dir, entry.Name())
		if info, err := os.Stat(path); matched && err == nil && info.Mode().IsRegular() {
			found = append(found, path)
		}
	}
	return found, nil
}
