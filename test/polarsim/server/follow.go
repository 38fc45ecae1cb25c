package server

import (
	"os"
	"path/filepath"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/consensus"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// follow turns the node's role into what clients may do.
func (s *Server) follow() {
	// The consensus wakes it; the ticker is for what only takes time. Where nothing is under way it is slow: many servers idle at once.
	quick := max(s.scaled(100*time.Millisecond), 20*time.Millisecond)
	ticker := time.NewTicker(quick)
	defer ticker.Stop()
	var ready time.Time
	var term int64 // in which it became writable
	for {
		select {
		case <-s.ctx.Done():
			return
		case over := <-s.crashed:
			started := s.startOver()
			close(over)
			if !started {
				return
			}
			ready, term = time.Time{}, 0
		case <-s.walk:
		case <-ticker.C:
		}
		status := s.consensus().Status()
		s.mu.Lock()
		primary, current := s.primary, s.phase
		s.mu.Unlock()
		switch {
		case s.logger:
			if !status.LeaderReady {
				ready = time.Time{}
			} else if ready.IsZero() {
				ready = time.Now()
			} else if time.Since(ready) > s.scaled(4*time.Second) {
				ready = time.Now()
				s.passLead()
			}
		case primary && (s.foreignLeader(status) || status.LeaderReady && status.Term != term):
			// A leader that is elected again after it had lost its majority is restarted like one that follows.
			s.demote()
			ready = time.Time{}
		case primary:
		case status.LeaderReady:
			if ready.IsZero() {
				ready = time.Now()
			}
			if time.Since(ready) >= s.scaled(200*time.Millisecond) {
				s.promote()
				term = status.Term
			}
		default:
			ready = time.Time{}
			if current == startingUp && s.consistent(status) {
				s.becomeHotStandby()
			}
		}
		if s.settled() {
			ticker.Reset(10 * quick)
		} else {
			ticker.Reset(quick)
		}
	}
}

// settled reports whether the server is all that its role lets it be, so that only the consensus can change anything.
func (s *Server) settled() bool {
	s.mu.Lock()
	primary, current := s.primary, s.phase
	s.mu.Unlock()
	if s.logger || current != accepting {
		return false
	}
	role := s.consensus().Status().Role
	return primary || role == consensus.Follower || role == consensus.Learner
}

// foreignLeader reports whether this node follows another, or has dropped itself.
func (s *Server) foreignLeader(status consensus.Status) bool {
	if status.LeaderAddress != "" && status.LeaderAddress != status.Meta.Self {
		return true
	}
	return status.Role == consensus.Learner || status.Dropped
}

func (s *Server) setPhase(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != shuttingDown {
		s.setPhaseLocked(p)
	}
}

// setPhaseLocked needs the lock that its name says, and lets postmaster.pid follow.
func (s *Server) setPhaseLocked(p phase) {
	s.phase = p
	select {
	case s.turn <- struct{}{}:
	default:
	}
}

func (s *Server) promote() {
	s.mu.Lock()
	if s.phase != shuttingDown {
		s.primary = true
		s.setPhaseLocked(accepting)
	}
	s.mu.Unlock()
	s.forgetBackupLabel()
	s.writeControl(datadir.InProduction)
	s.log.printf("LOG", "database system is ready to accept connections")
}

// consistent reports whether the write-ahead log streams and everything known to be committed is applied.
func (s *Server) consistent(status consensus.Status) bool {
	if status.Dropped {
		return true // what it has is all it will ever have
	}
	if status.Role == consensus.Leader {
		return true // the others may have to get write-ahead log from it before they can take what is in its log
	}
	return s.canReceive() && status.LeaderAddress != "" && status.Applied >= status.Commit
}

func (s *Server) becomeHotStandby() {
	s.setPhase(accepting)
	s.forgetBackupLabel()
	s.log.printf("LOG", "consistent recovery state reached")
	s.log.printf("LOG", "database system is ready to accept read only connections")
}

func (s *Server) hasBackupLabel() bool {
	_, err := os.Stat(filepath.Join(s.settings.pgdata, "backup_label"))
	return err == nil
}

func (s *Server) forgetBackupLabel() {
	name := filepath.Join(s.settings.pgdata, "backup_label")
	if _, err := os.Stat(name); err == nil {
		_ = os.Rename(name, name+".old")
	}
}

// demote is the engine's way from leader to follower: everything but the postmaster is restarted.
func (s *Server) demote() {
	s.log.printf("LOG", "terminating any other active server processes")
	s.crashSessions()
	s.writeControl(datadir.InRecovery)
	s.pause(s.scaled(1900 * time.Millisecond))
	s.log.printf("LOG", "all server processes terminated; reinitializing")
	s.setPhase(startingUp)
	s.pause(s.scaled(400 * time.Millisecond))
}

// startOver is what the postmaster does when one of its processes was killed: all of them, the one that takes part in
// the consensus too, are started anew. False when the server was stopped meanwhile.
func (s *Server) startOver() bool {
	s.crashSessions()
	s.consensus().Stop()
	s.writeControl(datadir.InRecovery)
	s.pause(s.scaled(1900 * time.Millisecond))
	s.log.printf("LOG", "all server processes terminated; reinitializing")
	if s.ctx.Err() != nil || !s.startConsensus() {
		return false
	}
	s.setPhase(startingUp)
	s.pause(s.scaled(400 * time.Millisecond))
	return true
}

// crashSessions ends all sessions in the way that a crash does; nobody is let in meanwhile.
func (s *Server) crashSessions() {
	s.mu.Lock()
	s.primary = false
	if s.phase != shuttingDown {
		s.setPhaseLocked(inRecovery)
	}
	s.mu.Unlock()
	s.killSessions(&sql.Error{Severity: "WARNING", Code: "57P02", Message: "terminating connection because of crash of another server process",
		Detail: "The postmaster has commanded this server process to roll back the current transaction and exit, " +
			"because another server process exited abnormally and possibly corrupted shared memory.",
		Hint: "In a moment you should be able to reconnect to the database and repeat your command."})
}
