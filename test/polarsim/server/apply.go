package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/consensus"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// record is what the log carries: statements to be run alike on every node.
type record struct {
	ID         string
	Database   string
	User       string
	Now        int64 // microseconds
	Statements []recorded
}

type recorded struct {
	Text       string
	Parameters []*string
	Types      []uint32
	Encryption string `json:",omitempty"` // of a password in it
	Salt       []byte `json:",omitempty"`
}

// applied is the outcome on this node.
type applied struct {
	results []*sql.Result
	err     error
}

// write replicates statements and waits until this node has applied them. A leader without a majority waits
// for as long as the client does.
func (s *Server) write(ctx context.Context, r record) (applied, error) {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return applied{}, err
	}
	if err := s.placed(&r); err != nil {
		return applied{}, err
	}
	r.ID = hex.EncodeToString(id[:])
	r.Now = time.Now().UnixMicro()
	data, err := json.Marshal(r)
	if err != nil {
		return applied{}, err
	}
	if s.consensus() == nil {
		old := s.state.Load()
		state, result := s.execute(old, &r)
		s.keepFiles(old, state)
		state.Applied++
		s.state.Store(state)
		return result, nil
	}
	answer := make(chan applied, 1)
	s.mu.Lock()
	s.waiters[r.ID] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiters, r.ID)
		s.mu.Unlock()
	}()
	if _, err := s.consensus().Propose(ctx, data); err != nil {
		return applied{}, err
	}
	select {
	case result := <-answer:
		return result, nil
	case <-ctx.Done():
		return applied{}, ctx.Err()
	case <-s.ctx.Done():
		return applied{}, s.ctx.Err()
	}
}

// placed refuses a tablespace whose location cannot be one, before anybody else hears of it.
func (s *Server) placed(r *record) error {
	for _, statement := range r.Statements {
		parsed, err := sql.Parse(statement.Text)
		if err != nil || len(parsed) != 1 || parsed[0].Change == nil {
			continue // whoever runs it says so
		}
		location, ok := sql.NewTablespaceIn(parsed[0].Change)
		if !ok {
			continue
		}
		if err := os.Chmod(location, 0o700); err != nil {
			return sql.Errorf("58P01", "directory \"%s\" does not exist", location)
		}
		if version := filepath.Join(location, datadir.SpaceVersion); exists(version) {
			return sql.Errorf("55006", "directory \"%s\" already in use as a tablespace", version)
		}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func (s *Server) keepFiles(old, now *sql.State) {
	if s.logger {
		return
	}
	if err := datadir.KeepFiles(s.root, s.settings.pgdata, old, now); err != nil {
		s.log.printf("FATAL", "%v", err)
	}
}

// apply runs one committed entry. Every node comes to the same state, errors included.
func (s *Server) apply(entry consensus.Entry) {
	var r record
	old := s.state.Load()
	state := old
	result := applied{}
	s.applyMu.Lock()
	if err := json.Unmarshal(entry.Data, &r); err != nil {
		s.log.printf("LOG", "could not read log entry %d: %v", entry.Index, err)
		state = state.Clone()
	} else if s.logger {
		state = state.Clone() // a logger keeps the log and none of the data
	} else {
		state, result = s.execute(state, &r)
	}
	s.keepFiles(old, state)
	state.Applied = entry.Index
	s.state.Store(state)
	s.wrote()
	s.applyMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastReply = time.UnixMicro(r.Now)
	if waiter := s.waiters[r.ID]; waiter != nil {
		waiter <- result
	}
}

// execute runs a record on a copy of the state; if anything fails, nothing of it stays.
func (s *Server) execute(state *sql.State, r *record) (*sql.State, applied) {
	next := state.Clone()
	var out applied
	for _, statement := range r.Statements {
		result, err := executeOne(next, r, statement)
		if err != nil {
			return state.Clone(), applied{err: err}
		}
		out.results = append(out.results, result)
	}
	return next, out
}

func executeOne(state *sql.State, r *record, statement recorded) (*sql.Result, error) {
	parsed, err := sql.Parse(statement.Text)
	if err != nil {
		return nil, err
	}
	if len(parsed) != 1 || parsed[0].Change == nil {
		return nil, sql.Errorf("XX000", "not one change: %s", statement.Text)
	}
	c := &sql.Context{State: state, Database: r.Database, User: r.User, Now: r.Now, Types: statement.Types,
		Encryption: statement.Encryption, Salt: statement.Salt}
	for i, text := range statement.Parameters {
		if text == nil {
			c.Parameters = append(c.Parameters, nil)
			continue
		}
		v, err := sql.Cast(*text, 0, statement.Types[i])
		if err != nil {
			return nil, err
		}
		c.Parameters = append(c.Parameters, v)
	}
	return c.Execute(parsed[0].Change)
}
