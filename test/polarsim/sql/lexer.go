package sql

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // folded to lower case
	tokenQuoted           // "Identifier"
	tokenString
	tokenNumber
	tokenParameter
	tokenOperator
)

type token struct {
	kind tokenKind
	text string
	at   int // byte offset
	end  int
}

const operatorCharacters = "+-*/<>=~!@#%^&|`?"

// tokenize splits a whole query string; comments and white space vanish.
func tokenize(s string) ([]token, error) {
	var out []token
	i := 0
	for i < len(s) {
		c := s[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			i++
			continue
		case strings.HasPrefix(s[i:], "--"):
			for i < len(s) && s[i] != '\n' {
				i++
			}
			continue
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				return nil, &Error{Code: "42601", Message: "unterminated /* comment", Position: i + 1}
			}
			i += end + 4
			continue
		case c == '\'':
			text, next, ok := quoted(s, i, '\'', false)
			if !ok {
				return nil, &Error{Code: "42601", Message: "unterminated quoted string at or near \"" + s[i:] + "\"", Position: i + 1}
			}
			i = next
			out = append(out, token{tokenString, text, start, i})
			continue
		case (c == 'e' || c == 'E') && i+1 < len(s) && s[i+1] == '\'':
			text, next, ok := quoted(s, i+1, '\'', true)
			if !ok {
				return nil, &Error{Code: "42601", Message: "unterminated quoted string at or near \"" + s[i:] + "\"", Position: i + 1}
			}
			i = next
			out = append(out, token{tokenString, text, start, i})
			continue
		case c == '"':
			text, next, ok := quoted(s, i, '"', false)
			if !ok {
				return nil, &Error{Code: "42601", Message: "unterminated quoted identifier at or near \"" + s[i:] + "\"", Position: i + 1}
			}
			i = next
			out = append(out, token{tokenQuoted, text, start, i})
			continue
		case c == '$' && i+1 < len(s) && isDigit(s[i+1]):
			i++
			for i < len(s) && isDigit(s[i]) {
				i++
			}
			out = append(out, token{tokenParameter, s[start+1 : i], start, i})
			continue
		case c == '$':
			end := strings.IndexByte(s[i+1:], '$')
			if end < 0 {
				return nil, syntaxError(s, start, i+1)
			}
			tag := s[i : i+end+2]
			body := strings.Index(s[i+len(tag):], tag)
			if body < 0 {
				return nil, &Error{Code: "42601", Message: "unterminated dollar-quoted string at or near \"" + s[i:] + "\"", Position: i + 1}
			}
			text := s[i+len(tag) : i+len(tag)+body]
			i += len(tag)*2 + body
			out = append(out, token{tokenString, text, start, i})
			continue
		case isDigit(c) || c == '.' && i+1 < len(s) && isDigit(s[i+1]):
			for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
				i++
			}
			if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
				i++
				for i < len(s) && (isDigit(s[i]) || s[i] == '-' || s[i] == '+') {
					i++
				}
			}
			out = append(out, token{tokenNumber, s[start:i], start, i})
			continue
		case strings.HasPrefix(s[i:], "::"):
			i += 2
		case strings.IndexByte("(),;.[]:", c) >= 0:
			i++
		case strings.IndexByte(operatorCharacters, c) >= 0:
			for i < len(s) && strings.IndexByte(operatorCharacters, s[i]) >= 0 && !strings.HasPrefix(s[i:], "--") {
				i++
				if i < len(s) && (s[i] == '-' || s[i] == '+') && !strings.ContainsAny(s[start:i], "~!@#%^&|`?") {
					break // =-1 is = and -1
				}
			}
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != '_' && !unicode.IsLetter(r) {
				return nil, syntaxError(s, i, i+size)
			}
			for i < len(s) {
				r, size := utf8.DecodeRuneInString(s[i:])
				if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
					break
				}
				i += size
			}
			out = append(out, token{tokenWord, strings.ToLower(s[start:i]), start, i})
			continue
		}
		out = append(out, token{tokenOperator, s[start:i], start, i})
	}
	return append(out, token{kind: tokenEnd, at: len(s), end: len(s)}), nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func quoted(s string, i int, quote byte, escapes bool) (text string, next int, ok bool) {
	var b strings.Builder
	for i++; i < len(s); i++ {
		switch {
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			b.WriteByte(quote)
			i++
		case s[i] == quote:
			return b.String(), i + 1, true
		case escapes && s[i] == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", i, false
}

func syntaxError(s string, at, end int) *Error {
	if at >= len(s) {
		return &Error{Code: "42601", Message: "syntax error at end of input", Position: len(s) + 1}
	}
	return &Error{Code: "42601", Message: "syntax error at or near \"" + s[at:end] + "\"", Position: utf8.RuneCountInString(s[:at]) + 1}
}
