package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// prepared is a parsed statement with the types of its parameters.
type prepared struct {
	statement *sql.Statement // nil when empty
	types     []uint32
}

// portal is a bound statement.
type portal struct {
	prepared   *prepared
	parameters []sql.Value
	formats    []int16
}

// loop reads messages until the client leaves. After an error in the extended protocol everything up to Sync is
// skipped.
func (c *session) loop() error {
	skipping := false
	for {
		m, err := c.backend.Receive()
		if err != nil {
			return err
		}
		if c.ctx.Err() != nil {
			return nil
		}
		switch m := m.(type) {
		case *pgproto3.Query:
			if c.replication {
				if err := c.replicate(m.String); err != nil {
					return err
				}
				continue
			}
			c.simple(m.String)
			continue
		case *pgproto3.Sync:
			skipping = false
			c.ready()
			continue
		case *pgproto3.Terminate:
			return nil
		case *pgproto3.Flush:
			if err := c.backend.Flush(); err != nil {
				return err
			}
			continue
		case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
			continue
		}
		if skipping {
			continue
		}
		if err := c.extended(m); err != nil {
			skipping = true
			c.report(err)
		}
	}
}

// report sends an error and marks an open transaction as failed.
func (c *session) report(err error) {
	if c.transaction != nil {
		c.transaction.failed = true
	}
	var e *sql.Error
	if !errors.As(err, &e) {
		e = sql.Errorf("XX000", "%v", err)
	}
	c.server.log.printf("ERROR", "%s", e.Message)
	c.backend.Send(response(e))
}

func (c *session) simple(query string) {
	statements, err := sql.Parse(query)
	if err != nil {
		c.report(err)
		c.ready()
		return
	}
	if len(statements) == 0 {
		c.backend.Send(&pgproto3.EmptyQueryResponse{})
	}
	implicit := c.beginImplicit(statements)
	for _, statement := range statements {
		if len(statements) > 1 && statement.Admin != nil && strings.HasPrefix(statement.Admin.Words, "alter system") {
			c.report(sql.Errorf("25001", "ALTER SYSTEM cannot run inside a transaction block"))
			break
		}
		result, err := c.run(statement, nil, nil)
		if err != nil {
			c.report(err)
			break
		}
		if result.Columns != nil {
			c.backend.Send(description(result.Columns, nil))
			if err := c.rows(result, nil); err != nil {
				c.report(err)
				break
			}
		}
		c.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(result.Tag)})
	}
	if implicit {
		if _, err := c.commit(c.ctx, nil); err != nil {
			c.report(err)
		}
	}
	c.ready()
}

// beginImplicit puts a query string of several statements into one transaction, as the protocol has it, unless it
// says where transactions begin and end itself.
func (c *session) beginImplicit(statements []*sql.Statement) bool {
	if len(statements) < 2 || c.transaction != nil || !c.server.isPrimary() {
		return false
	}
	for _, statement := range statements {
		a := statement.Admin
		if a != nil && (a.Words == "begin" || endsTransaction(statement)) || statement.Tag == "CREATE DATABASE" ||
			statement.Tag == "DROP DATABASE" {
			return false
		}
	}
	c.transaction = &transaction{state: c.server.state.Load(), now: time.Now().UnixMicro()}
	return true
}

func (c *session) extended(m pgproto3.FrontendMessage) error {
	switch m := m.(type) {
	case *pgproto3.Parse:
		p, err := c.prepare(m.Query, m.ParameterOIDs)
		if err != nil {
			return err
		}
		c.prepared[m.Name] = p
		c.backend.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Bind:
		p := c.prepared[m.PreparedStatement]
		if p == nil {
			return sql.Errorf("26000", "prepared statement \"%s\" does not exist", m.PreparedStatement)
		}
		bound := &portal{prepared: p, formats: m.ResultFormatCodes}
		if len(m.Parameters) != len(p.types) {
			return sql.Errorf("08P01", "bind message supplies %d parameters, but prepared statement \"%s\" requires %d",
				len(m.Parameters), m.PreparedStatement, len(p.types))
		}
		for i, b := range m.Parameters {
			v, err := c.decode(p.types[i], format(m.ParameterFormatCodes, i), b)
			if err != nil {
				return err
			}
			bound.parameters = append(bound.parameters, v)
		}
		c.portals[m.DestinationPortal] = bound
		c.backend.Send(&pgproto3.BindComplete{})
	case *pgproto3.Describe:
		return c.describe(m)
	case *pgproto3.Execute:
		return c.executePortal(m.Portal)
	case *pgproto3.Close:
		if m.ObjectType == 'S' {
			delete(c.prepared, m.Name)
		} else {
			delete(c.portals, m.Name)
		}
		c.backend.Send(&pgproto3.CloseComplete{})
	default:
		return sql.Errorf("08P01", "invalid frontend message %T", m)
	}
	return nil
}

func (c *session) prepare(query string, types []uint32) (*prepared, error) {
	statements, err := sql.Parse(query)
	if err != nil {
		return nil, err
	}
	if len(statements) > 1 {
		return nil, sql.Errorf("42601", "cannot insert multiple commands into a prepared statement")
	}
	p := &prepared{}
	if len(statements) == 0 {
		return p, nil
	}
	p.statement = statements[0]
	if err := c.dialect(p.statement); err != nil {
		return nil, err
	}
	context := c.context(types)
	p.types = context.ParameterTypes(p.statement)
	if _, err := c.context(p.types).Describe(p.statement); err != nil {
		return nil, err
	}
	return p, nil
}

func (c *session) columns(p *prepared) ([]sql.ResultColumn, error) {
	if p.statement == nil {
		return nil, nil
	}
	if p.statement.Admin != nil {
		return c.adminColumns(p.statement.Admin)
	}
	return c.context(p.types).Describe(p.statement)
}

func (c *session) describe(m *pgproto3.Describe) error {
	var p *prepared
	var formats []int16
	if m.ObjectType == 'S' {
		if p = c.prepared[m.Name]; p == nil {
			return sql.Errorf("26000", "prepared statement \"%s\" does not exist", m.Name)
		}
		c.backend.Send(&pgproto3.ParameterDescription{ParameterOIDs: p.types})
	} else {
		bound := c.portals[m.Name]
		if bound == nil {
			return sql.Errorf("34000", "portal \"%s\" does not exist", m.Name)
		}
		p, formats = bound.prepared, bound.formats
	}
	columns, err := c.columns(p)
	if err != nil {
		return err
	}
	if columns == nil {
		c.backend.Send(&pgproto3.NoData{})
		return nil
	}
	c.backend.Send(description(columns, formats))
	return nil
}

func (c *session) executePortal(name string) error {
	bound := c.portals[name]
	if bound == nil {
		return sql.Errorf("34000", "portal \"%s\" does not exist", name)
	}
	if bound.prepared.statement == nil {
		c.backend.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	result, err := c.run(bound.prepared.statement, bound.parameters, bound.prepared.types)
	if err != nil {
		return err
	}
	if err := c.rows(result, bound.formats); err != nil {
		return err
	}
	c.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(result.Tag)})
	return nil
}

// context returns what a statement of this session sees.
func (c *session) context(types []uint32) *sql.Context {
	state, now := c.server.state.Load(), time.Now().UnixMicro()
	if c.transaction != nil {
		state, now = c.transaction.state, c.transaction.now
	}
	if c.functions == nil {
		c.functions = c.makeFunctions()
	}
	context := &sql.Context{State: state, Database: c.database, User: c.user, Now: now, Types: append([]uint32(nil), types...),
		Functions: c.functions, Setting: c.setting}
	context.Virtual = func(schema, name string) (*sql.Relation, error) { return c.virtual(context, schema, name) }
	return context
}

// run executes one statement under the session's timeout, and can be cancelled.
func (c *session) run(statement *sql.Statement, parameters []sql.Value, types []uint32) (*sql.Result, error) {
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	timedOut := false
	if limit := c.milliseconds("statement_timeout"); limit > 0 {
		timer := time.AfterFunc(limit, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			timedOut = true
			stop()
		})
		defer timer.Stop()
	}
	c.mu.Lock()
	c.stop, c.cancelled, c.active, c.query, c.queryStart = stop, false, true, statement.Source, time.Now()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.stop, c.active = nil, false
		c.mu.Unlock()
	}()
	if c.transaction != nil && c.transaction.failed && !endsTransaction(statement) {
		return nil, sql.Errorf("25P02", "current transaction is aborted, commands ignored until end of transaction block")
	}
	result, err := c.dispatch(ctx, statement, parameters, types)
	if err != nil && errors.Is(err, context.Canceled) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if timedOut {
			return nil, sql.Errorf("57014", "canceling statement due to statement timeout")
		}
		return nil, sql.Errorf("57014", "canceling statement due to user request")
	}
	return result, err
}

func endsTransaction(statement *sql.Statement) bool {
	return statement.Admin != nil && (statement.Admin.Words == "commit" || statement.Admin.Words == "rollback")
}

func (c *session) dispatch(ctx context.Context, statement *sql.Statement, parameters []sql.Value, types []uint32) (*sql.Result, error) {
	switch {
	case statement.Select != nil:
		context := c.context(types)
		context.Parameters = parameters
		relation, err := context.Query(statement.Select)
		if err != nil {
			return nil, err
		}
		return &sql.Result{Columns: relation.Columns, Rows: relation.Rows, Tag: fmt.Sprintf("SELECT %d", len(relation.Rows))}, nil
	case statement.Admin != nil:
		return c.admin(ctx, statement)
	}
	if !c.server.isPrimary() {
		return nil, sql.Errorf("25006", "cannot execute %s in a read-only transaction", statement.Tag)
	}
	change := recorded{Text: statement.Source, Types: types}
	if change.Encryption, _ = c.setting("password_encryption"); strings.HasSuffix(statement.Tag, "ROLE") {
		change.Salt = make([]byte, 16)
		_, _ = rand.Read(change.Salt)
	}
	for i, v := range parameters {
		if v == nil {
			change.Parameters = append(change.Parameters, nil)
			continue
		}
		text := sql.Format(v, types[i])
		change.Parameters = append(change.Parameters, &text)
	}
	r := record{Database: c.database, User: c.user, Statements: []recorded{change}}
	if t := c.transaction; t != nil {
		r.Now = t.now
		next := t.state.Clone()
		result, err := executeOne(next, &r, change)
		if err != nil {
			return nil, err
		}
		t.state = next
		t.changes = append(t.changes, change)
		return result, nil
	}
	outcome, err := c.server.write(ctx, r)
	if err != nil {
		return nil, err
	}
	if outcome.err != nil {
		return nil, outcome.err
	}
	return outcome.results[0], nil
}
