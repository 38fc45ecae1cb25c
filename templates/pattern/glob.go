package pattern

import (
	"regexp"
	"strings"
)

// Glob returns the expression, of Go's package regexp, that stands for a pattern of names as Python's fnmatch has it: *, ?, [abc] and
// [!abc]; a [ that is not closed is itself.
func Glob(glob string) string {
	var expression strings.Builder
	expression.WriteString(`(?s)^`)
	pattern := []rune(glob)
	for at := 0; at < len(pattern); at++ {
		switch c := pattern[at]; c {
		case '*':
			expression.WriteString(`.*`)
		case '?':
			expression.WriteString(`.`)
		case '[':
			end := at + 1
			if end < len(pattern) && pattern[end] == '!' {
				end++
			}
			if end < len(pattern) && pattern[end] == ']' {
				end++
			}
			for end < len(pattern) && pattern[end] != ']' {
				end++
			}
			if end >= len(pattern) {
				expression.WriteString(`\[`)
				continue
			}
			set := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`).Replace(string(pattern[at+1 : end]))
			if strings.HasPrefix(set, "!") {
				set = "^" + set[1:]
			} else if strings.HasPrefix(set, "^") {
				set = `\` + set
			}
			expression.WriteString("[" + set + "]")
			at = end
		default:
			expression.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	expression.WriteString(`$`)
	return expression.String()
}
