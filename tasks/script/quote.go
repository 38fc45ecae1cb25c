package script

import (
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

// Word is a word of a shell, quoted where it has to be.
type Word string

var homeOf = regexp.MustCompile(`^~[A-Za-z0-9_.-]*$`)

// Path is a path as a word of a shell, never taken for an option. A leading ~ or ~user is left for the host to expand.
func Path(path string) Word {
	first, rest, more := strings.Cut(path, "/")
	switch {
	case homeOf.MatchString(first) && !more:
		return Word(first)
	case homeOf.MatchString(first):
		return Word(first + "/" + remote.Quote(rest))
	case strings.HasPrefix(path, "/"):
		return Word(remote.Quote(path))
	}
	return Word(remote.Quote("./" + path))
}

// Pattern is a path whose *, ? and [] the shell expands.
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
	for _, r := range rest {
		if strings.ContainsRune("*?[]", r) {
			flush()
			out.WriteRune(r)
			continue
		}
		plain.WriteRune(r)
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
		text := word[m[0]:m[1]]
		name := strings.Trim(text, "${}")
		if name[0] >= '0' && name[0] <= '9' {
			continue
		}
		if m[0] > at {
			out += remote.Quote(word[at:m[0]])
		}
		out += `"${` + name + `-` + strings.ReplaceAll(strings.ReplaceAll(text, "$", `\$`), "}", `\}`) + `}"`
		at = m[1]
	}
	if at < len(word) || out == "" {
		out += remote.Quote(word[at:])
	}
	return out
}
