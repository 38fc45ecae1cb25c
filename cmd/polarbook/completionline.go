package main

import "strings"

// shellLine is a command line of bash up to the cursor, taken apart.
type shellLine struct {
	words []string // without quotes; the last is the one that is typed, and may be empty
	raw   string   // the last as it stands in the line
}

// splitLine takes a line apart as bash does: blanks, quotes and backslashes. What is substituted stays as it is written.
func splitLine(line string) shellLine {
	var l shellLine
	var word strings.Builder
	begun, quote, from := false, byte(0), 0
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if begun {
				l.words = append(l.words, word.String())
				word.Reset()
			}
			begun, from = false, i+1
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == c:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	l.words, l.raw = append(l.words, word.String()), line[from:]
	return l
}

// inserted makes of a candidate what bash is to put into the line. bash completes only what stands behind the last of its breaks (= and :
// among them), or behind a quote that is still open.
func (l shellLine) inserted(breaks string) func(string) string {
	quote, after := byte(0), 0
	for i := 0; i < len(l.raw); i++ {
		c := l.raw[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote, after = c, i+1
		case quote == c:
			quote = 0
		case c == '\\' && quote != '\'':
			i++
		case quote == 0 && strings.IndexByte(breaks, c) >= 0:
			after = i + 1
		}
	}
	words := splitLine(l.raw[:after]).words
	head := words[len(words)-1]
	return func(value string) string {
		rest := strings.TrimPrefix(value, head)
		if quote != 0 {
			return rest
		}
		var b strings.Builder
		for _, c := range rest {
			if strings.ContainsRune(" \t!\"#$&'()*;<>?[\\]^`{|}~", c) {
				b.WriteByte('\\')
			}
			b.WriteRune(c)
		}
		return b.String()
	}
}
