package postgresql

import "github.com/polarbook/polarbook/tasks"

type schemaArgs struct {
	Login
	Name    string  `arg:"name,required" alias:"schema" doc:"Schema."`
	DB      string  `arg:"login_db" alias:"db database" default:"postgres" doc:"Database to have it in."`
	Owner   string  `arg:"owner" doc:"Role that is to own it."`
	State   string  `arg:"state" default:"present" choices:"absent present" doc:"Have it, or not."`
	Cascade bool    `arg:"cascade_drop" default:"false" doc:"Drop what is in it too."`
	Comment *string `arg:"comment" doc:"Comment on it; empty removes one."`
}

var schemaModule = tasks.Define(tasks.Module{
	Name: "postgresql_schema", Collections: collection,
	Summary: "Create or drop a schema, or change its owner",
	Notes:   loginNotes,
	Returns: []tasks.Return{{Name: "schema", Type: "str", Doc: "the schema"}, queriesReturn},
	Examples: `
- postgresql_schema: {name: app, login_db: app, owner: app}
  become: true
  become_user: postgres
- postgresql_schema: {name: old, login_db: app, state: absent, cascade_drop: true, nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
`,
}, func(a *schemaArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.check("postgresql_schema", l, a.Name, a.Owner, orEmpty(a.Comment)); err != nil {
		return nil, err
	}
	parts, err := nameParts(a.Name)
	if err != nil || len(parts) > 2 {
		return nil, &tasks.ArgError{Module: "postgresql_schema", Arg: "name", Problem: "has to be the name of a schema"}
	}
	w := &work{module: "postgresql_schema", login: &a.Login, database: a.DB, check: l.Check(), named: "schema " + a.Name}
	w.questions = asks("select pg_get_userbyid(nspowner), obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace where nspname = " +
		literal(parts[len(parts)-1]))
	w.decide = a.decide
	return tasks.AskApply(w), nil
})

func (a *schemaArgs) decide(found []answer) (change, error) {
	c := change{values: map[string]any{"schema": a.Name}}
	have := found[0]
	name, err := qualified(a.Name, 2)
	if err != nil {
		return c, err
	}
	switch {
	case a.State == "absent":
		if have.known() {
			c.add("DROP SCHEMA " + name + when(a.Cascade, " CASCADE"))
			c.msg = "drop schema " + a.Name
		}
		return c, nil
	case !have.known():
		sql := "CREATE SCHEMA " + name
		if a.Owner != "" {
			sql += " AUTHORIZATION " + identifier(a.Owner)
		}
		c.add(sql)
		c.msg = "create schema " + a.Name
	case a.Owner != "" && a.Owner != have.text(0, 0):
		c.add("ALTER SCHEMA " + name + " OWNER TO " + identifier(a.Owner))
		c.msg = "change schema " + a.Name
	}
	if a.Comment != nil && *a.Comment != have.text(0, 1) {
		c.add("COMMENT ON SCHEMA " + name + " IS " + literal(*a.Comment))
		c.msg = "change schema " + a.Name
	}
	return c, nil
}
