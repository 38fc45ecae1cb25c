package dma

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Change is an ALTER SYSTEM DMA statement that a server runs for another session, or the session of a run that is about to
// send one. The engine goes on with a statement whose client is gone, also with one that still waits for another, and
// shows it in pg_stat_activity until it has ended (observed on 11.9). Only a superuser's session counts: others are refused
// the statement, and could have a run wait for what is none.
type Change struct {
	Session   string // its application_name
	Since     string // when the statement began, by the server's clock
	Statement string // "": it has not been sent yet
}

func (c Change) String() string {
	if c.Statement == "" {
		return "a statement that is on its way"
	}
	return fmt.Sprintf("%s (since %s)", c.Statement, c.Since)
}

// changeSession begins the name of every session that sends ALTER SYSTEM DMA for polarbook.
const changeSession = "polarbook change "

// NewChangeSession returns a name for a session that sends ALTER SYSTEM DMA, and for no other.
func NewChangeSession() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return changeSession + hex.EncodeToString(b)
}

const changeQuery = `select application_name, query_start, state, query from pg_stat_activity
 where pid <> pg_backend_pid() and usename in (select rolname from pg_roles where rolsuper)
 and (state = 'active' and query ilike '%alter%system%dma%' or application_name like '` + changeSession + `%')`

// changing begins every such statement, behind its comments.
var changing = regexp.MustCompile(`(?i)^alter\s+system\s+dma\b`)

// uncommented returns a statement from its first word on. Comments of this language nest.
func uncommented(statement string) string {
	for {
		statement = strings.TrimLeft(statement, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(statement, "--"):
			_, statement, _ = strings.Cut(statement, "\n")
		case strings.HasPrefix(statement, "/*"):
			depth, at := 1, 2
			for depth > 0 && at < len(statement) {
				switch rest := statement[at:]; {
				case strings.HasPrefix(rest, "/*"):
					depth, at = depth+1, at+2
				case strings.HasPrefix(rest, "*/"):
					depth, at = depth-1, at+2
				default:
					at++
				}
			}
			statement = statement[at:]
		default:
			return statement
		}
	}
}

func (v *View) change(r *row) {
	c := Change{Session: r.text(), Since: r.text()}
	state, statement := r.text(), r.text()
	c.Since, _, _ = strings.Cut(c.Since, ".")
	switch {
	case state == "active" && changing.MatchString(uncommented(statement)):
		c.Statement = strings.Join(strings.Fields(statement), " ")
	case !strings.HasPrefix(c.Session, changeSession):
		return
	}
	v.Changes = append(v.Changes, c)
}
