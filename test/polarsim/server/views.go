package server

import (
	"time"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// view is a catalog: its columns, and its rows as one session sees them.
type view struct {
	columns []sql.ResultColumn
	rows    func(c *session, x *sql.Context) ([][]sql.Value, error)
}

var views map[string]view

func init() {
	views = map[string]view{
		"pg_roles":        {roleColumns, func(_ *session, x *sql.Context) ([][]sql.Value, error) { return roles(x, false) }},
		"pg_user":         {roleColumns, func(_ *session, x *sql.Context) ([][]sql.Value, error) { return roles(x, false) }},
		"pg_authid":       {roleColumns, func(_ *session, x *sql.Context) ([][]sql.Value, error) { return roles(x, true) }},
		"pg_auth_members": {columns("roleid", sql.OID, "member", sql.OID, "grantor", sql.OID, "admin_option", sql.Bool), memberships},
		"pg_database": {columns("oid", sql.OID, "datname", sql.Name, "datdba", sql.OID, "encoding", sql.Int4,
			"datcollate", sql.Name, "datctype", sql.Name, "datistemplate", sql.Bool, "datallowconn", sql.Bool, "datconnlimit", sql.Int4), databases},
		"pg_tablespace": {columns("oid", sql.OID, "spcname", sql.Name, "spcowner", sql.OID), tablespaces},
		"pg_extension": {columns("oid", sql.OID, "extname", sql.Name, "extowner", sql.OID, "extnamespace", sql.OID,
			"extrelocatable", sql.Bool, "extversion", sql.Text), extensions},
		"pg_available_extensions": {columns("name", sql.Name, "default_version", sql.Text, "installed_version", sql.Text,
			"comment", sql.Text), availableExtensions},
		"pg_settings": {columns("name", sql.Text, "setting", sql.Text, "unit", sql.Text, "category", sql.Text, "short_desc", sql.Text,
			"extra_desc", sql.Text, "context", sql.Text, "vartype", sql.Text, "source", sql.Text,
			"min_val", sql.Text, "max_val", sql.Text, "enumvals", sql.TextArray, "boot_val", sql.Text, "reset_val", sql.Text,
			"sourcefile", sql.Text, "sourceline", sql.Int4, "pending_restart", sql.Bool), settingRows},
		"pg_file_settings": {columns("sourcefile", sql.Text, "sourceline", sql.Int4, "seqno", sql.Int4, "name", sql.Text,
			"setting", sql.Text, "applied", sql.Bool, "error", sql.Text), fileSettings},
		"pg_hba_file_rules": {columns("line_number", sql.Int4, "type", sql.Text, "database", sql.TextArray, "user_name", sql.TextArray,
			"address", sql.Text, "netmask", sql.Text, "auth_method", sql.Text, "options", sql.TextArray, "error", sql.Text), hbaRules},
		"pg_stat_activity": {columns("datid", sql.OID, "datname", sql.Name, "pid", sql.Int4, "usesysid", sql.OID, "usename", sql.Name,
			"application_name", sql.Text, "client_addr", sql.Inet, "client_hostname", sql.Text, "client_port", sql.Int4,
			"backend_start", sql.Timestamptz, "xact_start", sql.Timestamptz, "query_start", sql.Timestamptz, "state_change", sql.Timestamptz,
			"wait_event_type", sql.Text, "wait_event", sql.Text, "state", sql.Text, "query", sql.Text, "backend_type", sql.Text), activity},
		"pg_stat_replication": {columns("pid", sql.Int4, "usesysid", sql.OID, "usename", sql.Name, "application_name", sql.Text,
			"client_addr", sql.Inet, "client_hostname", sql.Text, "client_port", sql.Int4, "backend_start", sql.Timestamptz,
			"backend_xmin", sql.XID, "state", sql.Text, "sent_lsn", sql.LSN, "write_lsn", sql.LSN, "flush_lsn", sql.LSN,
			"replay_lsn", sql.LSN, "write_lag", sql.Interval, "flush_lag", sql.Interval, "replay_lag", sql.Interval,
			"sync_priority", sql.Int4, "sync_state", sql.Text), replication},
		"pg_stat_ssl": {columns("pid", sql.Int4, "ssl", sql.Bool, "version", sql.Text, "cipher", sql.Text, "bits", sql.Int4,
			"compression", sql.Bool, "clientdn", sql.Text), sslStatus},
		"pg_stat_wal_receiver": {columns("pid", sql.Int4, "status", sql.Text, "received_lsn", sql.LSN, "received_tli", sql.Int4,
			"slot_name", sql.Text, "sender_host", sql.Text, "sender_port", sql.Int4, "conninfo", sql.Text), walReceiver},
		"pg_replication_slots": {columns("slot_name", sql.Name, "plugin", sql.Name, "slot_type", sql.Text, "active", sql.Bool,
			"restart_lsn", sql.LSN), none},
		"pg_tables": {columns("schemaname", sql.Name, "tablename", sql.Name, "tableowner", sql.Name), tables},
		"pg_class": {columns("oid", sql.OID, "relname", sql.Name, "relnamespace", sql.OID, "relkind", sql.Text,
			"relowner", sql.OID, "reltablespace", sql.OID, "relfilenode", sql.OID, "relpersistence", sql.Text), classes},
		"pg_namespace": {columns("oid", sql.OID, "nspname", sql.Name, "nspowner", sql.OID), namespaces},
		"tables": {columns("table_catalog", sql.Name, "table_schema", sql.Name, "table_name", sql.Name,
			"table_type", sql.Text), informationTables},
		"columns": {columns("table_schema", sql.Name, "table_name", sql.Name, "column_name", sql.Name,
			"ordinal_position", sql.Int4, "data_type", sql.Text), informationColumns},
		"pg_stat_archiver": {columns("archived_count", sql.Int8, "last_archived_wal", sql.Text, "last_archived_time", sql.Timestamptz,
			"failed_count", sql.Int8, "last_failed_wal", sql.Text, "last_failed_time", sql.Timestamptz), archiverRow},
		"pg_stat_database": {columns("datid", sql.OID, "datname", sql.Name, "numbackends", sql.Int4), none},
		"pg_locks":         {columns("locktype", sql.Text, "pid", sql.Int4, "granted", sql.Bool), none},
	}
}

func none(*session, *sql.Context) ([][]sql.Value, error) { return nil, nil }

// virtual resolves catalogs and the extension's views; nil when the name is neither.
func (c *session) virtual(x *sql.Context, schema, name string) (*sql.Relation, error) {
	if schema != "pg_catalog" && schema != "information_schema" {
		if r, err := c.dmaRelation(x, name); r != nil || err != nil {
			return r, err
		}
	}
	v, ok := views[name]
	standard := name == "tables" || name == "columns"
	if !ok || schema == "public" || standard != (schema == "information_schema") {
		return nil, nil
	}
	if name == "pg_authid" && !x.IsSuper() {
		return nil, sql.Errorf("42501", "permission denied for table pg_authid")
	}
	if (name == "pg_file_settings" || name == "pg_hba_file_rules") && !x.IsSuper() {
		return nil, sql.Errorf("42501", "permission denied for view %s", name)
	}
	rows, err := v.rows(c, x)
	if err != nil {
		return nil, err
	}
	return &sql.Relation{Columns: v.columns, Rows: rows}, nil
}

func text(s string) sql.Value {
	if s == "" {
		return nil
	}
	return s
}

func settingRows(c *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, name := range config.Names() {
		setting := config.Lookup(name)
		if setting.Hidden || setting.Unseen {
			continue
		}
		c.server.settings.mu.Lock()
		assigned, pending := c.server.settings.current[name], c.server.settings.pending[name]
		c.server.settings.mu.Unlock()
		if marked, read := c.waits[name]; read {
			pending = marked
		}
		value, _ := c.setting(name)
		source := assigned.Source
		if _, own := c.settings[name]; own {
			source = "session"
		}
		var low, high sql.Value
		if setting.Kind == "integer" {
			low, high = sql.Format(setting.Min, sql.Int8), sql.Format(setting.Max, sql.Int8)
		}
		var line sql.Value
		if assigned.Line > 0 && (x.IsSuper() || x.IsMember("pg_read_all_settings") || x.IsMember("pg_monitor")) {
			line = int64(assigned.Line)
		} else {
			assigned.File = ""
		}
		out = append(out, []sql.Value{name, value, text(setting.Unit), "polarsim", name, nil, setting.Context, setting.Kind, source,
			low, high, nil, setting.Default, assigned.Text, text(assigned.File), line, pending})
	}
	return out, nil
}

// fileSettings marks in pg_settings of the same session what waits for a restart, also before a reload. What the server began
// with and no file sets any more has a line of its own, without a name (observed on 11.9).
func fileSettings(c *session, _ *sql.Context) ([][]sql.Value, error) {
	files, _ := config.Load(c.server.settings.pgdata, nil)
	var out [][]sql.Value
	if files == nil {
		return nil, nil
	}
	if c.waits == nil {
		c.waits = map[string]bool{}
	}
	for i, row := range files.Settings {
		problem := text(row.Error)
		setting := config.Lookup(row.Name)
		applied := row.Applied
		if setting != nil && setting.Context == "postmaster" && applied {
			text, _ := config.Normalise(row.Name, row.Setting)
			c.waits[row.Name] = text != c.server.settings.text(row.Name)
			if c.waits[row.Name] {
				applied, problem = false, "setting could not be applied"
			}
		}
		out = append(out, []sql.Value{row.File, int64(row.Line), int64(i + 1), row.Name, row.Setting, applied, problem})
	}
	c.server.settings.mu.Lock()
	defer c.server.settings.mu.Unlock()
	for _, name := range config.Names() {
		if _, set := files.Values[name]; set || config.Lookup(name).Context != "postmaster" || c.server.settings.current[name].File == "" {
			continue
		}
		out = append(out, []sql.Value{nil, int64(0), int64(len(out) + 1), nil, nil, false,
			"parameter \"" + name + "\" cannot be changed without restarting the server"})
	}
	return out, nil
}

func hbaRules(c *session, _ *sql.Context) ([][]sql.Value, error) {
	lines, err := config.LoadHBA(c.server.settings.text("hba_file"))
	if err != nil {
		return nil, sql.Errorf("58P01", "%s", err)
	}
	var out [][]sql.Value
	for _, h := range lines {
		if problem := c.disabledTLS(h); problem != "" {
			out = append(out, []sql.Value{int64(h.Number), nil, nil, nil, nil, nil, nil, nil, problem})
			continue
		}
		out = append(out, []sql.Value{int64(h.Number), h.Type, h.Databases, h.Users, text(h.Address), text(h.Mask), h.Method, nil, nil})
	}
	return out, nil
}

func activity(c *session, x *sql.Context) ([][]sql.Value, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	var out [][]sql.Value
	for _, pid := range sortedPIDs(c.server.sessions) {
		other := c.server.sessions[pid]
		other.mu.Lock()
		state, kind := "idle", "client backend"
		if other.active {
			state = "active"
		}
		if other.replication {
			kind = "walsender"
		}
		var address, port, start sql.Value
		if other.address.IsValid() {
			address, port = other.address.Unmap().String(), int64(other.port)
		}
		if !other.queryStart.IsZero() {
			start = other.queryStart.UTC()
		}
		var oid sql.Value
		if d := x.State.Databases[other.database]; d != nil {
			oid = d.OID
		}
		out = append(out, []sql.Value{oid, text(other.database), int64(pid), roleOID(x, other.user), other.user, other.application,
			address, nil, port, other.started.UTC(), nil, start, start, nil, nil, state, other.query, kind})
		other.mu.Unlock()
	}
	return out, nil
}

func replication(c *session, x *sql.Context) ([][]sql.Value, error) {
	last := c.server.lastLSN()
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	var out [][]sql.Value
	for _, pid := range sortedPIDs(c.server.sessions) {
		other := c.server.sessions[pid]
		other.mu.Lock()
		if other.stream != nil {
			s := other.stream
			var address, port, lag sql.Value
			if other.address.IsValid() {
				address, port = other.address.Unmap().String(), int64(other.port)
			}
			lsn := func(n uint64) sql.Value {
				if s.state != "streaming" || n == 0 {
					return nil
				}
				return sql.FormatLSN(n)
			}
			if s.state == "streaming" && s.replayed < last {
				lag = time.Since(s.heard).Round(time.Microsecond)
			}
			row := []sql.Value{int64(pid), roleOID(x, other.user), other.user, other.application, address, nil, port, other.started.UTC(),
				nil, s.state, lsn(last), lsn(s.written), lsn(s.flushed), lsn(s.replayed), lag, lag, lag, int64(0), "async"}
			if s.state != "streaming" {
				row[10] = sql.FormatLSN(0)
			}
			if !x.IsMember("pg_read_all_stats") && !x.IsMember("pg_monitor") {
				for i := 3; i < len(row); i++ {
					row[i] = nil
				}
			}
			out = append(out, row)
		}
		other.mu.Unlock()
	}
	return out, nil
}

func walReceiver(c *session, _ *sql.Context) ([][]sql.Value, error) {
	c.server.mu.Lock()
	from := c.server.receiver.from
	c.server.mu.Unlock()
	if from == "" {
		return nil, nil
	}
	return [][]sql.Value{{int64(c.server.nextPID), "streaming", sql.FormatLSN(c.server.lastLSN()), int64(1), nil, nil, nil, nil}}, nil
}
