package postgresql

import (
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type tableArgs struct {
	Login
	Name       string   `arg:"table,required" alias:"name" doc:"Table, in a schema or not: app.things."`
	State      string   `arg:"state" default:"present" choices:"absent present" doc:"Have it, or not."`
	Columns    []string `arg:"columns" doc:"Columns of a new table, as SQL has them: id bigint primary key."`
	Like       string   `arg:"like" doc:"Table whose columns a new one gets."`
	Including  string   `arg:"including" doc:"What else it gets of that, with commas: DEFAULTS, CONSTRAINTS, INDEXES, STORAGE, COMMENTS, ALL and the like."`
	Unlogged   bool     `arg:"unlogged" default:"false" doc:"Have no log written for a new table: a crash empties it, and no other member of a cluster has what is in it. PolarDB gives it a log all the same."`
	Owner      string   `arg:"owner" doc:"Role that is to own it."`
	Tablespace string   `arg:"tablespace" doc:"Tablespace that it is to be in. One that is there is moved, locked."`
	Params     []string `arg:"storage_params" doc:"Its options, such as fillfactor=70."`
	Rename     string   `arg:"rename" doc:"New name for it, in the same schema."`
	Truncate   bool     `arg:"truncate" default:"false" doc:"Empty it, at each run."`
	Cascade    bool     `arg:"cascade" default:"false" doc:"With absent: drop what depends on it too."`
	DB         string   `arg:"login_db" alias:"db" doc:"Database to have it in. Default: that of login_user's name."`
}

var tableModule = tasks.Define(tasks.Module{
	Name: "postgresql_table", Collections: collection,
	Summary: "Create, change, rename, empty or drop a table",
	Notes: append([]string{
		"Of a table that is there, columns, like and unlogged are not compared, as in Ansible, whose module fails at like then.",
		"A name without a schema is looked for as the server looks for it, by search_path; Ansible looks in public, and creates by search_path.",
		"A rename that was done already is none again, where Ansible's module fails.",
	}, loginNotes...),
	Returns: []tasks.Return{
		{Name: "table", Type: "str", Doc: "the table, as asked for"},
		{Name: "state", Type: "str", Doc: "present or absent; empty where there was none to drop"},
		{Name: "owner", Type: "str", Doc: "its owner"}, {Name: "tablespace", Type: "str", Doc: "its tablespace; empty: the database's"},
		{Name: "storage_params", Type: "list", Doc: "its options"}, queriesReturn,
	},
	Examples: `
- postgresql_table:
    login_db: app
    name: app.events
    columns: [id bigserial primary key, at timestamptz not null, what text]
    owner: app
    storage_params: [fillfactor=70]
  become: true
  become_user: postgres
- postgresql_table: {login_db: app, name: app.events, state: absent, nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
`,
}, func(a *tableArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_table", Arg: arg, Problem: problem}
	}
	texts := slices.Concat([]string{a.Name, a.Tablespace, a.Owner, a.Like, a.Including, a.Rename}, a.Params, a.Columns)
	if err := a.check("postgresql_table", l, texts...); err != nil {
		return nil, err
	}
	shape := len(a.Columns) > 0 || a.Like != "" || a.Including != "" || a.Unlogged || a.Owner != "" || a.Tablespace != "" || len(a.Params) > 0
	switch {
	case a.State == "absent" && (shape || a.Truncate || a.Rename != ""):
		return refuse("state", "absent goes with cascade alone")
	case a.Truncate && (shape || a.Rename != ""):
		return refuse("truncate", "goes with no other change of the table")
	case a.Rename != "" && shape:
		return refuse("rename", "goes with no other change of the table")
	case a.Like != "" && len(a.Columns) > 0:
		return refuse("like", "and columns exclude each other")
	case a.Including != "" && a.Like == "":
		return refuse("including", "needs like")
	}
	t := &table{tableArgs: a}
	var err error
	if t.name, err = qualified(a.Name, 3); err != nil {
		return refuse("table", "has to be the name of a table: "+err.Error())
	}
	if a.Like != "" {
		if t.like, err = qualified(a.Like, 3); err != nil {
			return refuse("like", "has to be the name of a table: "+err.Error())
		}
	}
	if a.Rename != "" {
		if t.rename, t.renamed, err = t.newName(); err != nil {
			return refuse("rename", "has to be a name without a schema: "+err.Error())
		}
	}
	for _, p := range a.Params {
		m := storageParam.FindStringSubmatch(p)
		if m == nil {
			return refuse("storage_params", "has "+p+", which is no name and value of an option")
		}
		t.params = append(t.params, m[1]+when(m[2] != "", "="+m[2]))
	}
	for word := range strings.SplitSeq(a.Including, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		if strings.Trim(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz") != "" {
			return refuse("including", "has "+word+", which is no word of CREATE TABLE … INCLUDING")
		}
		t.including = append(t.including, word)
	}
	w := &work{module: "postgresql_table", login: &a.Login, database: a.DB, check: l.Check(), named: "table " + a.Name}
	w.questions = asks(lookForTable(t.name), lookForTable(t.renamed), "select current_user")
	w.decide = func(found []answer) (change, error) {
		c, err := t.decide(found)
		if err == nil && l.Check() {
			t.unchanged(&c, found)
		}
		return c, err
	}
	return tasks.AskApply(w), nil
})

// storageParam is an option of a table, as WITH and SET take it.
var storageParam = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(?:=\s*'?([A-Za-z0-9_.+-]+)'?)?\s*$`)

// table is a postgresql_table whose names are SQL.
type table struct {
	*tableArgs
	name, like, rename, renamed string // renamed is the new name, in the schema
	params, including           []string
}

// newName returns the new name, alone and in the table's schema.
func (t *table) newName() (alone, whole string, err error) {
	if alone, err = qualified(t.Rename, 1); err != nil {
		return "", "", err
	}
	parts, err := nameParts(t.Name)
	if err != nil {
		return "", "", err
	}
	for i, part := range parts {
		parts[i] = identifier(part)
	}
	parts[len(parts)-1] = alone
	return alone, strings.Join(parts, "."), nil
}

// lookForTable asks for a table's owner, its tablespace where that is not the database's, its options, its tablespace in any case, and
// whether it has a place for long values, as not each has.
func lookForTable(name string) string {
	if name == "" {
		return "select null where false"
	}
	const toasted = "array(select 'toast.' || o from pg_catalog.pg_class k, unnest(k.reloptions) o where k.oid = c.reltoastrelid)"
	return "select pg_get_userbyid(c.relowner), s.spcname, array_cat(coalesce(c.reloptions, '{}'), " + toasted + ")," +
		" coalesce(s.spcname, d.spcname), c.reltoastrelid <> 0" +
		" from pg_catalog.pg_class c left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace" +
		" join pg_catalog.pg_database b on b.datname = current_database() join pg_catalog.pg_tablespace d on d.oid = b.dattablespace" +
		" where c.relkind in ('r', 'p') and c.oid = to_regclass(" + literal(name) + ")"
}

func (t *table) decide(found []answer) (change, error) {
	have := found[0]
	c := change{msg: "change table " + t.Name, values: map[string]any{"table": t.Name, "state": ""}}
	if have.known() {
		t.say(&c, have.text(0, 0), have.text(0, 1), have.array(0, 2))
	}
	switch {
	case t.State == "absent":
		if have.known() {
			c.add("DROP TABLE " + t.name + when(t.Cascade, " CASCADE"))
			c.msg, c.values["state"] = "drop table "+t.Name, "absent"
		}
		return c, nil
	case t.Truncate:
		c.add("TRUNCATE TABLE " + t.name)
		c.msg, c.settled = "empty table "+t.Name, true
	case t.Rename != "" && !have.known() && found[1].known(): // it has that name already
		t.say(&c, found[1].text(0, 0), found[1].text(0, 1), found[1].array(0, 2))
	case t.Rename != "":
		c.add("ALTER TABLE " + t.name + " RENAME TO " + t.rename)
		c.msg = "rename table " + t.Name + " to " + t.Rename
	case !have.known():
		t.create(&c, found[2].text(0, 0))
	default:
		t.alter(&c, have)
	}
	if t.Cascade {
		c.warnings = append(c.warnings, "cascade=true is ignored when state=present")
	}
	return c, nil
}

// unchanged says what there is in check mode, as Ansible does: the table, or the one with the new name, as it was before.
func (t *table) unchanged(c *change, found []answer) {
	have := found[0]
	if t.Rename != "" {
		have = found[1]
	}
	if len(c.statements) > 0 && !t.Truncate {
		c.values["state"] = map[bool]string{true: "present", false: "absent"}[have.known()]
	}
}

// say puts what a table is into the result.
func (t *table) say(c *change, owner, tablespace string, params []string) {
	list := []any{}
	for _, p := range params {
		list = append(list, p)
	}
	c.values["state"], c.values["owner"], c.values["tablespace"], c.values["storage_params"] = "present", owner, tablespace, list
}

func (t *table) create(c *change, me string) {
	sql := "CREATE" + when(t.Unlogged, " UNLOGGED") + " TABLE " + t.name
	if t.like == "" {
		sql += " (" + strings.Join(t.Columns, ",") + ")"
	} else {
		sql += " (LIKE " + t.like
		for _, word := range t.including {
			sql += " INCLUDING " + word
		}
		sql += ")"
	}
	if len(t.params) > 0 {
		sql += " WITH (" + strings.Join(t.params, ",") + ")"
	}
	if t.Tablespace != "" {
		sql += " TABLESPACE " + identifier(t.Tablespace)
	}
	c.add(sql)
	if c.msg = "create table " + t.Name; t.Owner != "" {
		me = t.Owner
		c.add("ALTER TABLE " + t.name + " OWNER TO " + identifier(t.Owner))
	}
	t.say(c, me, t.Tablespace, t.params)
}

func (t *table) alter(c *change, have answer) {
	owner, tablespace, params := have.text(0, 0), have.text(0, 1), have.array(0, 2)
	if t.Tablespace != "" && t.Tablespace != have.text(0, 3) {
		c.add("ALTER TABLE " + t.name + " SET TABLESPACE " + identifier(t.Tablespace))
		tablespace = t.Tablespace
	}
	if t.Owner != "" && t.Owner != owner {
		c.add("ALTER TABLE " + t.name + " OWNER TO " + identifier(t.Owner))
		owner = t.Owner
	}
	missing := slices.DeleteFunc(slices.Clone(t.params), func(p string) bool {
		p = stored(p)
		return slices.Contains(params, p) || strings.HasPrefix(p, "toast.") && have.text(0, 4) != "t"
	})
	if len(missing) > 0 {
		c.add("ALTER TABLE " + t.name + " SET (" + strings.Join(t.params, ",") + ")")
		for _, p := range missing {
			name, _, _ := strings.Cut(stored(p), "=")
			params = append(slices.DeleteFunc(params, func(old string) bool { return strings.HasPrefix(old, name+"=") }), stored(p))
		}
	}
	t.say(c, owner, tablespace, params)
}

// stored is an option as the server keeps it: one without a value is true.
func stored(param string) string {
	name, value, given := strings.Cut(param, "=")
	if !given {
		value = "true"
	}
	return strings.ToLower(name) + "=" + value
}
