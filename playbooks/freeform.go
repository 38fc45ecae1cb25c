package playbooks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

// errUnbalanced is Ansible's complaint about `k=v` arguments.
var errUnbalanced = errors.New("a quote or a pair of braces is opened and never closed")

// pair is one `key=value` of a string of arguments; offset is where it begins in the string, in bytes, and value where
// the value begins.
type pair struct {
	key, value    string
	offset, after int
}

// parsePairs reads `k=v k="v w"` as Ansible does: blanks within quotes and braces do not separate. When known is not
// nil the string is a free form, and only the keys that it names are taken out; all else is put together again as raw.
func parsePairs(text string, known []string) (pairs []pair, raw string, err error) {
	tokens, err := splitTokens(text)
	if err != nil {
		return nil, "", err
	}
	var rest []string
	for _, token := range tokens {
		decoded := decodeEscapes(token.text)
		equals := unescapedEquals(decoded)
		switch {
		case equals < 0 && strings.Contains(decoded, "="):
			rest = append(rest, strings.ReplaceAll(decoded, `\=`, "="))
		case equals < 0:
			rest = append(rest, token.text)
		case known != nil && !slices.Contains(known, decoded[:equals]):
			rest = append(rest, token.text)
		default:
			after := token.offset + strings.Index(token.text, "=") + 1
			pairs = append(pairs, pair{strings.TrimSpace(decoded[:equals]), unquote(strings.TrimSpace(decoded[equals+1:])), token.offset, after})
		}
	}
	for _, r := range rest {
		if raw != "" && !strings.HasSuffix(raw, "\n") {
			raw += " "
		}
		raw += r
	}
	return pairs, raw, nil
}

// KeyValues reads variables as --extra-vars has them: a=1 b="two words" c='it\'s'. What has no key is an error.
func KeyValues(text string) (map[string]any, error) {
	pairs, rest, err := parsePairs(text, nil)
	if err != nil {
		return nil, err
	}
	if rest != "" || len(pairs) == 0 && strings.TrimSpace(text) != "" {
		return nil, errors.New("must be key=value, YAML or JSON in braces, or @FILE")
	}
	values := make(map[string]any, len(pairs))
	for _, p := range pairs {
		values[p.key] = p.value
	}
	return values, nil
}

// unescapedEquals is where the key ends: the first = that is not the first character and has no backslash before it.
func unescapedEquals(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '=' && s[i-1] != '\\' {
			return i
		}
	}
	return -1
}

func unquote(s string) string {
	if len(s) > 1 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'') && s[len(s)-2] != '\\' {
		return s[1 : len(s)-1]
	}
	return s
}

var escape = regexp.MustCompile(`\\U[0-9a-fA-F]{8}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[\\'"abfnrtv]`)

func decodeEscapes(s string) string {
	return escape.ReplaceAllStringFunc(s, func(seq string) string {
		if len(seq) == 2 && (seq[1] == '\'' || seq[1] == '"') {
			return seq[1:]
		}
		text, err := strconv.Unquote(`"` + seq + `"`)
		if err != nil {
			return seq // a code point that there is not
		}
		return text
	})
}

type token struct {
	text   string
	offset int
}

// splitTokens separates at blanks and newlines but not within quotes nor {{ }}, {% %} and {# #}; blanks in between are
// kept with the token before them. It follows ansible/parsing/splitter.py, split_args.
func splitTokens(text string) ([]token, error) {
	var tokens []token
	appendTo := func(s string, offset int) {
		if len(tokens) == 0 {
			tokens = append(tokens, token{offset: offset})
		}
		tokens[len(tokens)-1].text += s
	}
	var quote byte
	braces, blocks, comments := 0, 0, 0
	lines := strings.Split(text, "\n")
	offset := 0
	for row, line := range lines {
		words := strings.Split(line, " ")
		continued := false
		for i, word := range words {
			at := offset
			offset += len(word) + 1
			if word == "" && i != 0 {
				appendTo(" ", at)
				continue
			}
			if word == `\` && quote == 0 {
				continued = true
				continue
			}
			quoted := quote != 0
			quote = quoteAfter(word, quote)
			inside := braces+blocks+comments > 0
			added := false
			switch {
			case quote != 0 && !quoted && !inside:
				tokens = append(tokens, token{word, at})
				added = true
			case inside || quote != 0 || quoted:
				switch {
				case i == 0 && quoted:
					appendTo(word, at)
				case len(words) > 1 && i > 0:
					appendTo(" "+word, at)
				case len(words) > 1:
					appendTo(word, at)
				default:
					appendTo("\n"+word, at)
				}
				added = true
			}
			for _, d := range []struct {
				depth       *int
				open, close string
			}{{&braces, "{{", "}}"}, {&blocks, "{%", "%}"}, {&comments, "{#", "#}"}} {
				before := *d.depth
				*d.depth = max(before+strings.Count(word, d.open)-strings.Count(word, d.close), 0)
				if *d.depth != before && !added {
					tokens = append(tokens, token{word, at})
					added = true
				}
			}
			if braces+blocks+comments == 0 && quote == 0 && !added && word != "" {
				tokens = append(tokens, token{word, at})
			}
		}
		if row != len(lines)-1 && !continued && len(tokens) > 0 {
			appendTo("\n", offset)
		}
	}
	if braces+blocks+comments > 0 || quote != 0 {
		return nil, errUnbalanced
	}
	return tokens, nil
}

// quoteAfter is the quote that is open after a word, 0 when none is.
func quoteAfter(word string, quote byte) byte {
	for i := 0; i < len(word); i++ {
		c := word[i]
		if c != '"' && c != '\'' || i > 0 && word[i-1] == '\\' {
			continue
		}
		switch quote {
		case 0:
			quote = c
		case c:
			quote = 0
		}
	}
	return quote
}

// lineColumn is a byte offset as line and column, from 1.
func lineColumn(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}

// splitAction separates the module's name from its arguments in `action: copy src=a`.
func splitAction(text string) (name, rest string, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", "", fmt.Errorf("it names no module")
	}
	if name, rest, _ = strings.Cut(text, " "); !isTemplate(name) {
		return name, strings.TrimSpace(rest), nil
	}
	tokens, err := splitTokens(text)
	if err != nil || len(tokens) < 2 {
		return text, "", err
	}
	return strings.TrimSpace(tokens[0].text), strings.TrimSpace(text[tokens[1].offset:]), nil
}

// SplitArguments tells apart what stands behind a module's name, once it is known which module that is: `k=v` pairs and the text
// of a free form, which is the argument that the module's table names for it.
func SplitArguments(m *tasks.Module, text string) (map[string]string, error) {
	pairs, raw, err := parsePairs(text, freeFormOptions(m))
	if err != nil {
		return nil, err
	}
	args := map[string]string{}
	for _, p := range pairs {
		args[p.key] = p.value
	}
	switch {
	case raw == "":
	case m.FreeForm == "":
		return nil, fmt.Errorf("%s takes no text without the name of an argument: %q", m.Name, raw)
	default:
		args[m.FreeForm] = raw
	}
	return args, nil
}

// freeFormOptions are the keys that are taken out of a free form as `k=v`; nil: the module has no free form.
func freeFormOptions(m *tasks.Module) []string {
	switch {
	case slices.Contains([]string{"command", "shell", "script", "raw"}, m.Name):
		return commandOptions
	case m.FreeForm == "":
		return nil
	}
	known := []string{}
	for _, a := range m.Args {
		if a.Name != m.FreeForm || m.Name == "include_vars" {
			known = append(append(known, a.Name), a.Aliases...)
		}
	}
	return known
}
