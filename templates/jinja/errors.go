package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// Error is a mistake in a template, found when it is checked or rendered. Line and Column count from
// 1 within the template's text; a caller who knows where that text stands in a file adds the two.
type Error struct {
	Name    string // the template file, "" for text within a playbook
	Line    int
	Column  int
	Message string
	Text    string // the line of the template
	Cause   error  // what rendering failed with, nil for syntax errors
}

// Error returns file:line:column (the position alone for text within a playbook), the message and,
// for files and texts of several lines, the line it concerns.
func (e *Error) Error() string {
	position := fmt.Sprintf("%d:%d", e.Line, e.Column)
	switch {
	case e.Name != "":
		return fmt.Sprintf("%s:%s: %s, in the line: %s", e.Name, position, e.Message, shortened(strings.TrimSpace(e.Text)))
	case e.Line > 1:
		return fmt.Sprintf("line %d, column %d of the template: %s, in the line: %s",
			e.Line, e.Column, e.Message, shortened(strings.TrimSpace(e.Text)))
	}
	return fmt.Sprintf("%s, in the template: %s", e.Message, shortened(strings.TrimSpace(e.Text)))
}

func (e *Error) Unwrap() error { return e.Cause }

// UndefinedError means that a template uses a variable, an attribute or an element that is not there.
type UndefinedError struct {
	Name       string // what is missing, such as polardb_port or result.rows[0]
	Message    string
	Suggestion string
}

func (e *UndefinedError) Error() string {
	message := e.Message
	if message == "" {
		message = fmt.Sprintf("%q is undefined", e.Name)
	}
	if e.Suggestion != "" {
		message += fmt.Sprintf("; did you mean %q?", e.Suggestion)
	}
	return message
}

// LoopError means that a variable is defined by itself.
type LoopError struct {
	Chain []string // the names, the first again at the end
}

func (e *LoopError) Error() string {
	return "the variable is defined by itself: " + strings.Join(e.Chain, " -> ")
}

// longestQuote is how much of a template's line a message quotes, in characters.
const longestQuote = 300

func shortened(text string) string {
	if r := []rune(text); len(r) > longestQuote {
		return string(r[:longestQuote]) + "…"
	}
	return text
}

// syntaxError is an error with the offset in the template it was found at.
type syntaxError struct {
	offset  int
	message string
}

// failure is an error of rendering with the offset in the template it happened at.
type failure struct {
	offset int
	cause  error
}

func (f *failure) Error() string { return f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// locate gives a failure its place, unless it has one already from a place further in.
func locate(node expression, err error) error {
	var inner *failure
	var whole *Error
	if err == nil || errors.As(err, &inner) || errors.As(err, &whole) {
		return err
	}
	return &failure{node.offset(), err}
}

// position counts lines and columns (in characters) up to an offset, and returns the line's text.
func position(source string, offset int) (line, column int, text string) {
	offset = max(0, min(offset, len(source)))
	line = strings.Count(source[:offset], "\n") + 1
	start := strings.LastIndexByte(source[:offset], '\n') + 1
	column = len([]rune(source[start:offset])) + 1
	text, _, _ = strings.Cut(source[start:], "\n")
	return line, column, text
}
