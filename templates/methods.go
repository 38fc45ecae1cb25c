package templates

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/templates/ordered"
)

// method returns a method of a string, dictionary, list or number as something to call, nil where
// Python's type has none of that name.
func (r *run) method(of any, name string) *function {
	var table map[string]callable
	switch of.(type) {
	case string:
		table = stringMethods
	case *ordered.Map, *lazyMap, Mapping, Scope:
		table = dictionaryMethods
	case []any, *lazyList, tuple:
		table = listMethods
	}
	m, ok := table[name]
	if !ok {
		return nil
	}
	return &function{name: name, call: func(r *run, positional []any, named *ordered.Map) (any, error) {
		// get() and keys() must not render the values that nobody asked for.
		if l, ok := of.(*lazyMap); ok && name == "get" {
			return r.lazyGet(l, m, positional, named)
		}
		if s, ok := of.(Scope); ok && name == "get" {
			return r.lazyGet(s, m, positional, named)
		}
		if s, ok := of.(Mapping); ok && (name == "get" || name == "keys") {
			if name == "keys" {
				return r.iterate(s)
			}
			return r.lazyGet(s, m, positional, named)
		}
		return m.run(r, name+"()", of, positional, named)
	}}
}

func (r *run) lazyGet(of any, m callable, positional []any, named *ordered.Map) (any, error) {
	c, err := m.bind(r, "get()", of, positional, named)
	if err != nil {
		return nil, err
	}
	found, err := r.contains(of, c.bound["key"])
	if err != nil {
		return nil, err
	}
	if !found {
		return c.get("default", nil), nil
	}
	return r.item(of, c.bound["key"], nil)
}

var dictionaryMethods = map[string]callable{
	"keys":   {"", func(c *invocation) (any, error) { return names(c.value.(*ordered.Map).Keys()), nil }, false},
	"values": {"", func(c *invocation) (any, error) { return c.value.(*ordered.Map).Values(), nil }, false},
	"items":  {"", func(c *invocation) (any, error) { return itemsOf(c.value.(*ordered.Map)), nil }, false},
	"copy":   {"", func(c *invocation) (any, error) { return c.value, nil }, false},
	"get": {"key! default", func(c *invocation) (any, error) {
		key, err := keyText(c.bound["key"])
		if err != nil {
			return nil, err
		}
		if value, ok := c.value.(*ordered.Map).Get(key); ok {
			return value, nil
		}
		return c.get("default", nil), nil
	}, true},
}

func itemsOf(m *ordered.Map) []any {
	items := make([]any, 0, m.Len())
	for key, value := range m.All() {
		items = append(items, tuple{key, value})
	}
	return items
}

var listMethods = map[string]callable{
	"index": {"value!", func(c *invocation) (any, error) {
		items, _ := listOf("index()", c.value)
		for at, item := range items {
			if equal(item, c.bound["value"]) {
				return at, nil
			}
		}
		return nil, fmt.Errorf("%s is not in the list", repr(c.bound["value"]))
	}, false},
	"count": {"value!", func(c *invocation) (any, error) {
		items, _ := listOf("count()", c.value)
		count := 0
		for _, item := range items {
			if equal(item, c.bound["value"]) {
				count++
			}
		}
		return count, nil
	}, false},
	"copy": {"", func(c *invocation) (any, error) { return c.value, nil }, false},
}

// onString makes a method of a string without arguments.
func onString(do func(s string) any) callable {
	return callable{"", func(c *invocation) (any, error) { return do(c.value.(string)), nil }, false}
}

// stripMethod makes strip and its like: they take the characters to remove.
func stripMethod(blank, set func(string, string) string) callable {
	return callable{"chars", func(c *invocation) (any, error) {
		s := c.value.(string)
		if chars, ok := c.bound["chars"]; ok && chars != nil {
			return set(s, text(chars)), nil
		}
		return blank(s, " \t\n\r\v\f\u00a0\u2028\u2029"), nil
	}, false}
}

// every makes isdigit and its like: true where there are characters and all are of the kind.
func every(kind func(rune) bool) callable {
	return onString(func(s string) any {
		for _, c := range s {
			if !kind(c) {
				return false
			}
		}
		return s != ""
	})
}

func justify(left, right bool) callable {
	return callable{"width! fillchar", func(c *invocation) (any, error) {
		s := c.value.(string)
		width, err := c.integer("width", 0)
		if err != nil {
			return nil, err
		}
		fill := c.text("fillchar", " ")
		missing := width - len([]rune(s))
		if missing <= 0 {
			return s, nil
		}
		if width > maximumText || len([]rune(fill)) != 1 {
			return nil, errors.New("the width is too large, or the fill is not one character")
		}
		before, after := 0, 0
		switch {
		case left && right:
			before = missing/2 + missing&width&1
			after = missing - before
		case left:
			after = missing
		default:
			before = missing
		}
		return strings.Repeat(fill, before) + s + strings.Repeat(fill, after), nil
	}, false}
}

// affix makes startswith and endswith: their argument is a string or a tuple of them.
func affix(has func(s, part string) bool) callable {
	return callable{"part! start", func(c *invocation) (any, error) {
		s := c.value.(string)
		if start, err := c.integer("start", 0); err != nil {
			return nil, err
		} else if runes := []rune(s); start > 0 {
			s = string(runes[min(start, len(runes)):])
		}
		parts, ok := c.bound["part"].(tuple)
		if !ok {
			parts = tuple{c.bound["part"]}
		}
		for _, part := range parts {
			text, ok := part.(string)
			if !ok {
				return nil, fmt.Errorf("%s takes a string, not %s", c.name, describe(part))
			}
			if has(s, text) {
				return true, nil
			}
		}
		return false, nil
	}, false}
}

func finder(last, must bool) callable {
	return callable{"sub! start", func(c *invocation) (any, error) {
		runes, sub := []rune(c.value.(string)), c.text("sub", "")
		start, err := c.integer("start", 0)
		if err != nil {
			return nil, err
		}
		start = max(0, min(start, len(runes)))
		s := string(runes[start:])
		found := strings.Index(s, sub)
		if last {
			found = strings.LastIndex(s, sub)
		}
		if found < 0 {
			if must {
				return nil, fmt.Errorf("%s is not in %s", repr(sub), repr(c.value))
			}
			return -1, nil
		}
		return start + len([]rune(s[:found])), nil
	}, false}
}

var stringMethods map[string]callable

func init() {
	stringMethods = map[string]callable{
		"upper":      onString(func(s string) any { return strings.ToUpper(s) }),
		"lower":      onString(func(s string) any { return strings.ToLower(s) }),
		"casefold":   onString(func(s string) any { return strings.ToLower(s) }),
		"capitalize": onString(func(s string) any { return capitalize(s) }),
		"title":      onString(func(s string) any { return pythonTitle(s) }),
		"swapcase": onString(func(s string) any {
			return strings.Map(func(c rune) rune {
				if unicode.IsUpper(c) {
					return unicode.ToLower(c)
				}
				return unicode.ToUpper(c)
			}, s)
		}),
		"strip":   stripMethod(strings.Trim, strings.Trim),
		"lstrip":  stripMethod(strings.TrimLeft, strings.TrimLeft),
		"rstrip":  stripMethod(strings.TrimRight, strings.TrimRight),
		"isdigit": every(unicode.IsDigit), "isdecimal": every(unicode.IsDigit), "isnumeric": every(unicode.IsNumber),
		"isalpha": every(unicode.IsLetter), "isspace": every(unicode.IsSpace),
		"isalnum": every(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }),
		"islower": onString(func(s string) any { return s == strings.ToLower(s) && s != strings.ToUpper(s) }),
		"isupper": onString(func(s string) any { return s == strings.ToUpper(s) && s != strings.ToLower(s) }),
		"isascii": onString(func(s string) any {
			for _, c := range s {
				if c > unicode.MaxASCII {
					return false
				}
			}
			return true
		}),
		"isidentifier": onString(func(s string) any { return isWord(s) }),
		"ljust":        justify(true, false), "rjust": justify(false, true), "center": justify(true, true),
		"zfill": {"width!", func(c *invocation) (any, error) {
			s := c.value.(string)
			width, err := c.integer("width", 0)
			if err != nil || width > maximumText {
				return nil, errors.Join(err, errTooLarge)
			}
			sign := ""
			if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
				sign, s = s[:1], s[1:]
			}
			return sign + strings.Repeat("0", max(0, width-len(sign)-len([]rune(s)))) + s, nil
		}, false},
		"startswith": affix(strings.HasPrefix), "endswith": affix(strings.HasSuffix),
		"find": finder(false, false), "rfind": finder(true, false), "index": finder(false, true), "rindex": finder(true, true),
		"count": {"sub!", func(c *invocation) (any, error) {
			return strings.Count(c.value.(string), c.text("sub", "")), nil
		}, false},
		"replace": {"old! new! count", func(c *invocation) (any, error) {
			count, err := c.integer("count", -1)
			if err != nil {
				return nil, err
			}
			return replaceText(c.value.(string), c.text("old", ""), c.text("new", ""), count)
		}, false},
		"removeprefix": {"prefix!", func(c *invocation) (any, error) {
			return strings.TrimPrefix(c.value.(string), c.text("prefix", "")), nil
		}, false},
		"removesuffix": {"suffix!", func(c *invocation) (any, error) {
			return strings.TrimSuffix(c.value.(string), c.text("suffix", "")), nil
		}, false},
		"split":  {"sep maxsplit", func(c *invocation) (any, error) { return splitMethod(c, false) }, false},
		"rsplit": {"sep maxsplit", func(c *invocation) (any, error) { return splitMethod(c, true) }, false},
		"splitlines": {"keepends", func(c *invocation) (any, error) {
			keep, err := c.truth("keepends", false)
			return splitLines(c.value.(string), keep), err
		}, false},
		"partition":  {"sep!", func(c *invocation) (any, error) { return partition(c, false) }, false},
		"rpartition": {"sep!", func(c *invocation) (any, error) { return partition(c, true) }, false},
		"join": {"items!", func(c *invocation) (any, error) {
			items, err := c.run.iterate(c.bound["items"])
			if err != nil {
				return nil, err
			}
			parts := []string{}
			for at, item := range items {
				part, ok := item.(string)
				if !ok {
					return nil, fmt.Errorf("join() takes strings, item %d is %s", at, describe(item))
				}
				parts = append(parts, part)
			}
			return strings.Join(parts, c.value.(string)), nil
		}, false},
		"format": {"*positional **named", func(c *invocation) (any, error) {
			return formatBraces(c.run, c.value.(string), c.rest, c.named)
		}, false},
		"format_map": {"mapping!", func(c *invocation) (any, error) {
			values, _ := c.bound["mapping"].(*ordered.Map)
			return formatBraces(c.run, c.value.(string), nil, values)
		}, false},
		"expandtabs": {"tabsize", func(c *invocation) (any, error) {
			size, err := c.integer("tabsize", 8)
			if err != nil || size < 0 || size > 1000 {
				return nil, errors.Join(err, errTooLarge)
			}
			return expandTabs(c.value.(string), size), nil
		}, false},
		"encode": onString(func(s string) any { return s }),
		"decode": onString(func(s string) any { return s }),
	}
}
