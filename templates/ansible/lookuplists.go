package ansible

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

func lookupDict(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		m, ok := term.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("it needs a mapping, this is %s", jinja.Describe(term))
		}
		for key, value := range m.All() {
			found = append(found, ordered.Of("key", jinja.KeyOf(m, key), "value", value))
		}
	}
	return found, nil
}

func lookupItems(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	return flatten(terms, 1, false), onlyOptions(options)
}

func lookupList(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	return terms, onlyOptions(options)
}

func lookupFlattened(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	return flatten(terms, -1, true), onlyOptions(options)
}

func lookupIndexed(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	found := []any{}
	for at, item := range flatten(terms, 1, false) {
		found = append(found, jinja.Tuple{at, item})
	}
	return found, onlyOptions(options)
}

func lookupTogether(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	lists, err := listsOf(terms)
	if err != nil {
		return nil, err
	}
	longest := 0
	for _, list := range lists {
		longest = max(longest, len(list))
	}
	found := []any{}
	for at := range longest {
		row := []any{}
		for _, list := range lists {
			if at < len(list) {
				row = append(row, list[at])
			} else {
				row = append(row, nil)
			}
		}
		found = append(found, row)
	}
	return found, onlyOptions(options)
}

func listsOf(terms []any) ([][]any, error) {
	lists := [][]any{}
	for _, term := range terms {
		list, ok := term.([]any)
		if !ok {
			if t, isTuple := term.(jinja.Tuple); isTuple {
				list = t
			} else {
				list = []any{term}
			}
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, errors.New("it needs at least one list")
	}
	return lists, nil
}

// lookupNested combines the elements of lists. As in Ansible an element that is a list is spread, and so are lists in that.
func lookupNested(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	return combined(terms, options, min(len(terms), 2))
}

// lookupCartesian spreads the elements alone.
func lookupCartesian(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	return combined(terms, options, 1)
}

func combined(terms []any, options map[string]any, spread int) ([]any, error) {
	lists, err := listsOf(terms)
	if err != nil {
		return nil, err
	}
	rows, err := productOf(lists)
	found := make([]any, len(rows))
	for at, row := range rows {
		found[at] = flatten(row, spread, false)
	}
	return found, errors.Join(err, onlyOptions(options))
}

func productOf(lists [][]any) ([][]any, error) {
	rows := [][]any{{}}
	for _, list := range lists {
		if len(list)*len(rows) > jinja.MaximumItems {
			return nil, fmt.Errorf("the product has more than %d rows", jinja.MaximumItems)
		}
		next := make([][]any, 0, len(list)*len(rows))
		for _, row := range rows {
			for _, item := range list {
				next = append(next, append(row[:len(row):len(row)], item))
			}
		}
		rows = next
	}
	return rows, nil
}

func lookupSubelements(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if len(terms) < 2 {
		return nil, errors.New("it needs a list and the name of the list in each element")
	}
	skip := false
	if len(terms) > 2 {
		if m, ok := terms[2].(*ordered.Map); ok {
			skip, _ = jinja.Truth(m.Value("skip_missing"))
		}
	}
	if m, ok := terms[0].(*ordered.Map); ok && isSkipped(m) {
		return []any{}, nil
	}
	pairs, err := subelements(terms[0], terms[1], skip)
	if err != nil {
		return nil, err
	}
	// Unlike with the filter, an element is given without the list that was gone through.
	path := strings.Split(jinja.Text(terms[1]), ".")
	found := make([]any, 0, len(pairs))
	for _, pair := range pairs {
		two := pair.(jinja.Tuple)
		m, ok := two[0].(*ordered.Map)
		if ok && isSkipped(m) {
			continue
		}
		if ok {
			found = append(found, jinja.Tuple{withoutKey(m, path), two[1]})
		} else {
			found = append(found, pair)
		}
	}
	return found, nil
}

// isSkipped reports whether a mapping is the result of a task that was skipped.
func isSkipped(m *ordered.Map) bool {
	value, ok := m.Get("skipped")
	return ok && value != false
}

// withoutKey is a mapping without what it has at a path.
func withoutKey(m *ordered.Map, path []string) *ordered.Map {
	m = m.Clone()
	if len(path) == 1 {
		m.Delete(path[0])
	} else if inner, ok := m.Value(path[0]).(*ordered.Map); ok {
		m.Set(path[0], withoutKey(inner, path[1:]))
	}
	return m
}

// lookupSequence gives texts: start=1 end=5 stride=2 format=node%02d, or the short 1-5/2:node%02d.
func lookupSequence(_ *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if len(terms) == 0 {
		return sequence(options)
	}
	found := []any{}
	for _, term := range terms {
		text, ok := term.(string)
		if !ok {
			return nil, fmt.Errorf("a sequence is a text such as '1-5' or 'start=1 end=5', this is %s", jinja.Describe(term))
		}
		own, err := sequenceOptions(text)
		if err != nil {
			return nil, err
		}
		values, err := sequence(merged(options, own))
		if err != nil {
			return nil, err
		}
		if found = append(found, values...); len(found) > jinja.MaximumItems {
			return nil, fmt.Errorf("it gives more than %d items", jinja.MaximumItems)
		}
	}
	return found, nil
}

var shortSequence = regexp.MustCompile(`(?i)^(?:(0?x?[0-9a-f]+)-)?(0?x?[0-9a-f]+)(?:/(0?x?[0-9a-f]+))?(?::(.+))?$`)

// sequenceOptions are what a term says.
func sequenceOptions(term string) (map[string]any, error) {
	options := map[string]any{}
	if short := shortSequence.FindStringSubmatch(term); short != nil {
		for at, name := range []string{"", "start", "end", "stride", "format"} {
			if at > 0 && short[at] != "" {
				options[name] = short[at]
			}
		}
		return options, nil
	}
	rest, options, err := inline(term)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q is not a sequence: write start=1 end=5", rest)
	}
	return options, err
}

func sequence(options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "start", "end", "count", "stride", "format"); err != nil {
		return nil, err
	}
	number := func(name string, otherwise int) (int, error) {
		value, ok := options[name]
		if !ok {
			return otherwise, nil
		}
		written, base := strings.TrimSpace(jinja.Text(value)), 0
		if strings.Trim(written, "0123456789") == "" {
			base = 10 // zeros may stand before it
		}
		parsed, err := strconv.ParseInt(written, base, 32)
		if err != nil {
			return 0, fmt.Errorf("%s must be an integer, not %s", name, jinja.Repr(value))
		}
		return int(parsed), nil
	}
	start, e1 := number("start", 1)
	end, e2 := number("end", 0)
	count, e3 := number("count", 0)
	stride, e4 := number("stride", 1)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, err
	}
	_, hasEnd := options["end"]
	_, hasCount := options["count"]
	switch {
	case hasEnd == hasCount:
		return nil, errors.New("it needs either end or count")
	case hasCount && count == 0:
		return []any{}, nil
	case hasCount:
		end = start + count*stride - 1
	}
	switch {
	case stride > 0 && end < start:
		return nil, errors.New("to count backwards make stride negative")
	case stride < 0 && end > start:
		return nil, errors.New("to count forward make stride positive")
	case stride == 0:
		return []any{}, nil
	}
	format := "%d"
	if value, ok := options["format"]; ok {
		format = jinja.Text(value)
	}
	if strings.Count(format, "%") != 1 {
		return nil, fmt.Errorf("format needs one %% and no more, as in node%%02d; this is %q", format)
	}
	found := []any{}
	for at := start; stride > 0 && at <= end || stride < 0 && at >= end; at += stride {
		item, err := jinja.FormatPercent(format, at)
		if err != nil {
			return nil, err
		}
		if found = append(found, item); len(found) > jinja.MaximumItems {
			return nil, fmt.Errorf("it gives more than %d items", jinja.MaximumItems)
		}
	}
	return found, nil
}
