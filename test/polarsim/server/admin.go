package server

import (
	"context"
	"strings"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// admins is the table of statements about the session and the server, by their words.
var admins map[string]func(*session, context.Context, *sql.Statement) (*sql.Result, error)

func init() {
	accepted := func(_ *session, _ context.Context, s *sql.Statement) (*sql.Result, error) {
		return &sql.Result{Tag: s.Tag}, nil
	}
	admins = map[string]func(*session, context.Context, *sql.Statement) (*sql.Result, error){
		"begin": (*session).begin, "commit": (*session).commit, "rollback": (*session).rollback,
		"set": (*session).set, "reset": (*session).reset, "show": (*session).show, "set transaction": accepted,
		"alter system set": (*session).alterSystem, "alter system reset": (*session).alterSystem, "checkpoint": (*session).checkpoint,
		"deallocate": (*session).discard, "discard": (*session).discard,
		"vacuum": accepted, "analyze": accepted, "lock": accepted, "listen": accepted, "unlisten": accepted,
	}
}

func (c *session) admin(ctx context.Context, statement *sql.Statement) (*sql.Result, error) {
	if strings.HasPrefix(statement.Admin.Words, "alter system dma") {
		return c.dma(ctx, statement)
	}
	run := admins[statement.Admin.Words]
	if run == nil {
		return nil, sql.Errorf("0A000", "polarsim does not know %s", statement.Tag)
	}
	return run(c, ctx, statement)
}

func (c *session) adminColumns(a *sql.Admin) ([]sql.ResultColumn, error) {
	if a.Words != "show" {
		return nil, nil
	}
	if a.Name == "all" {
		return []sql.ResultColumn{{Name: "name", Type: sql.Text}, {Name: "setting", Type: sql.Text}, {Name: "description", Type: sql.Text}}, nil
	}
	return []sql.ResultColumn{{Name: a.Name, Type: sql.Text}}, nil
}

func (c *session) begin(_ context.Context, s *sql.Statement) (*sql.Result, error) {
	if c.transaction == nil {
		c.transaction = &transaction{state: c.server.state.Load(), now: time.Now().UnixMicro()}
	}
	return &sql.Result{Tag: s.Tag}, nil
}

func (c *session) commit(ctx context.Context, s *sql.Statement) (*sql.Result, error) {
	t := c.transaction
	c.transaction = nil
	if t == nil {
		return &sql.Result{Tag: "COMMIT"}, nil
	}
	if t.failed {
		return &sql.Result{Tag: "ROLLBACK"}, nil
	}
	if len(t.changes) > 0 {
		outcome, err := c.server.write(ctx, record{Database: c.database, User: c.user, Statements: t.changes})
		if err != nil {
			return nil, err
		}
		if outcome.err != nil {
			return nil, sql.Errorf("40001", "could not serialize access: %v", outcome.err)
		}
	}
	return &sql.Result{Tag: "COMMIT"}, nil
}

func (c *session) rollback(context.Context, *sql.Statement) (*sql.Result, error) {
	c.transaction = nil
	return &sql.Result{Tag: "ROLLBACK"}, nil
}

func (c *session) discard(_ context.Context, s *sql.Statement) (*sql.Result, error) {
	if s.Tag == "DISCARD ALL" {
		c.settings = map[string]string{}
	}
	c.prepared = map[string]*prepared{}
	return &sql.Result{Tag: s.Tag}, nil
}

func (c *session) set(_ context.Context, s *sql.Statement) (*sql.Result, error) {
	name, value := s.Admin.Name, s.Admin.Values[0]
	setting := config.Lookup(name)
	if setting == nil {
		if !strings.Contains(name, ".") && !strings.HasPrefix(name, "polar") {
			return nil, sql.Errorf("42704", "unrecognized configuration parameter \"%s\"", name)
		}
	} else {
		switch setting.Context {
		case "internal":
			return nil, sql.Errorf("55P02", "parameter \"%s\" cannot be changed", name)
		case "postmaster":
			return nil, sql.Errorf("55P02", "parameter \"%s\" cannot be changed without restarting the server", name)
		case "sighup":
			return nil, sql.Errorf("55P02", "parameter \"%s\" cannot be changed now", name)
		case "superuser":
			if !c.context(nil).IsSuper() {
				return nil, sql.Errorf("42501", "permission denied to set parameter \"%s\"", name)
			}
		}
		if strings.EqualFold(value, "default") {
			delete(c.settings, name)
			return &sql.Result{Tag: "SET"}, nil
		}
		text, err := config.Normalise(name, value)
		if err != nil {
			return nil, sql.Errorf("22023", "%s", err)
		}
		value = text
	}
	c.settings[name] = value
	if name == "application_name" {
		c.mu.Lock()
		c.application = value
		c.mu.Unlock()
	}
	return &sql.Result{Tag: "SET"}, nil
}

func (c *session) reset(_ context.Context, s *sql.Statement) (*sql.Result, error) {
	delete(c.settings, s.Admin.Name)
	return &sql.Result{Tag: "RESET"}, nil
}

// setting returns a parameter as this session has it, in its own unit.
func (c *session) setting(name string) (string, bool) {
	name = strings.ToLower(name)
	switch name {
	case "transaction_read_only":
		return map[bool]string{true: "off", false: "on"}[c.server.isPrimary()], true
	case "server_encoding":
		return c.server.encoding(c.database), true
	case "is_superuser":
		return map[bool]string{true: "on", false: "off"}[c.context(nil).IsSuper()], true
	case "session_authorization":
		return c.user, true
	}
	if value, ok := c.settings[name]; ok {
		return value, true
	}
	c.server.settings.mu.Lock()
	value, ok := c.server.settings.current[name]
	c.server.settings.mu.Unlock()
	return value.Text, ok
}

// readable is SHOW's and current_setting's answer.
func (c *session) readable(name string) (string, error) {
	value, ok := c.setting(name)
	if !ok {
		return "", sql.Errorf("42704", "unrecognized configuration parameter \"%s\"", name)
	}
	setting := config.Lookup(name)
	if setting != nil && setting.Hidden && !c.context(nil).IsSuper() {
		return "", sql.Errorf("42501", "must be superuser or a member of pg_read_all_settings to examine \"%s\"", name)
	}
	if setting != nil && setting.Name == "polar_dma_repl_passwd" && value != "" {
		return sql.HashPassword(c.server.settings.text("polar_dma_repl_user"),
			value), nil // hashed with the user before it (consensus_repl.c:2603)
	}
	return config.Display(name, value), nil
}

func (c *session) show(_ context.Context, s *sql.Statement) (*sql.Result, error) {
	columns, err := c.adminColumns(s.Admin)
	if err != nil {
		return nil, err
	}
	result := &sql.Result{Tag: "SHOW", Columns: columns}
	if s.Admin.Name != "all" {
		value, err := c.readable(s.Admin.Name)
		if err != nil {
			return nil, err
		}
		result.Rows = [][]sql.Value{{value}}
		return result, nil
	}
	for _, name := range config.Names() {
		if setting := config.Lookup(name); setting.Hidden || setting.Unseen {
			continue
		}
		value, err := c.readable(name)
		if err != nil {
			return nil, err
		}
		result.Rows = append(result.Rows, []sql.Value{name, value, ""})
	}
	return result, nil
}

func (c *session) alterSystem(_ context.Context, s *sql.Statement) (*sql.Result, error) {
	if !c.context(nil).IsSuper() {
		return nil, sql.Errorf("42501", "must be superuser to execute ALTER SYSTEM command")
	}
	if c.transaction != nil {
		return nil, sql.Errorf("25001", "ALTER SYSTEM cannot run inside a transaction block")
	}
	var value *string
	if len(s.Admin.Values) > 0 {
		value = &s.Admin.Values[0]
	}
	if err := c.server.settings.alter(s.Admin.Name, value); err != nil {
		return nil, err
	}
	return &sql.Result{Tag: "ALTER SYSTEM"}, nil
}

func (c *session) checkpoint(context.Context, *sql.Statement) (*sql.Result, error) {
	if !c.context(nil).IsSuper() {
		return nil, sql.Errorf("42501", "must be superuser to do CHECKPOINT")
	}
	if err := c.server.checkpoint(); err != nil {
		return nil, err
	}
	c.server.wrote()
	return &sql.Result{Tag: "CHECKPOINT"}, nil
}
