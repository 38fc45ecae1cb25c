package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/consensus"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// dmaCommand is one form of ALTER SYSTEM DMA. The address, if it takes one, is its first value.
type dmaCommand struct {
	noLogger bool // refused on a logger
	plain    bool // has no address
	run      func(n *consensus.Node, address string, s *Server, values []string) error
}

type node = consensus.Node

var dmaCommands = map[string]dmaCommand{
	"add follower":  {noLogger: true, run: func(n *node, a string, _ *Server, _ []string) error { return n.AddFollower(a) }},
	"add learner":   {noLogger: true, run: func(n *node, a string, _ *Server, _ []string) error { return n.AddLearner(a) }},
	"drop follower": {noLogger: true, run: func(n *node, a string, _ *Server, _ []string) error { return n.DropFollower(a) }},
	"drop learner":  {noLogger: true, run: func(n *node, a string, _ *Server, _ []string) error { return n.DropLearner(a) }},
	"change learner to follower": {noLogger: true, run: func(n *node, a string, _ *Server, _ []string) error {
		return n.LearnerToFollower(a)
	}},
	"change follower to learner": {noLogger: true, run: func(n *node, a string, _ *Server, _ []string) error {
		return n.FollowerToLearner(a)
	}},
	"change leader to": {run: func(n *node, a string, _ *Server, _ []string) error { return n.ChangeLeader(a) }},
	"change node weight to": {noLogger: true, run: func(n *node, a string, _ *Server, v []string) error {
		return n.SetWeight(a, number(v[1]))
	}},
	"change node match index to": {run: func(n *node, a string, _ *Server, v []string) error {
		n.SetMatchIndex(a, int64(number(v[1])))
		return nil
	}},
	"force change leader":      {plain: true, run: func(n *node, _ string, _ *Server, _ []string) error { n.ForceChangeLeader(); return nil }},
	"change to singleton mode": {noLogger: true, plain: true, run: singleton},
	"change cluster to":        {plain: true, run: func(n *node, _ string, _ *Server, _ []string) error { n.ChangeCluster(); return nil }},
	"purge logs":               {plain: true, run: purge},
	"purge logs before":        {plain: true, run: purge},
	"purge logs to":            {plain: true, run: purge},
	"force purge logs before":  {plain: true, run: forcePurge},
	"force purge logs to":      {plain: true, run: forcePurge},
}

// singleton lets a node go on alone. One that became a voter since it was started starts over and waits for a leader
// for ever.
func singleton(n *node, _ string, s *Server, _ []string) error {
	err := n.Singleton()
	if errors.Is(err, consensus.ErrAborted) {
		s.wait.Add(1)
		go func() {
			defer s.wait.Done()
			s.demote()
		}()
	}
	return err
}

// number returns what the engine makes of a number in quotes: 0 of anything that is none.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func purge(n *node, _ string, s *Server, values []string) error {
	return purgeLogs(n, s, values, false)
}

func forcePurge(n *node, _ string, s *Server, values []string) error {
	return purgeLogs(n, s, values, true)
}

func purgeLogs(n *node, s *Server, values []string, force bool) error {
	var told *int64
	if len(values) > 0 && s.settings.text("polarsim_dialect") == "to" {
		v := int64(number(values[0]))
		told = &v
	}
	return n.Purge(force, s.settings.number("polar_dma_log_keep_size")<<20, told)
}

// dialect refuses the form of PURGE LOGS that the engine played here does not have in its grammar.
func (c *session) dialect(statement *sql.Statement) error {
	if statement.Admin == nil || !strings.HasPrefix(statement.Admin.Words, "alter system dma ") {
		return nil
	}
	words := statement.Admin.Words
	listens := c.server.settings.text("polarsim_dialect") == "to"
	if strings.Contains(words, "logs to") != listens && len(statement.Admin.Values) == 1 && strings.Contains(words, "logs") {
		return sql.Errorf("42601", "syntax error at or near \"%s\"", strings.ToUpper(words[strings.LastIndex(words, " ")+1:]))
	}
	return nil
}

// dma runs ALTER SYSTEM DMA. The command goes on whatever becomes of the client: a cancel is answered only when
// it has ended, and its effect stands.
func (c *session) dma(ctx context.Context, statement *sql.Statement) (*sql.Result, error) {
	if !c.context(nil).IsSuper() {
		return nil, sql.Errorf("42501", "must be superuser to execute ALTER SYSTEM command")
	}
	if c.transaction != nil {
		return nil, sql.Errorf("25001", "ALTER SYSTEM cannot run inside a transaction block")
	}
	words := strings.TrimPrefix(statement.Admin.Words, "alter system dma ")
	command, known := dmaCommands[words]
	if err := c.dialect(statement); err != nil {
		return nil, err
	}
	switch {
	case !known:
		return nil, sql.Errorf("0A000", "polarsim does not know ALTER SYSTEM DMA %s", strings.ToUpper(words))
	case c.server.consensus() == nil:
		return nil, sql.Errorf("XX000", "DMA mode is not enabled")
	case c.server.logger && command.noLogger:
		return nil, sql.Errorf("XX000", "cannot execute this DMA command on logger node")
	}
	address := ""
	if !command.plain {
		var err error
		if address, err = consensus.Shift(statement.Admin.Values[0], int(c.server.settings.number("polar_dma_port_deviation"))); err != nil {
			return nil, sql.Errorf("XX000", "%s", err)
		}
	}
	done := make(chan error, 1)
	c.server.wait.Add(1)
	go func() {
		defer c.server.wait.Done()
		done <- command.run(c.server.consensus(), address, c.server, statement.Admin.Values)
	}()
	var err error
	select {
	case err = <-done:
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
	if errors.Is(err, consensus.ErrAborted) {
		<-c.ctx.Done()
		return nil, c.ctx.Err()
	}
	if ctx.Err() != nil {
		return nil, sql.Errorf("XX000", "canceling wait for consesus command due to user request")
	}
	if err != nil {
		return nil, &sql.Error{Code: "XX000", Message: "Failed to execute consensus command: " + err.Error(),
			Routine: "consensus_wait_for_command"}
	}
	c.server.diesOf(words)
	own := words == "drop follower" && address == c.server.consensus().Status().Meta.Self
	if own || words == "change to singleton mode" && c.server.isPrimary() {
		// Both end in a restart of everything, and the restart is faster than the answer.
		select {
		case <-c.ctx.Done():
			return nil, c.ctx.Err()
		case <-time.After(4 * c.server.timeout):
		}
	}
	return &sql.Result{Tag: "ALTER SYSTEM"}, nil
}

// diesOf ends the server at once, as kill -9 does, when the file polarsim.dies of its data directory holds the command that was
// just carried out: the client gets no answer. The file goes with it, so the next start is an ordinary one.
func (s *Server) diesOf(words string) {
	file := filepath.Join(s.settings.pgdata, "polarsim.dies")
	if of, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(of)) == words && os.Remove(file) == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}
