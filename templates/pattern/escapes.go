package pattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Python's \w is what is a letter or a number and the underscore, its \s has the separators of ASCII.
var (
	kinds      = map[rune]string{'d': `\d`, 's': `\s\x1c-\x1f`, 'w': `\p{L}\p{N}_`}
	asciiKinds = map[rune]string{'d': "0-9", 's': ` \t\n\r\f\v`, 'w': "a-zA-Z0-9_"}
)

// kind returns the members of \d, \s or \w, or of what is not in them.
func (t *translator) kind(c rune) (members string, negated, ok bool) {
	table := kinds
	if t.ascii {
		table = asciiKinds
	}
	members, ok = table[unicode.ToLower(c)]
	return members, unicode.IsUpper(c), ok
}

// escape reads what follows a backslash outside of classes.
func (t *translator) escape(begin int) (piece, error) {
	c := t.peek()
	switch {
	case c < 0:
		return piece{}, t.fail(begin, "the expression ends with a backslash")
	case c == 'A':
		t.at++
		return piece{`\A`, anchor}, nil
	case c == 'Z':
		t.at++
		return piece{`\z`, anchor}, nil
	case c == 'b' || c == 'B':
		t.at++
		return piece{t.border(c), anchor}, nil
	case c >= '1' && c <= '9':
		return t.numbered(begin)
	}
	if members, negated, ok := t.kind(c); ok {
		t.at++
		return piece{"[" + map[bool]string{true: "^"}[negated] + members + "]", atom}, nil
	}
	character, err := t.character(begin)
	return piece{literal(character), atom}, err
}

// border is \b or \B, which an empty text does not have.
func (t *translator) border(c rune) string {
	switch {
	case t.ascii && c == 'b':
		return `(?:(?<=[a-zA-Z0-9_])(?![a-zA-Z0-9_])|(?<![a-zA-Z0-9_])(?=[a-zA-Z0-9_]))`
	case t.ascii:
		return `(?!\A\z)(?:(?<=[a-zA-Z0-9_])(?=[a-zA-Z0-9_])|(?<![a-zA-Z0-9_])(?![a-zA-Z0-9_]))`
	case c == 'b':
		return `\b`
	}
	return `(?!\A\z)\B`
}

// numbered reads \1, \12, or the octal number of a character.
func (t *translator) numbered(begin int) (piece, error) {
	digits := ""
	for at := t.at; at < len(t.source) && at < t.at+3 && t.source[at] >= '0' && t.source[at] <= '9'; at++ {
		digits += string(t.source[at])
	}
	if code, err := strconv.ParseUint(digits, 8, 16); len(digits) == 3 && err == nil {
		t.at += 3
		if code > 0o377 {
			return piece{}, t.fail(begin, `\%s is no character`, digits)
		}
		return piece{literal(rune(code)), atom}, nil
	}
	digits = digits[:min(2, len(digits))]
	t.at += len(digits)
	number, _ := strconv.Atoi(digits)
	return t.reference(begin, number)
}

// character reads an escape that stands for one character, in or out of a class.
func (t *translator) character(begin int) (rune, error) {
	c := t.peek()
	t.at++
	if at := strings.IndexRune("afnrtv", c); at >= 0 {
		return rune("\a\f\n\r\t\v"[at]), nil
	}
	if digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 {
		end := min(len(t.source), t.at+digits)
		code, err := strconv.ParseUint(string(t.source[t.at:end]), 16, 32)
		if err != nil || end-t.at < digits || code > utf8.MaxRune {
			return 0, t.fail(begin, `\%c needs %d hexadecimal digits`, c, digits)
		}
		t.at = end
		return rune(code), nil
	}
	if c >= '0' && c <= '7' {
		end := t.at
		for end < len(t.source) && end < t.at+2 && t.source[end] >= '0' && t.source[end] <= '7' {
			end++
		}
		code, _ := strconv.ParseUint(string(t.source[t.at-1:end]), 8, 16)
		t.at = end
		if code > 0o377 {
			return 0, t.fail(begin, "this octal number is no character")
		}
		return rune(code), nil
	}
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
		return 0, t.fail(begin, `\%c means nothing`, c)
	}
	return c, nil
}

// class reads [...]. What is not \d, \s or \w is looked for beside the rest: a class cannot hold it.
func (t *translator) class(begin int) (string, error) {
	negated := t.accept("^")
	var members strings.Builder
	others := []string{}
	for first := true; ; first = false {
		if t.at >= len(t.source) {
			return "", t.fail(begin, "this [ is not closed")
		}
		if t.peek() == ']' && !first {
			t.at++
			break
		}
		from := t.at
		low, err := t.member()
		if err != nil {
			return "", err
		}
		if t.peek() == '-' && t.at+1 < len(t.source) && t.source[t.at+1] != ']' {
			t.at++
			high, err := t.member()
			if err != nil {
				return "", err
			}
			if low.kind+high.kind != "" || high.character < low.character {
				return "", t.fail(from, "the range %s means nothing", string(t.source[from:t.at]))
			}
			fmt.Fprintf(&members, "%s-%s", literal(low.character), literal(high.character))
			continue
		}
		switch {
		case low.kind == "":
			members.WriteString(literal(low.character))
		case low.negated:
			others = append(others, "[^"+low.kind+"]")
		default:
			members.WriteString(low.kind)
		}
	}
	if len(others) == 0 {
		return "[" + map[bool]string{true: "^"}[negated] + members.String() + "]", nil
	}
	if members.Len() > 0 {
		others = append(others, "["+members.String()+"]")
	}
	if negated {
		return `(?:(?!` + strings.Join(others, "|") + `)[\s\S])`, nil
	}
	return "(?:" + strings.Join(others, "|") + ")", nil
}

// member is a character of a class, or a kind of them such as \d.
type member struct {
	character rune
	kind      string
	negated   bool
}

func (t *translator) member() (member, error) {
	begin, c := t.at, t.peek()
	t.at++
	if c != '\\' {
		return member{character: c}, nil
	}
	c = t.peek()
	if c < 0 {
		return member{}, t.fail(begin, "the expression ends with a backslash")
	}
	if members, negated, ok := t.kind(c); ok {
		t.at++
		return member{0, members, negated}, nil
	}
	if c == 'b' {
		t.at++
		return member{character: '\b'}, nil
	}
	character, err := t.character(begin)
	return member{character: character}, err
}
