package pattern

import (
	"fmt"
	"strconv"
	"strings"
)

// Template is a replacement: text, and groups of a match.
type Template struct{ parts []templatePart }

type templatePart struct {
	text  string
	group int // -1: it is text
}

// Template reads a replacement with \1, \g<1>, \g<name> and the escapes of re.sub.
func (p *Pattern) Template(text string) (*Template, error) {
	t := &Template{}
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			t.parts = append(t.parts, templatePart{plain.String(), -1})
			plain.Reset()
		}
	}
	group := func(number int) error {
		if number > p.groups {
			return fmt.Errorf("the replacement %q has the group %d, and the expression %q has %d", text, number, p.source, p.groups)
		}
		flush()
		t.parts = append(t.parts, templatePart{group: number})
		return nil
	}
	octal := func(at, most int) int {
		end := at
		for end < len(text) && end < at+most && text[end] >= '0' && text[end] <= '7' {
			end++
		}
		return end
	}
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			plain.WriteByte(text[at])
			continue
		}
		if at++; at >= len(text) {
			return nil, fmt.Errorf("the replacement %q ends with a backslash", text)
		}
		switch c := text[at]; {
		case c == 'g':
			name, _, closed := strings.Cut(strings.TrimPrefix(text[at+1:], "<"), ">")
			if !strings.HasPrefix(text[at+1:], "<") || !closed {
				return nil, fmt.Errorf(`the replacement %q needs the name of a group behind \g, as in \g<1>`, text)
			}
			number, err := strconv.Atoi(name)
			if err != nil || number < 0 {
				known := false
				if number, known = p.names[name]; !known {
					return nil, fmt.Errorf("the replacement %q has the group %q, and the expression %q has none of that name", text, name, p.source)
				}
			}
			if err := group(number); err != nil {
				return nil, err
			}
			at += len(name) + 2
		case c == '0', c >= '1' && c <= '3' && octal(at, 3) == at+3:
			end := octal(at, 3)
			code, _ := strconv.ParseUint(text[at:end], 8, 16)
			plain.WriteRune(rune(code & 0xff))
			at = end - 1
		case c >= '1' && c <= '9':
			end := at + 1
			if end < len(text) && text[end] >= '0' && text[end] <= '9' {
				end++
			}
			number, _ := strconv.Atoi(text[at:end])
			if err := group(number); err != nil {
				return nil, err
			}
			at = end - 1
		case strings.IndexByte("abfnrtv\\", c) >= 0:
			plain.WriteByte("\a\b\f\n\r\t\v\\"[strings.IndexByte("abfnrtv\\", c)])
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			return nil, fmt.Errorf(`the replacement %q has \%c, which means nothing; \\%c is a backslash and that letter`, text, c, c)
		default:
			plain.WriteByte('\\')
			plain.WriteByte(c)
		}
	}
	flush()
	return t, nil
}

// Expand is what the template gives for a match in a text.
func (t *Template) Expand(text string, match []int) string {
	var out strings.Builder
	t.expand(&out, text, match)
	return out.String()
}

func (t *Template) expand(out *strings.Builder, text string, match []int) {
	for _, part := range t.parts {
		switch {
		case part.group < 0:
			out.WriteString(part.text)
		case match[2*part.group] >= 0:
			out.WriteString(text[match[2*part.group]:match[2*part.group+1]])
		}
	}
}
