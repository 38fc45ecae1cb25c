package dma

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// What a statement's error is, is known by its code, whatever its text says.
func TestCommandErrorsHaveACode(t *testing.T) {
	for _, c := range []struct {
		code, said string
		restarting bool
	}{
		{"57P01", "terminating connection due to administrator command", true},
		{"57P02", "terminating connection because of crash of another server process", true},
		{"57P03", "the database system is in recovery mode", true},
		{"57014", "canceling statement due to user request (SQLSTATE 57P01)", false},
		{"XX000", "Failed to execute consensus command: Timeout.", false},
	} {
		var e *CommandError
		err := commandError("alter system dma change leader", &pgconn.PgError{Code: c.code, Message: c.said})
		if !errors.As(err, &e) || e.Code != c.code || e.Restarting() != c.restarting {
			t.Errorf("%s %q: %v, restarting %t, want %t", c.code, c.said, err, e.Restarting(), c.restarting)
		}
	}
}
