package server

import (
	"os"
	"path/filepath"
	"sort"

	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

var roleColumns = columns("rolname", sql.Name, "rolsuper", sql.Bool, "rolinherit", sql.Bool, "rolcreaterole", sql.Bool,
	"rolcreatedb", sql.Bool, "rolcanlogin", sql.Bool, "rolreplication", sql.Bool,
	"rolconnlimit", sql.Int4, "rolpassword", sql.Text, "rolvaliduntil", sql.Timestamptz, "rolbypassrls", sql.Bool, "oid", sql.OID,
	"usename", sql.Name, "usesuper", sql.Bool)

func roles(x *sql.Context, secrets bool) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, name := range sql.SortedKeys(x.State.Roles) {
		r := x.State.Roles[name]
		password := sql.Value("********")
		if secrets {
			password = text(r.Password)
		}
		out = append(out, []sql.Value{r.Name, r.Super, r.Inherit, r.CreateRole, r.CreateDB, r.Login, r.Replicates, r.ConnectionLimit,
			password, nil, r.Super, r.OID, r.Name, r.Super})
	}
	return out, nil
}

func roleOID(x *sql.Context, name string) sql.Value {
	if r := x.State.Roles[name]; r != nil {
		return r.OID
	}
	return nil
}

func memberships(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, name := range sql.SortedKeys(x.State.Roles) {
		for _, of := range sql.SortedKeys(x.State.Roles[name].MemberOf) {
			if x.State.Roles[name].MemberOf[of] {
				out = append(out, []sql.Value{roleOID(x, of), roleOID(x, name), int64(10), false})
			}
		}
	}
	return out, nil
}

func databases(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, name := range sql.SortedKeys(x.State.Databases) {
		d := x.State.Databases[name]
		out = append(out, []sql.Value{d.OID, d.Name, roleOID(x, d.Owner), encodings[d.Encoding], d.Collate, d.Collate,
			name == "template0" || name == "template1", name != "template0", int64(-1)})
	}
	return out, nil
}

func tablespaces(_ *session, x *sql.Context) ([][]sql.Value, error) {
	out := [][]sql.Value{{int64(1663), "pg_default", int64(10)}, {int64(1664), "pg_global", int64(10)}}
	for _, name := range sql.SortedKeys(x.State.Tablespaces) {
		t := x.State.Tablespaces[name]
		out = append(out, []sql.Value{t.OID, name, roleOID(x, t.Owner)})
	}
	return out, nil
}

// tablespaceLocation returns where this node has it: what its link says.
func (c *session) tablespaceLocation(x *sql.Context, a []sql.Value) (sql.Value, error) {
	for _, t := range x.State.Tablespaces {
		if len(a) == 1 && a[0] == t.OID {
			return os.Readlink(datadir.SpaceLink(c.server.settings.pgdata, t.OID))
		}
	}
	return "", nil
}

func tablespaceDatabases(x *sql.Context, a []sql.Value) (*sql.Relation, error) {
	r := &sql.Relation{Columns: []sql.ResultColumn{{Name: "pg_tablespace_databases", Type: sql.OID}}}
	if len(a) != 1 {
		return r, nil
	}
	oid, _ := a[0].(int64)
	for _, database := range x.State.TablespaceDatabases(oid) {
		r.Rows = append(r.Rows, []sql.Value{database})
	}
	return r, nil
}

func extensions(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	d := x.State.Databases[x.Database]
	for i, name := range sql.SortedKeys(d.Extensions) {
		out = append(out, []sql.Value{int64(16000 + i), name, int64(10), int64(2200), false, d.Extensions[name]})
	}
	return out, nil
}

func availableExtensions(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	d := x.State.Databases[x.Database]
	for _, name := range sql.SortedKeys(sql.Extensions) {
		out = append(out, []sql.Value{name, sql.Extensions[name], text(d.Extensions[name]), name})
	}
	return out, nil
}

func sortedTables(x *sql.Context) []*sql.Table {
	d := x.State.Databases[x.Database]
	var out []*sql.Table
	for _, key := range sql.SortedKeys(d.Tables) {
		out = append(out, d.Tables[key])
	}
	return out
}

func tables(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, t := range sortedTables(x) {
		out = append(out, []sql.Value{t.Schema, t.Name, t.Owner})
	}
	return out, nil
}

func classes(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, t := range sortedTables(x) {
		out = append(out, []sql.Value{t.OID, t.Name, namespaceOID(x, t.Schema), "r", roleOID(x, t.Owner),
			x.State.Tablespaces[t.Tablespace].OID, t.OID, "p"})
	}
	if d := x.State.Databases[x.Database]; d.HasMonitor() {
		i := int64(15000)
		for name := range dmaViews {
			out = append(out, []sql.Value{i, name, int64(2200), "v", int64(10), int64(0), int64(0), "p"})
			i++
		}
	}
	return out, nil
}

// relationFile is pg_relation_filepath, and relationNode pg_relation_filenode: of nothing but tables.
func (c *session) relationFile(x *sql.Context, a []sql.Value) (sql.Value, error) {
	t := tableNumbered(x, a)
	if t == nil {
		return nil, nil
	}
	name, inSpace := datadir.Relation(x.State, x.State.Databases[x.Database], t)
	if inSpace {
		return name, nil
	}
	return "file-dio://" + filepath.Join(c.server.root, name), nil
}

func relationNode(x *sql.Context, a []sql.Value) (sql.Value, error) {
	if t := tableNumbered(x, a); t != nil {
		return t.OID, nil
	}
	return nil, nil
}

func tableNumbered(x *sql.Context, a []sql.Value) *sql.Table {
	for _, t := range sortedTables(x) {
		if len(a) == 1 && a[0] == t.OID {
			return t
		}
	}
	return nil
}

func namespaceOID(x *sql.Context, name string) sql.Value {
	if name == "public" {
		return int64(2200)
	}
	d := x.State.Databases[x.Database]
	for i, schema := range sql.SortedKeys(d.Schemas) {
		if schema == name {
			return int64(2300 + i)
		}
	}
	return nil
}

func namespaces(_ *session, x *sql.Context) ([][]sql.Value, error) {
	d := x.State.Databases[x.Database]
	out := [][]sql.Value{{int64(11), "pg_catalog", int64(10)}}
	for _, name := range sql.SortedKeys(d.Schemas) {
		out = append(out, []sql.Value{namespaceOID(x, name), name, roleOID(x, d.Schemas[name])})
	}
	return out, nil
}

func informationTables(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, t := range sortedTables(x) {
		out = append(out, []sql.Value{x.Database, t.Schema, t.Name, "BASE TABLE"})
	}
	if x.State.Databases[x.Database].HasMonitor() {
		for _, name := range sortedViewNames() {
			out = append(out, []sql.Value{x.Database, "public", name, "VIEW"})
		}
	}
	return out, nil
}

func sortedViewNames() []string {
	var names []string
	for name := range dmaViews {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func informationColumns(_ *session, x *sql.Context) ([][]sql.Value, error) {
	var out [][]sql.Value
	for _, t := range sortedTables(x) {
		for i, column := range t.Columns {
			out = append(out, []sql.Value{t.Schema, t.Name, column.Name, int64(i + 1), sql.TypeName(column.Type)})
		}
	}
	if x.State.Databases[x.Database].HasMonitor() {
		for _, name := range sortedViewNames() {
			for i, column := range dmaViews[name].columns {
				out = append(out, []sql.Value{"public", name, column.Name, int64(i + 1), sql.TypeName(column.Type)})
			}
		}
	}
	return out, nil
}

func sortedPIDs(sessions map[int]*session) []int {
	var out []int
	for pid := range sessions {
		out = append(out, pid)
	}
	sort.Ints(out)
	return out
}
