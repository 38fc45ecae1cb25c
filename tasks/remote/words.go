package remote

import (
	"errors"
	"fmt"
	"strings"
)

// SplitWords splits a command line as a POSIX shell does, without expanding anything (Python's shlex).
func SplitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, started := rune(0), false
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			if in == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && in != '\'':
			escaped, started = true, true
		case in != 0 && r == in:
			in = 0
		case in != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			in, started = r, true
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if in != 0 {
		return nil, fmt.Errorf("the quotation that begins with %c never ends", in)
	}
	if escaped {
		return nil, errors.New("nothing follows the backslash at the end")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}
