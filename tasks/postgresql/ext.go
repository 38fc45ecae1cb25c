package postgresql

import (
	"slices"

	"github.com/polarbook/polarbook/tasks"
)

type extArgs struct {
	Login
	Name    string  `arg:"name,required" alias:"ext" doc:"Extension."`
	DB      string  `arg:"login_db,required" alias:"db" doc:"Database to have it in."`
	Schema  string  `arg:"schema" doc:"Schema for what it makes, when it is created."`
	State   string  `arg:"state" default:"present" choices:"absent present" doc:"Have it, or not."`
	Cascade bool    `arg:"cascade" default:"false" doc:"Create what it needs too, or drop what needs it."`
	Version string  `arg:"version" doc:"Version to create it in or to update it to; latest is the default of what is installed. Without it an extension that is there is left as it is."`
	Comment *string `arg:"comment" doc:"Comment on it; empty removes one."`
}

var extModule = tasks.Define(tasks.Module{
	Name: "postgresql_ext", Collections: collection,
	Summary: "Create, update or drop an extension in a database",
	Notes:   loginNotes,
	Returns: []tasks.Return{
		{Name: "db", Type: "str", Doc: "the database"}, {Name: "ext", Type: "str", Doc: "the extension"}, queriesReturn,
		{Name: "prev_version", Type: "str", Doc: "its version before; empty: it was not there"},
		{Name: "version", Type: "str", Doc: "its version after"},
	},
	Examples: `
- postgresql_ext: {name: pg_stat_statements, login_db: app}
  become: true
  become_user: postgres
- postgresql_ext: {name: postgis, login_db: app, version: latest, cascade: true, nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
`,
}, func(a *extArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.check("postgresql_ext", l, a.Name, a.Schema, a.Version, orEmpty(a.Comment)); err != nil {
		return nil, err
	}
	name := literal(a.Name)
	w := &work{module: "postgresql_ext", login: &a.Login, database: a.DB, check: l.Check(), named: "extension " + a.Name}
	w.questions = asks(
		"select e.extversion, obj_description(e.oid, 'pg_extension') from pg_catalog.pg_extension e where extname = "+name,
		"select default_version from pg_catalog.pg_available_extensions where name = "+name,
		"select version from pg_catalog.pg_available_extension_versions where name = "+name,
		"select p.source, p.target from pg_catalog.pg_extension_update_paths("+name+") p where p.path is not null",
	)
	// A name that no control file has is an error of the last one.
	w.questions[3].sql = "select p.source, p.target from pg_catalog.pg_available_extensions a," +
		" lateral pg_catalog.pg_extension_update_paths(a.name) p where a.name = " + name + " and p.path is not null"
	w.decide = a.decide
	return tasks.AskApply(w), nil
})

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *extArgs) decide(found []answer) (change, error) {
	have, offered, versions, paths := found[0], found[1].text(0, 0), found[2].list(), found[3]
	now := have.text(0, 0)
	c := change{values: map[string]any{"db": a.DB, "ext": a.Name, "prev_version": now, "version": now}}
	fail := func(msg string) (change, error) { return c, &tasks.Failure{Msg: msg} }
	wanted := a.Version
	if wanted == "" || wanted == "latest" {
		switch {
		case len(versions) == 0 && a.State == "present" && !have.known():
			return fail("Extension " + a.Name + " is not available")
		case offered == "" && a.State == "present" && len(versions) > 0:
			return fail("no version of " + a.Name + " is the default of what is installed: give one in version")
		}
		wanted = offered
	}
	switch {
	case a.State == "absent" && a.Version != "":
		c.warnings = []string{"Parameter version is ignored when state=absent"}
		fallthrough
	case a.State == "absent":
		if have.known() {
			c.add("DROP EXTENSION " + identifier(a.Name) + when(a.Cascade, " CASCADE"))
			c.values["version"], c.msg = "", "drop extension "+a.Name
		}
		return c, nil
	case !have.known() && !slices.Contains(versions, wanted):
		return fail("Passed version '" + wanted + "' is not available")
	case !have.known():
		sql := "CREATE EXTENSION " + identifier(a.Name)
		if a.Schema != "" {
			sql += " WITH SCHEMA " + identifier(a.Schema)
		}
		if a.Version != "" && a.Version != "latest" {
			sql += " VERSION " + literal(a.Version)
		}
		c.add(sql + when(a.Cascade, " CASCADE"))
		c.values["version"], c.msg = wanted, "create extension "+a.Name
	case a.Version != "" && wanted != now:
		if !slices.ContainsFunc(paths.rows, func(row []*string) bool { return orEmpty(row[0]) == now && orEmpty(row[1]) == wanted }) {
			return fail("there is no way to update extension " + a.Name + " from version " + now + " to " + wanted)
		}
		sql := "ALTER EXTENSION " + identifier(a.Name) + " UPDATE"
		if a.Version != "latest" {
			sql += " TO " + literal(a.Version)
		}
		c.add(sql)
		c.values["version"], c.msg = wanted, "update extension "+a.Name+" to "+wanted
	}
	if a.Comment != nil && *a.Comment != have.text(0, 1) {
		c.add("COMMENT ON EXTENSION " + identifier(a.Name) + " IS " + literal(*a.Comment))
		c.msg = "change extension " + a.Name
	}
	return c, nil
}

func when(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}
