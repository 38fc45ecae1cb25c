package dma

import (
	"fmt"
	"strings"
)

// The ALTER SYSTEM DMA statements (engine: gram.y:10486). They take no bind parameters and run outside of transactions,
// alone in their query. All but ForceChangeLeader, ForcePurge and
// Singleton are for the leader.

// AddFollower adds a voter. The engine adds it as a learner first and changes it when it is at most 50 entries behind;
// the statement waits for that up to polar_dma_config_change_timeout, and on "Timeout." leaves the learner behind.
func AddFollower(a Address) string { return statement("ADD FOLLOWER %s", a) }

// AddLearner adds a member without a vote, at once.
func AddLearner(a Address) string { return statement("ADD LEARNER %s", a) }

// DropFollower removes a voter, which is not told.
func DropFollower(a Address) string { return statement("DROP FOLLOWER %s", a) }

// DropLearner removes a learner, also the one that a timed-out AddFollower left behind.
func DropLearner(a Address) string { return statement("DROP LEARNER %s", a) }

// LearnerToFollower gives a learner a vote. The engine lets it through for a dead node that was close enough.
func LearnerToFollower(a Address) string { return statement("CHANGE LEARNER %s TO FOLLOWER", a) }

// FollowerToLearner takes a follower's vote away.
func FollowerToLearner(a Address) string { return statement("CHANGE FOLLOWER %s TO LEARNER", a) }

// ChangeLeader asks for a change of leader and returns before anything happened; to a node that is dead or of weight 0
// it succeeds and does nothing.
func ChangeLeader(to Address) string { return statement("CHANGE LEADER TO %s", to) }

// ForceChangeLeader makes the follower it is sent to stand for election.
func ForceChangeLeader() string { return "ALTER SYSTEM DMA FORCE CHANGE LEADER" }

// Singleton makes the voter that it is sent to forget all other voters and lead alone; learners stay. The engine asks
// nobody else, so a majority that lives elsewhere goes on as a second cluster. A command that waits for the lost majority
// is waited for first, and the caller's session may end (observed on 11.9).
func Singleton() string { return "ALTER SYSTEM DMA CHANGE TO SINGLETON MODE" }

// ChangeWeight sets a voter's weight in elections, 0 to 9. It also clears force_sync.
func ChangeWeight(a Address, weight int) string {
	return statement("CHANGE NODE %s WEIGHT TO "+fmt.Sprint(weight), a)
}

func statement(format string, a Address) string {
	return "ALTER SYSTEM DMA " + fmt.Sprintf(format, Literal(a.String()))
}

// Literal quotes a string for SQL (standard_conforming_strings is on).
func Literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Identifier quotes a name for SQL.
func Identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
