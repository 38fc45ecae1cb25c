package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// archiver runs archive_command for each file of the log that is finished, and is what pg_stat_archiver shows.
type archiver struct {
	mu                   sync.Mutex
	archived, failed     int64
	lastArchived         string
	lastFailed           string
	archivedAt, failedAt time.Time
}

// finishSegment finishes a file of the write-ahead log, as pg_switch_wal does. The log itself is the consensus log, so the file
// holds its end only.
func (s *Server) finishSegment(lsn uint64) error {
	if s.settings.text("archive_mode") == "off" {
		return nil
	}
	name := fmt.Sprintf("%08X%08X%08X", s.control.Timeline, lsn>>32, uint32(lsn))
	status := filepath.Join(s.root, "pg_wal", "archive_status")
	if err := os.MkdirAll(status, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.root, "pg_wal", name), []byte(sql.FormatLSN(lsn)+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(status, name+".ready"), nil, 0o600)
}

// archive hands the finished files to archive_command, the oldest first. One that fails is tried again, and none passes it.
func (s *Server) archive() {
	defer s.wait.Done()
	for s.ctx.Err() == nil {
		ready, _ := filepath.Glob(filepath.Join(s.root, "pg_wal", "archive_status", "*.ready"))
		command := s.settings.text("archive_command")
		if len(ready) == 0 || command == "" || !s.isPrimary() && s.settings.text("archive_mode") != "always" {
			s.pause(100 * time.Millisecond)
			continue
		}
		if !s.archiveOne(command, ready[0]) {
			s.pause(time.Second)
		}
	}
}

func (s *Server) archiveOne(command, ready string) bool {
	name := strings.TrimSuffix(filepath.Base(ready), ".ready")
	text := strings.NewReplacer("%p", filepath.Join(s.root, "pg_wal", name), "%f", name, "%%", "%").Replace(command)
	said, err := exec.CommandContext(s.ctx, "sh", "-c", text).CombinedOutput()
	a := &s.archiver
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.failed, a.lastFailed, a.failedAt = a.failed+1, name, time.Now()
		s.log.line(strings.TrimSpace(string(said)))
		s.log.printf("LOG", "archive command failed: %v\nDETAIL:  The failed archive command was: %s", err, text)
		return false
	}
	a.archived, a.lastArchived, a.archivedAt = a.archived+1, name, time.Now()
	return os.Rename(ready, strings.TrimSuffix(ready, ".ready")+".done") == nil
}

func archiverRow(c *session, _ *sql.Context) ([][]sql.Value, error) {
	a := &c.server.archiver
	a.mu.Lock()
	defer a.mu.Unlock()
	when := func(t time.Time) sql.Value {
		if t.IsZero() {
			return nil
		}
		return t.UTC()
	}
	return [][]sql.Value{{a.archived, text(a.lastArchived), when(a.archivedAt), a.failed, text(a.lastFailed), when(a.failedAt)}}, nil
}
