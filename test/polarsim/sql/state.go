package sql

import (
	"sort"
)

// State is everything that is replicated. It is changed by Apply alone, which does the same on every node.
type State struct {
	Applied   int64 // index of the last log entry whose effects are in here
	NextOID   int64
	Databases map[string]*Database
	Roles     map[string]*Role
	// Tablespaces are those that somebody made; what is in them are the tables that name them.
	Tablespaces map[string]Tablespace
}

// Tablespace is a directory that tables may lie in.
type Tablespace struct {
	OID      int64
	Owner    string
	Location string
}

// Database holds tables and extensions.
type Database struct {
	Name, Owner, Encoding, Collate string
	OID                            int64
	Schemas                        map[string]string // name to owner
	Tables                         map[string]*Table // by "schema.name"
	Extensions                     map[string]string // name to version
	Grants                         map[string]bool   // "view role": the role may read a view of an extension
}

// MayRead reports whether the role was granted a view of an extension, which only superusers may read otherwise.
func (d *Database) MayRead(view, role string) bool { return d.Grants[view+" "+role] }

// Table is a heap with what constraints the stand-in keeps.
type Table struct {
	Schema, Name, Owner string
	Tablespace          string
	OID                 int64
	Columns             []TableColumn
	Rows                [][]Value // rows are replaced, never changed in place: a copy of the slice is a snapshot
	Unique              [][]int   // sets of columns, the primary key first
	Serial              map[int]int64
	Grants              map[string]bool
}

// TableColumn is one column of a table. Default is source text, parsed when it is used.
type TableColumn struct {
	Name    string
	Type    uint32
	NotNull bool
	Default string
}

// Role is a role or user.
type Role struct {
	Name                                                    string
	OID                                                     int64
	Super, Inherit, CreateRole, CreateDB, Login, Replicates bool
	ConnectionLimit                                         int64
	Password                                                string // md5…, SCRAM-SHA-256$… or empty
	MemberOf                                                map[string]bool
}

// NewState returns what initdb makes. The password is as pg_authid is to hold it.
func NewState(superuser, password, encoding, locale string) *State {
	s := &State{NextOID: 16384, Databases: map[string]*Database{}, Roles: map[string]*Role{}}
	s.Roles[superuser] = &Role{Name: superuser, OID: 10, Super: true, Inherit: true, CreateRole: true, CreateDB: true, Login: true,
		Replicates: true, ConnectionLimit: -1}
	s.Roles[superuser].Password = password
	for i, name := range []string{"pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_signal_backend", "pg_stat_scan_tables"} {
		s.Roles[name] = &Role{Name: name, OID: int64(3373 + i), Inherit: true, ConnectionLimit: -1}
	}
	for i, name := range []string{"template1", "template0", "postgres", "polardb_admin"} {
		s.Databases[name] = NewDatabase(name, superuser, encoding, locale, int64([]int{1, 13280, 13281, 13282}[i]))
	}
	return s
}

// NewDatabase returns an empty database.
func NewDatabase(name, owner, encoding, collate string, oid int64) *Database {
	return &Database{Name: name, Owner: owner, Encoding: encoding, Collate: collate, OID: oid,
		Schemas: map[string]string{"public": owner}, Tables: map[string]*Table{}, Extensions: map[string]string{"plpgsql": "1.0"}}
}

// Clone copies the state so that a transaction can change its copy and be forgotten.
func (s *State) Clone() *State {
	c := *s
	c.Roles = map[string]*Role{}
	for name, role := range s.Roles {
		r := *role
		r.MemberOf = copyMap(role.MemberOf)
		c.Roles[name] = &r
	}
	c.Tablespaces = copyMap(s.Tablespaces)
	c.Databases = map[string]*Database{}
	for name, database := range s.Databases {
		c.Databases[name] = database.clone(database.Name)
	}
	return &c
}

func (d *Database) clone(name string) *Database {
	c := *d
	c.Name = name
	c.Schemas, c.Extensions, c.Grants = copyMap(d.Schemas), copyMap(d.Extensions), copyMap(d.Grants)
	c.Tables = map[string]*Table{}
	for key, table := range d.Tables {
		t := *table
		t.Rows = table.Rows[:len(table.Rows):len(table.Rows)] // who changes a row in place copies first
		t.Serial, t.Grants = copyMap(table.Serial), copyMap(table.Grants)
		c.Tables[key] = &t
	}
	return &c
}

func copyMap[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (s *State) oid() int64 {
	s.NextOID++
	return s.NextOID - 1
}

// table finds a table by an optionally qualified name; search_path is public.
func (d *Database) table(schema, name string) *Table {
	if schema == "" {
		schema = "public"
	}
	return d.Tables[schema+"."+name]
}

// HasMonitor reports whether polar_monitor's views exist in the database.
func (d *Database) HasMonitor() bool { _, ok := d.Extensions["polar_monitor"]; return ok }

// SortedKeys returns a map's keys in order.
func SortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// Context is one session's surroundings for one statement.
type Context struct {
	State      *State
	Database   string
	User       string
	Now        int64 // microseconds since 1970; the same on every node for one statement
	Parameters []Value
	Types      []uint32 // of the parameters; 0 where the statement has to tell
	Virtual    func(schema, name string) (*Relation, error)
	Functions  map[string]Function
	Setting    func(name string) (string, bool)
	Encryption string // password_encryption
	Salt       []byte // for a verifier that the statement makes
}

// Function is a SQL function of the server's.
type Function struct {
	Type uint32
	Call func(c *Context, arguments []Value) (Value, error)
	Rows func(c *Context, arguments []Value) (*Relation, error) // for FROM, when set
}

// Relation is a table as SELECT sees it.
type Relation struct {
	Columns []ResultColumn
	Rows    [][]Value
}

// ResultColumn names a column and its type.
type ResultColumn struct {
	Name string
	Type uint32
}

// Result is what a statement gives back.
type Result struct {
	Columns []ResultColumn // nil when it returns no rows
	Rows    [][]Value
	Tag     string
}

// IsSuper reports whether the session's user is a superuser.
func (c *Context) IsSuper() bool {
	role := c.State.Roles[c.User]
	return role != nil && role.Super
}

// IsMember reports whether the session's user has a role's rights.
func (c *Context) IsMember(role string) bool {
	if c.User == role || c.IsSuper() {
		return true
	}
	r := c.State.Roles[c.User]
	return r != nil && r.MemberOf[role]
}

func (c *Context) database() (*Database, error) {
	if d := c.State.Databases[c.Database]; d != nil {
		return d, nil
	}
	return nil, Errorf("3D000", "database \"%s\" does not exist", c.Database)
}

// relation resolves a name: catalogs and views first, tables next.
func (c *Context) relation(schema, name string) (*Relation, error) {
	if c.Virtual != nil && (schema == "" || schema == "pg_catalog" || schema == "public" || schema == "information_schema") {
		r, err := c.Virtual(schema, name)
		if r != nil || err != nil {
			return r, err
		}
	}
	d, err := c.database()
	if err != nil {
		return nil, err
	}
	if schema != "" && schema != "public" {
		if _, ok := d.Schemas[schema]; !ok {
			return nil, undefinedTable(schema, name)
		}
	}
	t := d.table(schema, name)
	if t == nil {
		return nil, undefinedTable(schema, name)
	}
	if !c.IsMember(t.Owner) && !t.Grants[c.User] && !t.Grants["public"] {
		return nil, Errorf("42501", "permission denied for table %s", name)
	}
	return t.relation(), nil
}

func undefinedTable(schema, name string) *Error {
	if schema != "" {
		name = schema + "." + name
	}
	return Errorf("42P01", "relation \"%s\" does not exist", name)
}

func (t *Table) relation() *Relation {
	r := &Relation{Rows: t.Rows}
	for _, column := range t.Columns {
		r.Columns = append(r.Columns, ResultColumn{column.Name, column.Type})
	}
	return r
}

func (t *Table) columnIndex(name string) int {
	for i, column := range t.Columns {
		if column.Name == name {
			return i
		}
	}
	return -1
}
