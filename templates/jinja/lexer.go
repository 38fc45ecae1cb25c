package jinja

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenString
	tokenInteger
	tokenFloat
	tokenOperator
)

// token is a word of an expression. offset counts bytes from the beginning of the template.
type token struct {
	kind   tokenKind
	text   string
	value  any
	offset int
}

// String names the token in a message.
func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the expression"
	case tokenString:
		return "the string " + Repr(t.value)
	}
	return fmt.Sprintf("%q", t.text)
}

// One anchor before all that is looked for: with one in each branch the rest of the template is searched for every number.
var (
	floatForm = regexp.MustCompile(`^(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:_[0-9]+)*)?[eE][+\-]?[0-9]+(?:_[0-9]+)*|` +
		`[0-9]+(?:_[0-9]+)*\.[0-9]+(?:_[0-9]+)*)`)
	integerForm = regexp.MustCompile(`^(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?[0-9])*|0(?:_?0)*)`)
	operators   = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">",
		"<", "=", ".", ":", "|", ",", ";"}
)

// tokenize splits an expression that is the whole of source.
func tokenize(source string) ([]token, *syntaxError) {
	w := &words{source: source}
	return w.all()
}

// words splits an expression into its tokens.
type words struct {
	source  string
	at      int    // where what has not been read begins
	closing string // the braces that end the tag, "" where the source is one expression and nothing else
	tag     bool   // it is a tag, whose end may have a + before it
	line    bool   // it is a statement that ends with its line
	open    []byte // what closes the brackets that are open, the innermost last
	// literal is true where a backslash stands for itself but before its string's quote, as Ansible has it in the {{ expressions }}
	// of playbooks: '\1' in a regular expression is a group there, and not the character with the number 1.
	literal bool
}

// all returns the tokens up to the end of the tag, where at then stands (on the - or + before the braces where there is one), or
// up to the end of the source. The last token is the end.
func (w *words) all() ([]token, *syntaxError) {
	var tokens []token
	for w.at < len(w.source) && !w.closed() {
		first, size := utf8.DecodeRuneInString(w.source[w.at:])
		if isBlank(first) {
			w.at += size
			continue
		}
		t, err := w.next(first)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		w.at += len(t.text)
	}
	return append(tokens, token{kind: tokenEnd, offset: w.at}), nil
}

// closed reports whether the tag ends here. Within brackets it does not.
func (w *words) closed() bool {
	if len(w.open) > 0 || w.closing == "" && !w.line {
		return false
	}
	if w.line {
		return lineEnd(w.source, w.at) >= 0
	}
	rest := w.source[w.at:]
	return strings.HasPrefix(rest, w.closing) || strings.HasPrefix(rest, "-"+w.closing) ||
		w.tag && strings.HasPrefix(rest, "+"+w.closing)
}

// next reads the token that begins with first.
func (w *words) next(first rune) (token, *syntaxError) {
	rest := w.source[w.at:]
	switch {
	case first == '\'' || first == '"':
		value, length, problem := unquote(rest, w.literal)
		if problem != "" {
			return token{}, &syntaxError{offset: w.at, message: problem}
		}
		return token{tokenString, rest[:length], value, w.at}, nil
	case first >= '0' && first <= '9':
		// foo.0.1 is two subscripts, not one with the number 0.1.
		return numberToken(rest, w.at, w.at == 0 || w.source[w.at-1] != '.')
	case first == '_' || unicode.IsLetter(first):
		length := strings.IndexFunc(rest, func(r rune) bool {
			return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
		})
		if length < 0 {
			length = len(rest)
		}
		return token{kind: tokenName, text: rest[:length], offset: w.at}, nil
	}
	for _, operator := range operators {
		if strings.HasPrefix(rest, operator) {
			return token{kind: tokenOperator, text: operator, offset: w.at}, w.balance(operator)
		}
	}
	return token{}, &syntaxError{offset: w.at, message: fmt.Sprintf("the character %q means nothing in an expression", string(first))}
}

// balance keeps account of the brackets that are open.
func (w *words) balance(operator string) *syntaxError {
	switch operator {
	case "(":
		w.open = append(w.open, ')')
	case "[":
		w.open = append(w.open, ']')
	case "{":
		w.open = append(w.open, '}')
	case ")", "]", "}":
		if len(w.open) == 0 {
			return nil // which the parser finds, and says what it expected
		}
		expected := string(w.open[len(w.open)-1])
		if w.open = w.open[:len(w.open)-1]; expected != operator {
			return &syntaxError{offset: w.at, message: fmt.Sprintf("expected %q, found %q", expected, operator)}
		}
	}
	return nil
}

func numberToken(rest string, begin int, float bool) (token, *syntaxError) {
	if text := floatForm.FindString(rest); float && text != "" {
		number, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		if err != nil && !math.IsInf(number, 0) {
			return token{}, &syntaxError{offset: begin, message: text + " is not a number"}
		}
		return token{tokenFloat, text, number, begin}, nil
	}
	text := integerForm.FindString(rest)
	number, err := ParseWhole(strings.ReplaceAll(text, "_", ""), 0)
	if strings.Trim(text, "0_") == "" {
		number, err = 0, nil
	}
	if errors.Is(err, ErrTooLarge) {
		return token{}, &syntaxError{offset: begin, message: "this number has more than 4300 digits"}
	}
	if err != nil || len(text) < len(rest) && rest[len(text)] >= '0' && rest[len(text)] <= '9' {
		return token{}, &syntaxError{offset: begin, message: "this number cannot be read: it has a leading zero"}
	}
	return token{tokenInteger, text, number, begin}, nil
}

// unquote reads a string literal with Python's escapes, or with none where it is literal, from the beginning of text.
func unquote(text string, literal bool) (value string, length int, problem string) {
	quote := text[0]
	var out strings.Builder
	for at := 1; at < len(text); at++ {
		c := text[at]
		if c == quote {
			return out.String(), at + 1, ""
		}
		if c != '\\' {
			out.WriteByte(c)
			continue
		}
		if at++; at >= len(text) {
			break
		}
		c = text[at]
		if literal {
			if c != quote {
				out.WriteByte('\\')
			}
			out.WriteByte(c)
			continue
		}
		if plain := strings.IndexByte("abfnrtv\\'\"", c); plain >= 0 {
			out.WriteByte("\a\b\f\n\r\t\v\\'\""[plain])
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		switch {
		case c == '\n':
		case digits > 0:
			if at+digits >= len(text) {
				return "", 0, "this string is not closed"
			}
			code, err := strconv.ParseUint(text[at+1:at+1+digits], 16, 32)
			if err != nil || code > utf8.MaxRune {
				return "", 0, "an escape in this string is not followed by its hexadecimal digits"
			}
			out.WriteRune(rune(code))
			at += digits
		case c >= '0' && c <= '7':
			end := at + 1
			for end < len(text) && end < at+3 && text[end] >= '0' && text[end] <= '7' {
				end++
			}
			code, _ := strconv.ParseUint(text[at:end], 8, 32)
			out.WriteRune(rune(code))
			at = end - 1
		default:
			out.WriteByte('\\')
			out.WriteByte(c)
		}
	}
	return "", 0, "this string is not closed"
}
