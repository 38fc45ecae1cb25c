package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// loopItems works out what a loop goes over. Action is what the task's module is called.
func loopItems(v *variables, l *playbooks.Loop, action string) ([]any, error) {
	word := "loop"
	if l.With != "" {
		word = "with_" + l.With
	}
	x, err := v.render(l.Items.Raw)
	if l.With == "first_found" && err != nil {
		x, err = v.defined(l.Items.Raw)
	}
	if err != nil {
		return nil, at(l.Items.Pos, fmt.Errorf("%s: %w", word, err))
	}
	if err := madeOfText(l.Items.Raw, x); err != nil && l.With != "sequence" && l.With != "fileglob" {
		return nil, at(l.Items.Pos, fmt.Errorf("%s: %w", word, err))
	}
	var items []any
	if slices.Contains(byLookup, l.With) {
		items, err = lookedUp(v, l.With, x, action)
	} else {
		items, err = itemsOf(l.With, x)
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
	"lines", "password", "pipe", "url", "csvfile", "ini", "inventory_hostnames", "fileglob", "first_found",
	"nested", "cartesian",
}

func lookedUp(v *variables, with string, x any, action string) ([]any, error) {
	const terms = "polarbook_loop_terms" // nobody else's name
	list := slices.Clone(asList(x))
	switch with {
	case "subelements", "random_choice": // whose terms may be lists themselves
	case "nested", "cartesian":
		for i := range list {
			list[i] = asList(list[i])
		}
	default:
		list = flatten(list, 1)
	}
	found, err := v.r.o.Templates.Evaluate("query('"+with+"', *"+terms+")",
		v.with(map[string]any{terms: untrusted(list), templates.LoopFolder: folderOf(action)}))
	if err != nil {
		return nil, err
	}
	return asList(found), nil
}

// folderOf is where first_found looks for a task's files beside where they lie themselves.
func folderOf(action string) string {
	for _, kind := range []string{"template", "var"} {
		if strings.Contains(action, kind) {
			return kind + "s"
		}
	}
	return "files"
}

// defined renders a list without the elements that have something undefined, at any depth of lists. The error is one of another kind.
func (v *variables) defined(raw any) (any, error) {
	list, ok := raw.([]any)
	if !ok {
		x, err := v.render(raw)
		var missing *templates.UndefinedError
		if errors.As(err, &missing) {
			return []any{}, nil
		}
		return x, err
	}
	left := []any{}
	for _, one := range list {
		x, err := v.defined(one)
		if err != nil {
			return nil, err
		}
		left = append(left, x)
	}
	return left, nil
}

func itemsOf(with string, x any) ([]any, error) {
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
				out = append(out, ordered.Of("key", dict.KeyOf(k), "value", value))
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
