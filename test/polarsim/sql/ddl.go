package sql

import (
	"fmt"
	"strings"
)

type createTable struct {
	schema, name string
	ifNotExists  bool
	tablespace   string
	columns      []TableColumn
	unique       [][]string
	query        *Select
}

type createIndex struct {
	name, schema, table string
	columns             []string
	unique, ifNotExists bool
}

type createSchema struct {
	name, owner string
	ifNotExists bool
}

type createDatabase struct{ name, owner, encoding, template, tablespace string }

type createExtension struct {
	name        string
	ifNotExists bool
}

type drop struct {
	kind     string
	ifExists bool
	names    [][2]string
}

type alterTable struct {
	schema, table string
	ifExists      bool
	add           *TableColumn
	drop          string
	owner, rename string
	tablespace    string
}

// nothing is a statement that is accepted and has no effect here.
type nothing struct{ tag string }

func (n *nothing) execute(*Context, *State) (*Result, error) { return &Result{Tag: n.tag}, nil }

// Extensions lists what can be created, with versions.
var Extensions = map[string]string{
	"plpgsql": "1.0", "polar_monitor": "1.2", "pg_stat_statements": "1.6", "polar_worker": "1.0", "polar_vfs": "1.0",
	"polar_stat_sql": "1.0", "pageinspect": "1.7", "dblink": "1.2",
}

func (t *createTable) execute(c *Context, s *State) (*Result, error) {
	d, err := c.database()
	if err != nil {
		return nil, err
	}
	schema := t.schema
	if schema == "" {
		schema = "public"
	}
	if _, ok := d.Schemas[schema]; !ok {
		return nil, Errorf("3F000", "schema \"%s\" does not exist", schema)
	}
	result := &Result{Tag: "CREATE TABLE"}
	if d.table(schema, t.name) != nil {
		if t.ifNotExists {
			return result, nil
		}
		return nil, Errorf("42P07", "relation \"%s\" already exists", t.name)
	}
	if _, known := s.Tablespaces[t.tablespace]; t.tablespace != "" && !known {
		return nil, Errorf("42704", "tablespace \"%s\" does not exist", t.tablespace)
	}
	table := &Table{Schema: schema, Name: t.name, Tablespace: t.tablespace, Owner: c.User, OID: s.oid(), Columns: t.columns,
		Serial: map[int]int64{}, Grants: map[string]bool{}}
	if t.query != nil {
		r, err := c.query(t.query, nil)
		if err != nil {
			return nil, err
		}
		for _, column := range r.Columns {
			table.Columns = append(table.Columns, TableColumn{Name: column.Name, Type: column.Type})
		}
		table.Rows = r.Rows
		result.Tag = fmt.Sprintf("SELECT %d", len(r.Rows))
	}
	for _, names := range t.unique {
		key, err := table.key(names)
		if err != nil {
			return nil, err
		}
		table.Unique = append(table.Unique, key)
	}
	d.Tables[schema+"."+t.name] = table
	return result, nil
}

func (t *Table) key(names []string) ([]int, error) {
	var key []int
	for _, name := range names {
		k := t.columnIndex(name)
		if k < 0 {
			return nil, Errorf("42703", "column \"%s\" named in key does not exist", name)
		}
		key = append(key, k)
	}
	return key, nil
}

func (i *createIndex) execute(c *Context, s *State) (*Result, error) {
	t, err := c.writable(i.schema, i.table)
	if err != nil {
		return nil, err
	}
	key, err := t.key(i.columns)
	if err != nil {
		return nil, err
	}
	if i.unique {
		t.Unique = append(append([][]int(nil), t.Unique...), key)
	}
	return &Result{Tag: "CREATE INDEX"}, nil
}

func (x *createSchema) execute(c *Context, s *State) (*Result, error) {
	d, err := c.database()
	if err != nil {
		return nil, err
	}
	if _, ok := d.Schemas[x.name]; ok {
		if x.ifNotExists {
			return &Result{Tag: "CREATE SCHEMA"}, nil
		}
		return nil, Errorf("42P06", "schema \"%s\" already exists", x.name)
	}
	owner := x.owner
	if owner == "" {
		owner = c.User
	}
	d.Schemas[x.name] = owner
	return &Result{Tag: "CREATE SCHEMA"}, nil
}

func (x *createDatabase) execute(c *Context, s *State) (*Result, error) {
	if role := s.Roles[c.User]; role == nil || !role.Super && !role.CreateDB {
		return nil, Errorf("42501", "permission denied to create database")
	}
	if s.Databases[x.name] != nil {
		return nil, Errorf("42P04", "database \"%s\" already exists", x.name)
	}
	template := x.template
	if template == "" || template == "default" {
		template = "template1"
	}
	source := s.Databases[template]
	if source == nil {
		return nil, Errorf("3D000", "template database \"%s\" does not exist", template)
	}
	owner := x.owner
	if owner == "" {
		owner = c.User
	} else if s.Roles[owner] == nil {
		return nil, Errorf("42704", "role \"%s\" does not exist", owner)
	}
	d := source.clone(x.name)
	d.Owner, d.OID = owner, s.oid()
	if err := s.noDatabaseIn(x.tablespace, d.OID); err != nil {
		return nil, err
	}
	if x.encoding != "" {
		d.Encoding = strings.ToUpper(x.encoding)
	}
	s.Databases[x.name] = d
	return &Result{Tag: "CREATE DATABASE"}, nil
}

func (x *createExtension) execute(c *Context, s *State) (*Result, error) {
	d, err := c.database()
	if err != nil {
		return nil, err
	}
	version, ok := Extensions[x.name]
	if !ok {
		return nil, Errorf("58P01", "could not open extension control file \"/share/postgresql/extension/%s.control\": "+
			"No such file or directory", x.name)
	}
	if _, ok := d.Extensions[x.name]; ok {
		if x.ifNotExists {
			return &Result{Tag: "CREATE EXTENSION"}, nil
		}
		return nil, Errorf("42710", "extension \"%s\" already exists", x.name)
	}
	if !c.IsSuper() {
		return nil, &Error{Code: "42501", Message: fmt.Sprintf("permission denied to create extension \"%s\"", x.name),
			Hint: "Must be superuser to create this extension."}
	}
	d.Extensions[x.name] = version
	return &Result{Tag: "CREATE EXTENSION"}, nil
}

func (x *drop) execute(c *Context, s *State) (*Result, error) {
	for _, name := range x.names {
		if err := x.one(c, s, name[0], name[1]); err != nil {
			return nil, err
		}
	}
	return &Result{Tag: "DROP " + strings.ToUpper(x.kind)}, nil
}

func (x *drop) one(c *Context, s *State, schema, name string) error {
	d, err := c.database()
	if err != nil {
		return err
	}
	var found bool
	code := "42704"
	switch x.kind {
	case "table":
		t := d.table(schema, name)
		if found = t != nil; found {
			if !c.IsMember(t.Owner) {
				return Errorf("42501", "must be owner of table %s", name)
			}
			delete(d.Tables, t.Schema+"."+t.Name)
		} else if !x.ifExists {
			return Errorf("42P01", "table \"%s\" does not exist", name)
		}
	case "schema":
		code = "3F000"
		if _, found = d.Schemas[name]; found {
			delete(d.Schemas, name)
			for key, t := range d.Tables {
				if t.Schema == name {
					delete(d.Tables, key)
				}
			}
		}
	case "extension":
		if _, found = d.Extensions[name]; found {
			delete(d.Extensions, name)
		}
	case "database":
		code = "3D000"
		target := s.Databases[name]
		if found = target != nil; found {
			if name == c.Database {
				return Errorf("55006", "cannot drop the currently open database")
			}
			if !c.IsMember(target.Owner) {
				return Errorf("42501", "must be owner of database %s", name)
			}
			delete(s.Databases, name)
		}
	case "tablespace":
		code = "42704"
		if _, found = s.Tablespaces[name]; found {
			if len(s.TablespaceDatabases(s.Tablespaces[name].OID)) > 0 {
				return Errorf("55000", "tablespace \"%s\" is not empty", name)
			}
			delete(s.Tablespaces, name)
		}
	case "role":
		if found = s.Roles[name] != nil; found {
			if self := s.Roles[c.User]; self == nil || !self.Super && !self.CreateRole {
				return Errorf("42501", "permission denied to drop role")
			}
			if name == c.User {
				return Errorf("55006", "current user cannot be dropped")
			}
			for _, database := range s.Databases {
				for _, t := range database.Tables {
					if t.Owner == name {
						return &Error{Code: "2BP01", Message: fmt.Sprintf("role \"%s\" cannot be dropped because some objects depend on it",
							name), Detail: "owner of table " + t.Name}
					}
				}
			}
			delete(s.Roles, name)
		}
	}
	if !found && !x.ifExists {
		return Errorf(code, "%s \"%s\" does not exist", x.kind, name)
	}
	return nil
}

func (a *alterTable) execute(c *Context, s *State) (*Result, error) {
	t, err := c.writable(a.schema, a.table)
	if err != nil {
		if a.ifExists {
			return &Result{Tag: "ALTER TABLE"}, nil
		}
		return nil, err
	}
	switch {
	case a.add != nil:
		if t.columnIndex(a.add.Name) >= 0 {
			return nil, Errorf("42701", "column \"%s\" of relation \"%s\" already exists", a.add.Name, t.Name)
		}
		t.Columns = append(append([]TableColumn(nil), t.Columns...), *a.add)
		t.Rows = append([][]Value(nil), t.Rows...)
		for i, row := range t.Rows {
			var v Value
			if a.add.Default != "" {
				if v, err = c.fallback(t, len(t.Columns)-1); err != nil {
					return nil, err
				}
			}
			t.Rows[i] = append(append([]Value(nil), row...), v)
		}
	case a.drop != "":
		k := t.columnIndex(a.drop)
		if k < 0 {
			return nil, Errorf("42703", "column \"%s\" of relation \"%s\" does not exist", a.drop, t.Name)
		}
		t.Columns = append(append([]TableColumn(nil), t.Columns[:k]...), t.Columns[k+1:]...)
		t.Rows = append([][]Value(nil), t.Rows...)
		for i, row := range t.Rows {
			t.Rows[i] = append(append([]Value(nil), row[:k]...), row[k+1:]...)
		}
		t.Unique = nil
	case a.owner != "":
		t.Owner = a.owner
	case a.tablespace != "":
		if _, there := s.Tablespaces[a.tablespace]; !there && a.tablespace != "pg_default" {
			return nil, Errorf("42704", "tablespace \"%s\" does not exist", a.tablespace)
		}
		t.Tablespace = a.tablespace
	case a.rename != "":
		d, _ := c.database()
		delete(d.Tables, t.Schema+"."+t.Name)
		t.Name = a.rename
		d.Tables[t.Schema+"."+t.Name] = t
	}
	return &Result{Tag: "ALTER TABLE"}, nil
}

// Execute makes a change in the context's state. What it leaves behind when it fails is to be thrown away: work
// on a Clone.
func (c *Context) Execute(change Change) (*Result, error) { return change.execute(c, c.State) }
