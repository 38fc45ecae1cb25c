package inventory

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/polarbook/polarbook/templates/ordered"
)

// parseLiteral reads a Python literal as ast.literal_eval does: numbers, strings, True, False, None,
// lists, tuples and sets (as lists) and dictionaries. ok is false for anything else, and for what Python
// refuses, such as the number 0644.
func parseLiteral(text string) (value any, ok bool) {
	p := &literalParser{text: text}
	p.space()
	value, ok = p.value(0)
	if ok && p.accept(',') { // a tuple needs no parentheses
		items := []any{value}
		for comma := true; ok && comma && p.at < len(p.text); comma = p.accept(',') {
			var item any
			if item, ok = p.value(0); ok {
				items = append(items, item)
			}
			p.space()
		}
		value = items
	}
	p.space()
	if !ok || p.at != len(p.text) {
		return nil, false
	}
	return value, true
}

const maximumNesting = 100

type literalParser struct {
	text string
	at   int
}

func (p *literalParser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *literalParser) accept(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

var (
	pythonNumber  = regexp.MustCompile(`^[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:[0-9][0-9_]*)?\.?[0-9_]*(?:[eE][-+]?[0-9]+)?)`)
	pythonInteger = regexp.MustCompile(`^[-+]?(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|0(?:_?0)*|[1-9](?:_?[0-9])*)$`)
	pythonFloat   = regexp.MustCompile(`^[-+]?(?:[0-9](?:_?[0-9])*)?\.?(?:[0-9](?:_?[0-9])*)?(?:[eE][-+]?[0-9]+)?$`)
	pythonName    = regexp.MustCompile(`^[A-Za-z_]\w*`)
)

func (p *literalParser) value(depth int) (any, bool) {
	p.space()
	if p.at >= len(p.text) || depth > maximumNesting {
		return nil, false
	}
	switch c := p.text[p.at]; {
	case c == '\'' || c == '"':
		return p.texts()
	case c == '[':
		p.at++
		items, _, ok := p.items(']', depth)
		return items, ok
	case c == '(':
		p.at++
		items, comma, ok := p.items(')', depth)
		if ok && len(items) == 1 && !comma {
			return items[0], true
		}
		return items, ok
	case c == '{':
		p.at++
		return p.dictionary(depth)
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9':
		return p.number()
	}
	name := pythonName.FindString(p.text[p.at:])
	p.at += len(name)
	switch name {
	case "True":
		return true, true
	case "False":
		return false, true
	case "None":
		return nil, true
	}
	return nil, false
}

func (p *literalParser) number() (any, bool) {
	text := pythonNumber.FindString(p.text[p.at:])
	p.at += len(text)
	digits := strings.ReplaceAll(text, "_", "")
	if pythonInteger.MatchString(text) {
		number, err := strconv.ParseInt(digits, 0, 64)
		if strings.TrimLeft(digits, "+-0") == "" {
			return 0, true
		}
		if err == nil {
			return int(number), true
		}
		whole, ok := new(big.Int).SetString(digits, 0)
		return whole, ok && errors.Is(err, strconv.ErrRange)
	}
	if pythonFloat.MatchString(text) && strings.ContainsAny(text, ".eE") && strings.ContainsAny(text, "0123456789") {
		number, err := strconv.ParseFloat(digits, 64)
		return number, err == nil || math.IsInf(number, 0)
	}
	return nil, false
}

func (p *literalParser) items(end byte, depth int) ([]any, bool, bool) {
	items, comma := []any{}, false
	for {
		if p.accept(end) {
			return items, comma, true
		}
		if len(items) > 0 && !comma {
			return nil, false, false
		}
		item, ok := p.value(depth + 1)
		if !ok {
			return nil, false, false
		}
		items = append(items, item)
		comma = p.accept(',')
	}
}

func (p *literalParser) dictionary(depth int) (any, bool) {
	result, comma := ordered.New(0), true
	for {
		if p.accept('}') {
			return result, true
		}
		if !comma {
			return nil, false
		}
		key, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		if !p.accept(':') {
			if result.Len() > 0 {
				return nil, false
			}
			return p.set(key, depth)
		}
		value, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		name, ok := key.(string)
		if !ok {
			if name, ok = literalKey(key); !ok {
				return nil, false
			}
		}
		result.Set(name, value)
		comma = p.accept(',')
	}
}

// set is a set after its first item, as a list.
func (p *literalParser) set(first any, depth int) (any, bool) {
	items := []any{first}
	for p.accept(',') {
		if p.accept('}') {
			return items, true
		}
		item, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		if !slices.ContainsFunc(items, func(known any) bool { return ordered.Same(known, item) }) {
			items = append(items, item)
		}
	}
	return items, p.accept('}')
}

func literalKey(key any) (string, bool) {
	switch k := key.(type) {
	case int:
		return strconv.Itoa(k), true
	case *big.Int:
		return k.String(), true
	case bool:
		if k {
			return "True", true
		}
		return "False", true
	case nil:
		return "None", true
	}
	return "", false
}

// texts reads one string literal or several side by side, which Python joins.
func (p *literalParser) texts() (any, bool) {
	var joined strings.Builder
	for {
		p.space()
		if p.at >= len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
			return joined.String(), true
		}
		quote := p.text[p.at]
		p.at++
		for {
			if p.at >= len(p.text) || p.text[p.at] == '\n' {
				return nil, false
			}
			c := p.text[p.at]
			p.at++
			if c == quote {
				break
			}
			if c != '\\' {
				joined.WriteByte(c)
				continue
			}
			if !p.escape(&joined) {
				return nil, false
			}
		}
	}
}

func (p *literalParser) escape(into *strings.Builder) bool {
	if p.at >= len(p.text) {
		return false
	}
	c := p.text[p.at]
	p.at++
	if at := strings.IndexByte("abfnrtv\\'\"", c); at >= 0 {
		into.WriteByte("\a\b\f\n\r\t\v\\'\""[at])
		return true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch {
	case c == '\n':
		return true
	case digits > 0:
		if p.at+digits > len(p.text) {
			return false
		}
		code, err := strconv.ParseUint(p.text[p.at:p.at+digits], 16, 32)
		if err != nil || code > utf8.MaxRune {
			return false
		}
		p.at += digits
		into.WriteRune(rune(code))
	case c >= '0' && c <= '7':
		end := p.at
		for end < len(p.text) && end < p.at+2 && p.text[end] >= '0' && p.text[end] <= '7' {
			end++
		}
		code, _ := strconv.ParseUint(p.text[p.at-1:end], 8, 32)
		p.at = end
		into.WriteRune(rune(code))
	default:
		into.WriteByte('\\')
		into.WriteByte(c)
	}
	return true
}
