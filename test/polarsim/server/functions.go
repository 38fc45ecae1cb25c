package server

import (
	"os"
	"path/filepath"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/sql"
)

func constant(oid uint32, f func() sql.Value) sql.Function {
	return sql.Function{Type: oid, Call: func(*sql.Context, []sql.Value) (sql.Value, error) { return f(), nil }}
}

// makeFunctions returns the table of functions that need the server or the session.
func (c *session) makeFunctions() map[string]sql.Function {
	s := c.server
	replayed := func() sql.Value {
		if s.isPrimary() {
			return nil
		}
		if node := s.consensus(); node != nil {
			return sql.FormatLSN(node.LSN(node.Status().Applied))
		}
		return nil
	}
	return map[string]sql.Function{
		"version":                  constant(sql.Text, func() sql.Value { return Version }),
		"polar_version":            constant(sql.Text, func() sql.Value { return "1.1.20" }),
		"pg_is_in_recovery":        constant(sql.Bool, func() sql.Value { return !s.isPrimary() }),
		"pg_backend_pid":           constant(sql.Int4, func() sql.Value { return int64(c.pid) }),
		"pg_postmaster_start_time": constant(sql.Timestamptz, func() sql.Value { return s.started.UTC() }),
		"pg_conf_load_time": constant(sql.Timestamptz, func() sql.Value {
			s.settings.mu.Lock()
			defer s.settings.mu.Unlock()
			return s.settings.reload.UTC()
		}),
		"pg_last_wal_replay_lsn":  constant(sql.LSN, replayed),
		"pg_last_wal_receive_lsn": constant(sql.LSN, s.received),
		"pg_last_xact_replay_timestamp": constant(sql.Timestamptz, func() sql.Value {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.lastReply.IsZero() {
				return nil
			}
			return s.lastReply.UTC()
		}),
		"pg_is_wal_replay_paused":   constant(sql.Bool, func() sql.Value { return false }),
		"pg_current_wal_lsn":        {Type: sql.LSN, Call: c.currentLSN},
		"pg_current_wal_insert_lsn": {Type: sql.LSN, Call: c.currentLSN},
		"pg_current_wal_flush_lsn":  {Type: sql.LSN, Call: c.currentLSN},
		"polar_dma_wal_committed_lsn": constant(sql.LSN, func() sql.Value {
			if node := s.consensus(); node != nil {
				return sql.FormatLSN(node.Status().CommitLSN)
			}
			return nil
		}),
		"inet_server_addr": constant(sql.Inet, func() sql.Value { return c.local(true) }),
		"inet_server_port": constant(sql.Int4, func() sql.Value { return c.local(false) }),
		"inet_client_addr": constant(sql.Inet, func() sql.Value {
			if !c.address.IsValid() {
				return nil
			}
			return c.address.Unmap().String()
		}),
		"pg_reload_conf":          {Type: sql.Bool, Call: c.reloadFunction},
		"current_setting":         {Type: sql.Text, Call: c.currentSetting},
		"set_config":              {Type: sql.Text, Call: c.setConfig},
		"pg_sleep":                {Type: sql.Void, Call: c.sleep},
		"pg_terminate_backend":    {Type: sql.Bool, Call: c.terminate},
		"pg_cancel_backend":       {Type: sql.Bool, Call: c.cancelBackend},
		"pg_tablespace_location":  {Type: sql.Text, Call: c.tablespaceLocation},
		"pg_relation_filepath":    {Type: sql.Text, Call: c.relationFile},
		"pg_relation_filenode":    {Type: sql.OID, Call: relationNode},
		"pg_tablespace_databases": {Type: sql.OID, Rows: tablespaceDatabases},
		"pg_switch_wal": {Type: sql.LSN, Call: func(context *sql.Context, a []sql.Value) (sql.Value, error) {
			s.wrote()
			if err := s.finishSegment(s.lsn(s.state.Load().Applied)); err != nil {
				return nil, sql.Errorf("58030", "%v", err)
			}
			return c.currentLSN(context, a)
		}},
		"pg_database_size":       constant(sql.Int8, func() sql.Value { return 8<<20 + s.settings.number("polarsim_data_size")*1024 }),
		"pg_tablespace_size":     constant(sql.Int8, func() sql.Value { return 60<<20 + s.settings.number("polarsim_data_size")*1024 }),
		"pg_relation_size":       constant(sql.Int8, func() sql.Value { return int64(8192) }),
		"pg_total_relation_size": constant(sql.Int8, func() sql.Value { return int64(16384) }),
		"pg_size_pretty": {Type: sql.Text, Call: func(_ *sql.Context, a []sql.Value) (sql.Value, error) {
			n, _ := a[0].(int64)
			return pretty(n), nil
		}},
		"pg_encoding_to_char": {Type: sql.Name, Call: func(_ *sql.Context, a []sql.Value) (sql.Value, error) {
			for name, number := range encodings {
				if len(a) == 1 && a[0] == number {
					return name, nil
				}
			}
			return "", nil
		}},
		"format_type": {Type: sql.Text, Call: func(_ *sql.Context, a []sql.Value) (sql.Value, error) {
			n, ok := a[0].(int64)
			if !ok {
				return nil, nil
			}
			return sql.TypeName(uint32(n)), nil
		}},
		"pg_control_system": {Type: sql.Text, Rows: func(*sql.Context, []sql.Value) (*sql.Relation, error) {
			return &sql.Relation{Columns: []sql.ResultColumn{{Name: "pg_control_version", Type: sql.Int4}, {Name: "catalog_version_no",
				Type: sql.Int4}, {Name: "system_identifier", Type: sql.Int8}, {Name: "pg_control_last_modified", Type: sql.Timestamptz}},
				Rows: [][]sql.Value{{int64(1100), int64(201809051), int64(s.control.SystemIdentifier), s.control.Modified.UTC()}}}, nil
		}},
		"pg_stat_file": {Type: sql.Text, Rows: func(_ *sql.Context, a []sql.Value) (*sql.Relation, error) {
			r := &sql.Relation{Columns: []sql.ResultColumn{{Name: "size", Type: sql.Int8}, {Name: "modification", Type: sql.Timestamptz},
				{Name: "isdir", Type: sql.Bool}}}
			if len(a) == 0 || a[0] == nil { // what columns it has is asked without arguments
				return r, nil
			}
			name, _ := a[0].(string)
			if !filepath.IsAbs(name) {
				name = filepath.Join(s.settings.pgdata, name)
			}
			info, err := os.Stat(name)
			if err != nil {
				return nil, sql.Errorf("58P01", "could not stat file %q: No such file or directory", name)
			}
			r.Rows = [][]sql.Value{{info.Size(), info.ModTime().UTC(), info.IsDir()}}
			return r, nil
		}},
		"has_table_privilege":  {Type: sql.Bool, Call: mayRead},
		"pg_has_role":          {Type: sql.Bool, Call: memberOf},
		"pg_try_advisory_lock": constant(sql.Bool, func() sql.Value { return true }),
		"pg_advisory_unlock":   constant(sql.Bool, func() sql.Value { return true }),
		"txid_current":         {Type: sql.Int8, Call: c.txid},

		"pg_logical_emit_message": {Type: sql.LSN, Call: c.emit},
	}
}

// Version is what select version() says.
const Version = "PostgreSQL 11.9 (POLARDB 11.9) (polarsim stand-in, not a database)"

func pretty(n int64) string {
	for _, step := range []struct {
		name string
		size int64
	}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}} {
		if n >= 10*step.size {
			return sql.Format((n+step.size/2)/step.size, sql.Int8) + " " + step.name
		}
	}
	return sql.Format(n, sql.Int8) + " bytes"
}

func (c *session) local(address bool) sql.Value {
	if !c.address.IsValid() {
		return nil
	}
	host, port := splitAddress(c.conn.LocalAddr())
	if address {
		return host
	}
	return int64(port)
}

func (s *Server) received() sql.Value {
	node := s.consensus()
	if node == nil {
		return nil
	}
	s.mu.Lock()
	streaming := s.receiver.from != ""
	s.mu.Unlock()
	if !streaming {
		return nil
	}
	return sql.FormatLSN(node.Status().LastLSN)
}

func (c *session) currentLSN(*sql.Context, []sql.Value) (sql.Value, error) {
	if !c.server.isPrimary() {
		return nil, &sql.Error{Code: "55000", Message: "recovery is in progress",
			Hint: "WAL control functions cannot be executed during recovery."}
	}
	if node := c.server.consensus(); node != nil {
		return sql.FormatLSN(node.Status().LastLSN), nil
	}
	return sql.FormatLSN(c.server.lsn(0)), nil
}

// txid takes a transaction number, whose commit is a record of its own.
func (c *session) txid(*sql.Context, []sql.Value) (sql.Value, error) {
	if !c.server.isPrimary() {
		return nil, &sql.Error{Code: "55000", Message: "cannot assign TransactionIds during recovery"}
	}
	return c.server.wrote() + 560, nil
}

// emit commits a message that changes nothing. Nothing ends its wait for a majority but the end of the session, which is not told when its
// client has gone.
func (c *session) emit(*sql.Context, []sql.Value) (sql.Value, error) {
	if !c.server.isPrimary() {
		return nil, &sql.Error{Code: "55000", Message: "cannot assign TransactionIds during recovery"}
	}
	outcome, err := c.server.write(c.ctx, record{Database: c.database, User: c.user})
	if err == nil {
		err = outcome.err
	}
	if err != nil {
		return nil, err
	}
	return sql.FormatLSN(c.server.lsn(c.server.state.Load().Applied)), nil
}

// mayRead is has_table_privilege with a role or without, of views of an extension; other tables may be read by all.
func mayRead(context *sql.Context, a []sql.Value) (sql.Value, error) {
	d := context.State.Databases[context.Database]
	if len(a) != 3 || d == nil || a[0] == nil || a[1] == nil {
		return true, nil
	}
	role, name := context.State.Roles[sql.Format(a[0], sql.Text)], sql.Format(a[1], sql.Text)
	if _, monitors := dmaViews[name]; role == nil || !monitors {
		return true, nil
	}
	return role.Super || d.MayRead(name, role.Name), nil
}

// memberOf is pg_has_role with a role's name and another's.
func memberOf(context *sql.Context, a []sql.Value) (sql.Value, error) {
	if len(a) != 3 || a[0] == nil || a[1] == nil {
		return nil, sql.Errorf("0A000", "polarsim knows pg_has_role with two names alone")
	}
	role, of := context.State.Roles[sql.Format(a[0], sql.Text)], sql.Format(a[1], sql.Text)
	if role == nil {
		return nil, sql.Errorf("42704", "role \"%s\" does not exist", sql.Format(a[0], sql.Text))
	}
	return role.Super || role.Name == of || role.MemberOf[of], nil
}

func (c *session) reloadFunction(context *sql.Context, _ []sql.Value) (sql.Value, error) {
	if !context.IsSuper() {
		return nil, sql.Errorf("42501", "permission denied for function pg_reload_conf")
	}
	c.server.reload()
	return true, nil
}

func (c *session) currentSetting(_ *sql.Context, a []sql.Value) (sql.Value, error) {
	if len(a) == 0 || a[0] == nil {
		return nil, nil
	}
	value, err := c.readable(sql.Format(a[0], sql.Text))
	if err != nil && len(a) == 2 && a[1] == true {
		return nil, nil
	}
	return value, err
}

func (c *session) setConfig(_ *sql.Context, a []sql.Value) (sql.Value, error) {
	if len(a) < 2 || a[0] == nil || a[1] == nil {
		return nil, nil
	}
	statement := &sql.Statement{Admin: &sql.Admin{Name: sql.Format(a[0], sql.Text), Values: []string{sql.Format(a[1], sql.Text)}}}
	if _, err := c.set(c.ctx, statement); err != nil {
		return nil, err
	}
	return a[1], nil
}

func (c *session) sleep(_ *sql.Context, a []sql.Value) (sql.Value, error) {
	seconds, err := sql.Cast(a[0], 0, sql.Float8)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Duration(seconds.(float64) * float64(time.Second)))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return "", nil
		case <-c.ctx.Done():
			return nil, c.ctx.Err()
		case <-time.After(10 * time.Millisecond):
			c.mu.Lock()
			cancelled := c.cancelled
			c.mu.Unlock()
			if cancelled {
				return nil, sql.Errorf("57014", "canceling statement due to user request")
			}
		}
	}
}

func (c *session) other(a []sql.Value) *session {
	if len(a) == 0 {
		return nil
	}
	pid, _ := a[0].(int64)
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.server.sessions[int(pid)]
}

func (c *session) terminate(_ *sql.Context, a []sql.Value) (sql.Value, error) {
	other := c.other(a)
	if other == nil {
		return false, nil
	}
	other.kill(fatal("57P01", "terminating connection due to administrator command"))
	return true, nil
}

func (c *session) cancelBackend(_ *sql.Context, a []sql.Value) (sql.Value, error) {
	other := c.other(a)
	if other == nil {
		return false, nil
	}
	other.interrupt()
	return true, nil
}

var encodings = map[string]int64{"SQL_ASCII": 0, "UTF8": 6, "LATIN1": 8}

// reload is SIGHUP.
func (s *Server) reload() {
	s.log.printf("LOG", "received SIGHUP, reloading configuration files")
	files, err := s.settings.reread()
	if err != nil {
		s.log.printf("LOG", "%v", err)
		s.log.printf("LOG", "configuration file \"%s\" contains errors; unaffected changes were applied", s.settings.text("config_file"))
		return
	}
	for _, notice := range files.Notices {
		s.log.printf("NOTICE", "%s", notice)
	}
	if err := s.loadHBA(); err != nil {
		s.log.printf("LOG", "pg_hba.conf was not reloaded")
	}
	if err := s.loadTLS(); err != nil {
		s.log.printf("LOG", "%v", err)
		s.log.printf("LOG", "SSL configuration was not reloaded")
	}
}
