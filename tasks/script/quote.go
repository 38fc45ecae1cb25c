package script

import (
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

// Word is a word of a shell, quoted where it has to be.
type Word string

var homeOf = regexp.MustCompile(`^~[A-Za-z0-9_.-]*$`)

// Path is a path as a word of a shell, never taken for an option. A leading ~ or ~user and variables ($HOME, ${HOME}) are left
// for the host to replace, as Expanded has it.
func Path(path string) Word {
	first, _, _ := strings.Cut(path, "/")
	if homeOf.MatchString(first) || strings.HasPrefix(path, "/") || strings.HasPrefix(path, "$") && variable.MatchString(first) {
		return Word(Expanded(path))
	}
	return Word(Expanded("./" + path))
}

// Pattern is a path as Path has it, whose *, ? and [] the shell expands.
func Pattern(path string) Word {
	var out, plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			out.WriteString(remote.Quote(plain.String()))
			plain.Reset()
		}
	}
	rest := path
	if first, after, more := strings.Cut(path, "/"); homeOf.MatchString(first) {
		out.WriteString(first)
		rest = ""
		if more {
			out.WriteByte('/')
			rest = after
		}
	}
	for i := 0; i < len(rest); i++ {
		if m := variable.FindStringIndex(rest[i:]); m != nil && m[0] == 0 && replaced(rest[i:i+m[1]]) != "" {
			flush()
			out.WriteString(replaced(rest[i : i+m[1]]))
			i += m[1] - 1
			continue
		}
		if strings.IndexByte("*?[]", rest[i]) >= 0 {
			flush()
			out.WriteByte(rest[i])
			continue
		}
		plain.WriteByte(rest[i])
	}
	flush()
	return Word(out.String())
}

// Words quotes words and joins them to a command.
func Words(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = remote.Quote(w)
	}
	return strings.Join(quoted, " ")
}

var variable = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// Expanded is a word in which the host replaces ~ and variables; a variable that is not set stays as it is written, as
// in Python's expandvars.
func Expanded(word string) string {
	out := ""
	if first, rest, more := strings.Cut(word, "/"); first != "" && first[0] == '~' && homeOf.MatchString(first) {
		out, word = first, rest
		if more {
			out += "/"
		}
	}
	at := 0
	for _, m := range variable.FindAllStringIndex(word, -1) {
		value := replaced(word[m[0]:m[1]])
		if value == "" {
			continue
		}
		if m[0] > at {
			out += remote.Quote(word[at:m[0]])
		}
		out += value
		at = m[1]
	}
	if at < len(word) || out == "" {
		out += remote.Quote(word[at:])
	}
	return out
}

// replaced is a variable as a word in which the host replaces it; empty: it has no name that a shell knows.
func replaced(text string) string {
	name := strings.Trim(text, "${}")
	if name[0] >= '0' && name[0] <= '9' {
		return ""
	}
	return `"${` + name + `-` + strings.ReplaceAll(strings.ReplaceAll(text, "$", `\$`), "}", `\}`) + `}"`
}
