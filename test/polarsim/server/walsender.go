package server

import (
	"archive/tar"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// stream is what a walsender shows in pg_stat_replication.
type stream struct {
	state                      string // streaming, backup, startup
	written, flushed, replayed uint64
	heard                      time.Time
}

func (s *Server) lastLSN() uint64 {
	if node := s.consensus(); node != nil {
		return node.Status().LastLSN
	}
	return s.lsn(0)
}

// replicate runs one command of a replication connection.
func (c *session) replicate(command string) error {
	upper := strings.ToUpper(strings.TrimSpace(command))
	switch {
	case strings.HasPrefix(upper, "IDENTIFY_SYSTEM"):
		return c.answer([]string{"systemid", "timeline", "xlogpos", "dbname"}, []string{fmt.Sprint(c.server.control.SystemIdentifier),
			"1", sql.FormatLSN(c.server.lastLSN()), ""}, "IDENTIFY_SYSTEM")
	case strings.HasPrefix(upper, "START_REPLICATION"):
		return c.sendWAL()
	case strings.HasPrefix(upper, "BASE_BACKUP"):
		if err := c.baseBackup(upper); err != nil {
			return err
		}
		c.ready()
		return nil
	case strings.HasPrefix(upper, "SHOW "):
		value, err := c.readable(strings.ToLower(strings.TrimSpace(command[5:])))
		if err != nil {
			c.report(err)
			c.ready()
			return nil
		}
		return c.answer([]string{strings.ToLower(strings.TrimSpace(command[5:]))}, []string{value}, "SHOW")
	}
	c.report(sql.Errorf("42601", "syntax error"))
	c.ready()
	return nil
}

func (c *session) answer(names, row []string, tag string) error {
	result := &sql.Result{}
	values := []sql.Value{}
	for i, name := range names {
		result.Columns = append(result.Columns, sql.ResultColumn{Name: name, Type: sql.Text})
		values = append(values, row[i])
	}
	result.Rows = [][]sql.Value{values}
	c.backend.Send(description(result.Columns, nil))
	if err := c.rows(result, nil); err != nil {
		return err
	}
	c.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	c.ready()
	return nil
}

func (c *session) showStream(state string) *stream {
	s := &stream{state: state, heard: time.Now()}
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
	return s
}

// sendWAL keeps the connection open, and says when there is another record; the log itself travels between the consensus
// processes, which take entries with data only while this connection stands.
func (c *session) sendWAL() error {
	s := c.showStream("streaming")
	c.backend.Send(&pgproto3.CopyBothResponse{})
	if err := c.backend.Flush(); err != nil {
		return err
	}
	ended := make(chan struct{})
	told := make(chan struct{})
	go func() { defer close(told); c.tellWAL(ended) }()
	defer func() { close(ended); <-told }()
	for {
		m, err := c.backend.Receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.CopyData:
			if len(m.Data) >= 25 && m.Data[0] == 'r' {
				c.mu.Lock()
				s.written = binary.BigEndian.Uint64(m.Data[1:])
				s.flushed = binary.BigEndian.Uint64(m.Data[9:])
				s.replayed = binary.BigEndian.Uint64(m.Data[17:])
				s.heard = time.Now()
				c.mu.Unlock()
			}
		case *pgproto3.CopyDone, *pgproto3.Terminate:
			return io.EOF
		}
	}
}

// tellWAL sends the header of an XLogData message for each time that there are new records.
func (c *session) tellWAL(ended <-chan struct{}) {
	seen := c.server.wal.Load()
	for {
		next := c.server.nextRecord()
		if c.server.wal.Load() == seen {
			select {
			case <-ended:
				return
			case <-next:
			}
		}
		if now := c.server.wal.Load(); now != seen {
			seen = now
			at := c.server.lastLSN()
			data := binary.BigEndian.AppendUint64([]byte{'w'}, at)
			data = binary.BigEndian.AppendUint64(data, at)
			c.backend.Send(&pgproto3.CopyData{Data: binary.BigEndian.AppendUint64(data, uint64(time.Now().UnixMicro()))})
			if c.backend.Flush() != nil {
				return
			}
		}
	}
}

// baseBackup sends PGDATA and POLARDATA as one tar stream, the leader's identity and all.
func (c *session) baseBackup(command string) error {
	s := c.server
	c.showStream("backup")
	defer func() {
		c.mu.Lock()
		c.stream = nil
		c.mu.Unlock()
	}()
	if err := s.checkpoint(); err != nil {
		c.report(err)
		return nil
	}
	start := sql.FormatLSN(s.lsn(s.state.Load().Applied))
	spaces := c.backupSpaces()
	files, total, err := s.backupFiles(spaces)
	if err != nil {
		c.report(err)
		return nil
	}
	columns := []sql.ResultColumn{{Name: "recptr", Type: sql.Text}, {Name: "tli", Type: sql.Int8}, {Name: "size", Type: sql.Int8},
		{Name: "spaces", Type: sql.Text}}
	c.backend.Send(description(columns, nil))
	told, err := json.Marshal(spaces)
	if err != nil {
		return err
	}
	if err := c.rows(&sql.Result{Columns: columns, Rows: [][]sql.Value{{start, int64(1), total, string(told)}}}, nil); err != nil {
		return err
	}
	if err := c.label("labelfile", "polar_non_exclusive_backup_label", "START WAL LOCATION: "+start+"\n"); err != nil {
		c.report(err)
		return nil
	}
	if len(spaces) > 0 {
		if err := c.label("tblspcmapfile", "polar_non_exclusive_tablespace_map", fmt.Sprintln(spaces)); err != nil {
			c.report(err)
			return nil
		}
	}
	c.backend.Send(&pgproto3.CopyOutResponse{ColumnFormatCodes: []uint16{}})
	rate := s.settings.number("polarsim_backup_rate")
	if _, after, ok := strings.Cut(command, "MAX_RATE "); ok {
		_, _ = fmt.Sscan(after, &rate)
	}
	sink := &copyWriter{session: c, started: time.Now(), rate: rate * 1024}
	if err := writeTar(sink, files); err != nil {
		return err
	}
	c.backend.Send(&pgproto3.CopyDone{})
	c.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
	return c.backend.Flush()
}

// label writes one of the files that a base backup leaves in POLARDATA, over that of the one before.
func (c *session) label(kind, name, text string) error {
	name = filepath.Join(c.server.root, name)
	if exists(name) {
		c.warn(fmt.Sprintf("a %s \"file-dio://%s\" is already on disk", kind, name), "POLAR: we overwrite it")
	}
	return os.WriteFile(name, []byte(text), 0o600)
}

func (c *session) warn(message, hint string) {
	c.backend.Send(&pgproto3.NoticeResponse{Severity: "WARNING", SeverityUnlocalized: "WARNING", Code: "01000", Message: message, Hint: hint})
}

// backupSpaces returns the tablespaces that a base backup copies. As with the engine their names are looked for in
// POLARDATA/pg_tblspc, where nobody puts them, and their links in PGDATA.
func (c *session) backupSpaces() map[string]string {
	s := c.server
	spaces := map[string]string{}
	entries, _ := os.ReadDir(filepath.Join(s.root, "pg_tblspc"))
	for _, entry := range entries {
		location, err := os.Readlink(filepath.Join(s.settings.pgdata, "pg_tblspc", entry.Name()))
		if err != nil {
			c.warn(fmt.Sprintf("could not read symbolic link \"pg_tblspc/%s\": No such file or directory", entry.Name()), "")
			continue
		}
		spaces[entry.Name()] = location
	}
	return spaces
}

// copyWriter turns a stream into CopyData messages, at most rate bytes a second when rate is set.
type copyWriter struct {
	session *session
	started time.Time
	rate    int64
	sent    int64
}

func (w *copyWriter) Write(b []byte) (int, error) {
	w.session.backend.Send(&pgproto3.CopyData{Data: b})
	if err := w.session.backend.Flush(); err != nil {
		return 0, err
	}
	w.sent += int64(len(b))
	if w.rate > 0 {
		due := w.started.Add(time.Duration(w.sent) * time.Second / time.Duration(w.rate))
		select {
		case <-time.After(time.Until(due)):
		case <-w.session.ctx.Done():
			return 0, w.session.ctx.Err()
		}
	}
	return len(b), nil
}

type backupFile struct {
	name string // inside the tar: pgdata/..., polardata/... or tblspc/...
	path string
	link string // what a link in pg_tblspc leads to
	info fs.FileInfo
}

var notBackedUp = map[string]bool{"postmaster.pid": true, "postmaster.opts": true, "polar_node_static.conf": true, "log": true,
	"pg_log": true, "backup_label.old": true, "recovery.done": true, "recovery.conf": true, "polar_non_exclusive_backup_label": true,
	"polar_non_exclusive_tablespace_map": true}

func (s *Server) backupFiles(spaces map[string]string) (files []backupFile, total int64, err error) {
	add := func(root, prefix, skip string) error {
		return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if path == skip && path != root {
				return filepath.SkipDir
			}
			relative, err := filepath.Rel(root, path)
			if err != nil || relative == "." {
				return err
			}
			if notBackedUp[relative] || strings.HasSuffix(relative, ".tmp") {
				if entry.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return nil
			}
			file := backupFile{name: prefix + "/" + relative, path: path, info: info}
			switch {
			case info.Mode()&fs.ModeSymlink != 0 && filepath.Dir(relative) == "pg_tblspc":
				if file.link, err = os.Readlink(path); err != nil {
					return nil
				}
			case !info.IsDir() && !info.Mode().IsRegular():
				return nil
			}
			files = append(files, file)
			if !info.IsDir() {
				total += info.Size()
			}
			return nil
		})
	}
	for _, oid := range sql.SortedKeys(spaces) {
		if err = add(filepath.Join(spaces[oid], datadir.SpaceVersion), "tblspc/"+oid+"/"+datadir.SpaceVersion, ""); err != nil {
			return nil, 0, err
		}
	}
	if err = add(s.settings.pgdata, "pgdata", s.root); err != nil {
		return nil, 0, err
	}
	if s.root == s.settings.pgdata {
		return files, total, nil
	}
	// What polar-initdb.sh left of the control file and the data in PGDATA is stale and not sent.
	kept := files[:0]
	for _, file := range files {
		if file.name != "pgdata/global/pg_control" && file.name != "pgdata/base/1/polarsim_state" {
			kept = append(kept, file)
		}
	}
	files = kept
	if err = add(s.root, "polardata", ""); err != nil {
		return nil, 0, err
	}
	// The control file comes last, so that a copy without one is surely unfinished.
	for i, file := range files {
		if file.name == "polardata/global/pg_control" {
			files = append(append(files[:i:i], files[i+1:]...), file)
			break
		}
	}
	return files, total, nil
}

func writeTar(w io.Writer, files []backupFile) error {
	out := tar.NewWriter(w)
	for _, file := range files {
		if file.info.IsDir() {
			if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: file.name, Mode: 0o700}); err != nil {
				return err
			}
			continue
		}
		if file.link != "" {
			if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: file.name, Linkname: file.link}); err != nil {
				return err
			}
			continue
		}
		b, err := os.Open(file.path)
		if err != nil {
			continue // gone meanwhile
		}
		info, err := b.Stat()
		if err == nil {
			if err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: file.name, Mode: 0o600, Size: info.Size()}); err == nil {
				_, err = io.CopyN(out, b, info.Size())
			}
		}
		_ = b.Close()
		if err != nil {
			return err
		}
	}
	return out.Close()
}
