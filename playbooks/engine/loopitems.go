package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// loopItems works out what a loop goes over.
func loopItems(v *variables, l *playbooks.Loop, origin *playbooks.Origin) ([]any, error) {
	word := "loop"
	if l.With != "" {
		word = "with_" + l.With
	}
	x, err := v.render(l.Items.Raw)
	if err != nil {
		return nil, at(l.Items.Pos, fmt.Errorf("%s: %w", word, err))
	}
	if err := madeOfText(l.Items.Raw, x); err != nil && l.With != "sequence" && l.With != "fileglob" {
		return nil, at(l.Items.Pos, fmt.Errorf("%s: %w", word, err))
	}
	var items []any
	if slices.Contains(byLookup, l.With) {
		items, err = lookedUp(v, l.With, x)
	} else {
		items, err = itemsOf(l.With, x, origin)
	}
	if err != nil {
		return nil, at(l.Items.Pos, fmt.Errorf("%s: %w", word, err))
	}
	return items, nil
}

// madeOfText finds a template of a loop that gives a text which looks like a list or mapping.
func madeOfText(raw, x any) error {
	switch written := raw.(type) {
	case string:
		if given, ok := x.(string); ok && given != written && templates.LooksLikeContainer(given) {
			return templates.NotAContainer(written, given)
		}
	case []any:
		given, ok := x.([]any)
		for i := 0; ok && i < min(len(written), len(given)); i++ {
			if err := madeOfText(written[i], given[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// byLookup are the loops that go over what the lookup of their name finds.
var byLookup = []string{
	"flattened", "random_choice", "env", "file", "template", "vars", "varnames", "subelements", "sequence", "unvault",
	"lines", "password", "pipe", "url", "csvfile", "ini", "inventory_hostnames",
}

func lookedUp(v *variables, with string, x any) ([]any, error) {
	const terms = "polarbook_loop_terms" // nobody else's name
	list := asList(x)
	if with != "subelements" { // whose terms are lists themselves
		list = flatten(list, 1)
	}
	found, err := v.r.o.Templates.Evaluate("query('"+with+"', *"+terms+")", v.with(map[string]any{terms: untrusted(list)}))
	if err != nil {
		return nil, err
	}
	return asList(found), nil
}

func itemsOf(with string, x any, origin *playbooks.Origin) ([]any, error) {
	list, isList := x.([]any)
	switch with {
	case "", "list":
		if !isList {
			return nil, fmt.Errorf("needs a list and got %q", text(x))
		}
		return list, nil
	case "items":
		if !isList {
			return []any{x}, nil
		}
		return flatten(list, 1), nil
	case "dict":
		if !isList { // a list is one of dicts, whose items come one after the other
			list = []any{x}
		}
		var out []any
		for _, one := range list {
			dict, ok := one.(*ordered.Map)
			if !ok {
				return nil, fmt.Errorf("needs a dict and got %q", text(x))
			}
			for k, value := range dict.All() {
				out = append(out, ordered.Of("key", k, "value", value))
			}
		}
		return out, nil
	case "indexed_items":
		var out []any
		for i, item := range flatten(asList(x), 1) {
			out = append(out, []any{i, item})
		}
		return out, nil
	case "together":
		return zipped(list), nil
	case "nested":
		return product(list), nil
	case "fileglob":
		return fileGlob(asList(x), origin)
	case "first_found":
		return firstFound(x, origin)
	}
	return nil, fmt.Errorf("there is no such loop")
}

func asList(x any) []any {
	if list, ok := x.([]any); ok {
		return list
	}
	return []any{x}
}

func flatten(list []any, depth int) []any {
	out := []any{}
	for _, item := range list {
		if inner, ok := item.([]any); ok && depth > 0 {
			out = append(out, flatten(inner, depth-1)...)
			continue
		}
		out = append(out, item)
	}
	return out
}

// zipped goes through several lists at once; the shorter ones are filled up with nothing.
func zipped(lists []any) []any {
	longest := 0
	for _, l := range lists {
		longest = max(longest, len(asList(l)))
	}
	out := []any{}
	for i := range longest {
		row := []any{}
		for _, l := range lists {
			if items := asList(l); i < len(items) {
				row = append(row, items[i])
			} else {
				row = append(row, nil)
			}
		}
		out = append(out, row)
	}
	return out
}

// product combines every element of each list with every one of the others.
func product(lists []any) []any {
	rows := []any{[]any{}}
	for _, l := range lists {
		var next []any
		for _, row := range rows {
			for _, item := range asList(l) {
				next = append(next, append(append([]any{}, row.([]any)...), item))
			}
		}
		rows = next
	}
	return rows
}

// fileGlob lists the local files that patterns match, as absolute paths when they are the user's.
func fileGlob(patterns []any, origin *playbooks.Origin) ([]any, error) {
	out := []any{}
	for _, p := range patterns {
		pattern := text(p)
		dir, base := path.Split(pattern)
		fsys, found, err := origin.Find("files", strings.TrimSuffix(dir, "/")+".")
		if dir != "" {
			fsys, found, err = origin.Find("files", path.Clean(dir))
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names, err := fs.Glob(fsys, path.Join(found, base))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
		sort.Strings(names)
		for _, name := range names {
			if info, err := fs.Stat(fsys, name); err == nil && !info.IsDir() {
				out = append(out, shown(fsys, name, origin))
			}
		}
	}
	return out, nil
}

// shown is a path as a task can name it again.
func shown(fsys fs.FS, name string, origin *playbooks.Origin) string {
	if origin.Builtin && reflect.TypeOf(fsys) == reflect.TypeOf(origin.Source) {
		if rel, ok := strings.CutPrefix(name, strings.TrimSuffix(origin.Dir, "/")+"/"); ok {
			return rel
		}
		return name
	}
	return "/" + name
}

// firstFound is the first of several files that is there.
func firstFound(x any, origin *playbooks.Origin) ([]any, error) {
	var names []string
	skip := false
	for _, one := range asList(x) {
		dict, ok := one.(*ordered.Map)
		if !ok {
			names = append(names, text(one))
			continue
		}
		skip = skip || dict.Value("skip") == true
		files := texts(asList(dict.Value("files")))
		if dict.Value("paths") == nil {
			names = append(names, files...)
			continue
		}
		for _, dir := range texts(asList(dict.Value("paths"))) {
			for _, f := range files {
				names = append(names, path.Join(dir, f))
			}
		}
	}
	for _, name := range names {
		for _, kind := range []string{"files", "templates", "vars", "tasks"} {
			fsys, found, err := origin.Find(kind, name)
			if err == nil {
				return []any{shown(fsys, found, origin)}, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	if skip {
		return []any{}, nil
	}
	return nil, fmt.Errorf("none of these files is there: %s", strings.Join(names, ", "))
}
