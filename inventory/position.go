package inventory

import (
	"fmt"
)

// Position is a place in a file, lines and columns counted from 1. The zero Position is unknown:
// the thing was made at run time or given on the command line.
type Position struct {
	File   string
	Line   int
	Column int
}

// String returns file:line:column, leaving out what is not known.
func (p Position) String() string {
	switch {
	case p.File == "" && p.Line == 0:
		return ""
	case p.File == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Column)
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Error is a mistake in a file, with the place it was found at.
type Error struct {
	Position Position
	Message  string
	cause    error
}

func (e *Error) Error() string {
	if at := e.Position.String(); at != "" {
		return at + ": " + e.Message
	}
	return e.Message
}

// Unwrap returns what the mistake comes from, nil where that is all there is to say.
func (e *Error) Unwrap() error { return e.cause }

func errorAt(position Position, format string, arguments ...any) *Error {
	return &Error{Position: position, Message: fmt.Sprintf(format, arguments...)}
}
