package dma

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// PurgeDialect is the way to tell an engine up to where its consensus log may go. Releases differ, and not by their number.
type PurgeDialect string

// The dialects. PurgeBefore is accepted with a number and does not read it (engine: consensus_repl.c:2173-2182 stores the
// number for WEIGHT and MATCH INDEX only): the purge goes up to the number that one of those two set last on that server,
// and with 0, which is what a server starts with, as far as every member has the log.
const (
	PurgeBefore  PurgeDialect = "before" // PURGE LOGS BEFORE 'n'
	PurgeTo      PurgeDialect = "to"     // PURGE LOGS TO n
	PurgeUnknown PurgeDialect = ""
)

// FindPurgeDialect asks a server which form it can parse. Nothing is executed.
func FindPurgeDialect(ctx context.Context, conn *pgx.Conn) (PurgeDialect, error) {
	for _, d := range []PurgeDialect{PurgeBefore, PurgeTo} {
		_, err := conn.PgConn().Prepare(ctx, "", d.Purge(0), nil)
		switch {
		case err == nil:
			return d, nil
		case Code(err) != "42601":
			return PurgeUnknown, fmt.Errorf("ask which form of PURGE LOGS the engine knows: %w", err)
		}
	}
	return PurgeUnknown, errors.New("the engine knows neither PURGE LOGS BEFORE nor PURGE LOGS TO")
}

// Purge lets the leader and its followers free their logs up to an index that all members have.
func (d PurgeDialect) Purge(index int64) string {
	return "ALTER SYSTEM DMA PURGE LOGS " + d.upTo(index)
}

// ForcePurge frees the log of the server that it is sent to alone, whoever still needs it. It leaves purge_index as it is.
func (d PurgeDialect) ForcePurge(index int64) string {
	return "ALTER SYSTEM DMA FORCE PURGE LOGS " + d.upTo(index)
}

func (d PurgeDialect) upTo(index int64) string {
	if d == PurgeTo {
		return fmt.Sprintf("TO %d", index)
	}
	return fmt.Sprintf("BEFORE '%d'", index)
}

// nobody is an address that no member can have.
var nobody = Address{Host: "0.0.0.0", Port: 1}

// SetPurgeNumber sets the number that PURGE LOGS BEFORE uses in place of its own. As a match index of a member it would
// do harm; of an address that is none it changes nothing else (observed on 11.9).
func SetPurgeNumber(index int64) string {
	return statement(fmt.Sprintf("CHANGE NODE %%s MATCH INDEX TO '%d'", index), nobody)
}
