package dma

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// What a consensus command can answer. The engine gives all of them SQLSTATE XX000; only the text tells them apart
// (engine: paxos_error.cc).
var (
	ErrTimeout    = errors.New("the cluster did not agree in time")
	ErrNotLeader  = errors.New("the node does not lead")
	ErrNotMember  = errors.New("the node is not in the member list under that role")
	ErrMember     = errors.New("the node is in the member list already")
	ErrConcurrent = errors.New("another membership command is running")
	ErrDelayed    = errors.New("the node is too far behind")
	ErrUnsettled  = errors.New("an earlier membership change was left unfinished")
	ErrLogger     = errors.New("a logger takes no membership commands")
	ErrLearner    = errors.New("a learner cannot do that")
	ErrArgument   = errors.New("the engine refused the value")
)

var texts = []struct {
	contains string
	err      error
}{
	{"Timeout.", ErrTimeout},
	{"Current node is not a leader.", ErrNotLeader},
	{"Replicate log fail.", ErrNotLeader}, // what most commands say on a follower
	{"Target node not exists.", ErrNotMember},
	{"Target node already exists.", ErrMember},
	{"A concurrent command is running", ErrConcurrent},
	{"This node delays too much.", ErrDelayed},
	{"Some error happens", ErrUnsettled},
	{"cannot execute this DMA command on logger node", ErrLogger},
	{"This node is already a learner.", ErrLearner},
	{"to a learner is not allowed", ErrLearner},
	{"Invalid argument", ErrArgument},
}

// CommandError is a consensus command that failed: the statement, what the engine said, and which of the errors above
// that is, for errors.Is.
type CommandError struct {
	Statement string
	Said      string
	Code      string // the SQLSTATE
	Kind      error  // nil when the text is not one we know
}

func (e *CommandError) Error() string {
	if e.Kind == nil {
		return fmt.Sprintf("%s: %s", e.Statement, e.Said)
	}
	return fmt.Sprintf("%s: %v (%s)", e.Statement, e.Kind, e.Said)
}

func (e *CommandError) Unwrap() error { return e.Kind }

func commandError(statement string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("%s: %w", statement, err)
	}
	said := strings.TrimPrefix(pg.Message, "Failed to execute consensus command: ")
	ce := &CommandError{Statement: statement, Said: said, Code: pg.Code}
	if pg.Code == "XX000" {
		for _, t := range texts {
			if strings.Contains(said, t.contains) {
				ce.Kind = t.err
				break
			}
		}
	}
	if ce.Kind == nil && pg.Code != "XX000" {
		ce.Said = fmt.Sprintf("%s (SQLSTATE %s)", said, pg.Code)
	}
	return ce
}

// Code returns an error's SQLSTATE, empty when it is not the server's.
func Code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// Restarting reports whether the answer is that of a server that ends its processes to start them anew (57P01, 57P02), or is
// doing so (57P03), and no refusal of the statement.
func (e *CommandError) Restarting() bool {
	return e.Code == "57P01" || e.Code == "57P02" || e.Code == "57P03"
}

// StartingUp reports whether the server refused the connection because it is starting up, shutting down or recovering
// (57P03). A node that has been started but not added says so for ever.
func StartingUp(err error) bool { return Code(err) == "57P03" }
