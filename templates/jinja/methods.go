package jinja

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// method returns a method of a string, dictionary, list or number as something to call, nil where
// Python's type has none of that name.
func (r *Run) method(of any, name string) *Function {
	var table map[string]Callable
	switch of.(type) {
	case string:
		table = StringMethods
	case *ordered.Map, *LazyMap, Mapping, Scope:
		table = dictionaryMethods
	case []any, *LazyList, Tuple:
		table = listMethods
	case bool, int, *big.Int:
		table = wholeMethods
	case float64:
		table = floatMethods
	}
	m, ok := table[name]
	if !ok {
		return nil
	}
	return &Function{name: name, call: func(r *Run, positional []any, named *ordered.Map) (any, error) {
		// get() and keys() must not render the values that nobody asked for.
		if l, ok := of.(*LazyMap); ok && name == "get" {
			return r.lazyGet(l, m, positional, named)
		}
		if s, ok := of.(Scope); ok && name == "get" {
			return r.lazyGet(s, m, positional, named)
		}
		if s, ok := of.(Mapping); ok && (name == "get" || name == "keys") {
			if name == "keys" {
				return r.Iterate(s)
			}
			return r.lazyGet(s, m, positional, named)
		}
		return m.run(r, name+"()", of, positional, named)
	}}
}

func (r *Run) lazyGet(of any, m Callable, positional []any, named *ordered.Map) (any, error) {
	c, err := m.bind(r, "get()", of, positional, named)
	if err != nil {
		return nil, err
	}
	found, err := r.Contains(of, c.Bound["key"])
	if err != nil {
		return nil, err
	}
	if !found {
		return c.Get("default", nil), nil
	}
	return r.Item(of, c.Bound["key"], nil)
}

var dictionaryMethods = map[string]Callable{
	"keys":   {"", func(c *Invocation) (any, error) { return keysOf(c.Value.(*ordered.Map)), nil }, false},
	"values": {"", func(c *Invocation) (any, error) { return c.Value.(*ordered.Map).Values(), nil }, false},
	"items":  {"", func(c *Invocation) (any, error) { return ItemsOf(c.Value.(*ordered.Map)), nil }, false},
	"copy":   {"", func(c *Invocation) (any, error) { return c.Value, nil }, false},
	"get": {"key! default", func(c *Invocation) (any, error) {
		if _, err := KeyText(c.Bound["key"]); err != nil {
			return nil, err
		}
		if value, ok := lookKey(c.Value.(*ordered.Map), c.Bound["key"]); ok {
			return value, nil
		}
		return c.Get("default", nil), nil
	}, true},
}

// ItemsOf returns the pairs of a mapping as tuples, in order.
func ItemsOf(m *ordered.Map) []any {
	items := make([]any, 0, m.Len())
	for key, value := range m.All() {
		items = append(items, Tuple{KeyOf(m, key), value})
	}
	return items
}

var listMethods = map[string]Callable{
	"index": {"value!", func(c *Invocation) (any, error) {
		items, _ := ListOf("index()", c.Value)
		for at, item := range items {
			if same, err := Equals(item, c.Bound["value"]); err != nil || same {
				return at, err
			}
		}
		return nil, fmt.Errorf("%s is not in the list", Repr(c.Bound["value"]))
	}, false},
	"count": {"value!", func(c *Invocation) (any, error) {
		items, _ := ListOf("count()", c.Value)
		count := 0
		for _, item := range items {
			same, err := Equals(item, c.Bound["value"])
			if err != nil {
				return nil, err
			}
			if same {
				count++
			}
		}
		return count, nil
	}, false},
	"copy": {"", func(c *Invocation) (any, error) { return c.Value, nil }, false},
}

var wholeMethods = map[string]Callable{
	"is_integer": {"", func(*Invocation) (any, error) { return true, nil }, false},
	"bit_length": {"", func(c *Invocation) (any, error) {
		i, _ := Big(c.Value)
		return i.BitLen(), nil
	}, false},
	"conjugate": {"", func(c *Invocation) (any, error) {
		if b, ok := c.Value.(bool); ok { // of True it is 1
			return map[bool]int{true: 1}[b], nil
		}
		return c.Value, nil
	}, false},
}

var floatMethods = map[string]Callable{
	"is_integer": {"", func(c *Invocation) (any, error) {
		f := c.Value.(float64)
		return f == math.Trunc(f) && !math.IsInf(f, 0), nil
	}, false},
	"conjugate": {"", func(c *Invocation) (any, error) { return c.Value, nil }, false},
}

// onString makes a method of a string without arguments.
func onString(do func(s string) any) Callable {
	return Callable{"", func(c *Invocation) (any, error) { return do(c.Value.(string)), nil }, false}
}

// stripMethod makes strip and its like: they take the characters to remove.
func stripMethod(blank, set func(string, string) string) Callable {
	return Callable{"chars", func(c *Invocation) (any, error) {
		s := c.Value.(string)
		if chars, ok := c.Bound["chars"]; ok && chars != nil {
			return set(s, Text(chars)), nil
		}
		return blank(s, " \t\n\r\v\f\u00a0\u2028\u2029"), nil
	}, false}
}

// every makes isdigit and its like: true where there are characters and all are of the kind.
func every(kind func(rune) bool) Callable {
	return onString(func(s string) any {
		for _, c := range s {
			if !kind(c) {
				return false
			}
		}
		return s != ""
	})
}

func justify(left, right bool) Callable {
	return Callable{"width! fillchar", func(c *Invocation) (any, error) {
		s := c.Value.(string)
		width, err := c.Integer("width", 0)
		if err != nil {
			return nil, err
		}
		fill := c.Text("fillchar", " ")
		missing := width - len([]rune(s))
		if missing <= 0 {
			return s, nil
		}
		if width > MaximumText || len([]rune(fill)) != 1 {
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
func affix(has func(s, part string) bool) Callable {
	return Callable{"part! start", func(c *Invocation) (any, error) {
		s := c.Value.(string)
		if start, err := c.Integer("start", 0); err != nil {
			return nil, err
		} else if runes := []rune(s); start > 0 {
			s = string(runes[min(start, len(runes)):])
		}
		parts, ok := c.Bound["part"].(Tuple)
		if !ok {
			parts = Tuple{c.Bound["part"]}
		}
		for _, part := range parts {
			text, ok := part.(string)
			if !ok {
				return nil, fmt.Errorf("%s takes a string, not %s", c.Name, Describe(part))
			}
			if has(s, text) {
				return true, nil
			}
		}
		return false, nil
	}, false}
}

func finder(last, must bool) Callable {
	return Callable{"sub! start", func(c *Invocation) (any, error) {
		runes, sub := []rune(c.Value.(string)), c.Text("sub", "")
		start, err := c.Integer("start", 0)
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
				return nil, fmt.Errorf("%s is not in %s", Repr(sub), Repr(c.Value))
			}
			return -1, nil
		}
		return start + len([]rune(s[:found])), nil
	}, false}
}

// StringMethods are the methods of Python's str.
var StringMethods map[string]Callable

func init() {
	StringMethods = map[string]Callable{
		"upper":      onString(func(s string) any { return strings.ToUpper(s) }),
		"lower":      onString(func(s string) any { return strings.ToLower(s) }),
		"casefold":   onString(func(s string) any { return strings.ToLower(s) }),
		"capitalize": onString(func(s string) any { return Capitalize(s) }),
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
		"zfill": {"width!", func(c *Invocation) (any, error) {
			s := c.Value.(string)
			width, err := c.Integer("width", 0)
			if err != nil || width > MaximumText {
				return nil, errors.Join(err, ErrTooLarge)
			}
			sign := ""
			if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
				sign, s = s[:1], s[1:]
			}
			return sign + strings.Repeat("0", max(0, width-len(sign)-len([]rune(s)))) + s, nil
		}, false},
		"startswith": affix(strings.HasPrefix), "endswith": affix(strings.HasSuffix),
		"find": finder(false, false), "rfind": finder(true, false), "index": finder(false, true), "rindex": finder(true, true),
		"count": {"sub!", func(c *Invocation) (any, error) {
			return strings.Count(c.Value.(string), c.Text("sub", "")), nil
		}, false},
		"replace": {"old! new! count", func(c *Invocation) (any, error) {
			count, err := c.Integer("count", -1)
			if err != nil {
				return nil, err
			}
			return ReplaceText(c.Value.(string), c.Text("old", ""), c.Text("new", ""), count)
		}, false},
		"removeprefix": {"prefix!", func(c *Invocation) (any, error) {
			return strings.TrimPrefix(c.Value.(string), c.Text("prefix", "")), nil
		}, false},
		"removesuffix": {"suffix!", func(c *Invocation) (any, error) {
			return strings.TrimSuffix(c.Value.(string), c.Text("suffix", "")), nil
		}, false},
		"split":  {"sep maxsplit", func(c *Invocation) (any, error) { return SplitMethod(c, false) }, false},
		"rsplit": {"sep maxsplit", func(c *Invocation) (any, error) { return SplitMethod(c, true) }, false},
		"splitlines": {"keepends", func(c *Invocation) (any, error) {
			keep, err := c.Truth("keepends", false)
			return pytext.Lines(c.Value.(string), keep), err
		}, false},
		"partition":  {"sep!", func(c *Invocation) (any, error) { return partition(c, false) }, false},
		"rpartition": {"sep!", func(c *Invocation) (any, error) { return partition(c, true) }, false},
		"join": {"items!", func(c *Invocation) (any, error) {
			items, err := c.Run.Iterate(c.Bound["items"])
			if err != nil {
				return nil, err
			}
			parts := []string{}
			for at, item := range items {
				part, ok := item.(string)
				if !ok {
					return nil, fmt.Errorf("join() takes strings, item %d is %s", at, Describe(item))
				}
				parts = append(parts, part)
			}
			return strings.Join(parts, c.Value.(string)), nil
		}, false},
		"format": {"*positional **named", func(c *Invocation) (any, error) {
			return formatBraces(c.Run, c.Value.(string), c.Rest, c.Named)
		}, false},
		"format_map": {"mapping!", func(c *Invocation) (any, error) {
			values, _ := c.Bound["mapping"].(*ordered.Map)
			return formatBraces(c.Run, c.Value.(string), nil, values)
		}, false},
		"expandtabs": {"tabsize", func(c *Invocation) (any, error) {
			size, err := c.Integer("tabsize", 8)
			if err != nil || size < 0 || size > 1000 {
				return nil, errors.Join(err, ErrTooLarge)
			}
			return expandTabs(c.Value.(string), size), nil
		}, false},
		"encode": onString(func(s string) any { return s }),
		"decode": onString(func(s string) any { return s }),
	}
}
