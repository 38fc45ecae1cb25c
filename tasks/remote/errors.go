package remote

import (
	"errors"
	"fmt"
	"strings"
)

// UnreachableError means that a host could not be reached, that no way to log in
// to it was accepted, or that the connection to it was lost. It wraps the cause.
type UnreachableError struct {
	Host    string   // the inventory's name
	Jump    string   // "jump host NAME" when that is the one that could not be reached, else ""
	Address string   // host:port that was dialled
	Doing   string   // what was being done, such as "connect" or "log in as root"
	Tried   []string // the ways to log in that were tried or skipped, with the reason
	Err     error
}

func (e *UnreachableError) Error() string {
	var b strings.Builder
	b.WriteString(e.Host + ": ")
	if e.Jump != "" {
		b.WriteString(e.Jump + ": ")
	}
	b.WriteString("unreachable: " + e.Doing)
	if e.Address != "" {
		fmt.Fprintf(&b, " (%s)", e.Address)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if len(e.Tried) > 0 {
		fmt.Fprintf(&b, "; tried: %s", strings.Join(e.Tried, ", "))
	}
	return b.String()
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// errClosed is the cause when the connection was closed by our own Close.
var errClosed = errors.New("the connection was closed")
