package postgresql

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type dbArgs struct {
	Login
	Name          string  `arg:"name,required" alias:"db" doc:"Database."`
	Owner         string  `arg:"owner" doc:"Role that is to own it."`
	Template      string  `arg:"template" doc:"Database to copy it from."`
	Encoding      string  `arg:"encoding" doc:"Its encoding. One that is there cannot change."`
	Collate       string  `arg:"lc_collate" doc:"Its order of texts, likewise."`
	Ctype         string  `arg:"lc_ctype" doc:"Its classes of characters, likewise."`
	ICU           string  `arg:"icu_locale" doc:"Its locale of ICU's, likewise; from release 15 on."`
	Provider      string  `arg:"locale_provider" doc:"Whose its locale is: libc or icu; likewise."`
	State         string  `arg:"state" default:"present" choices:"absent dump present rename restore" doc:"Have it, or not; write it to a file or read it from there; give it the name in target."`
	Force         bool    `arg:"force" default:"false" doc:"With absent: end the sessions in it."`
	Target        string  `arg:"target,path" doc:"File of dump and restore: its ending says the format, .sql, .tar, .pgc or .dir, and .gz, .bz2 or .xz for one that is compressed. The new name with rename."`
	TargetOpts    string  `arg:"target_opts" doc:"More words for pg_dump, pg_restore or psql."`
	DumpExtraArgs string  `arg:"dump_extra_args" doc:"More words for pg_dump."`
	Maintenance   string  `arg:"maintenance_db" default:"postgres" doc:"Database to connect to."`
	ConnLimit     string  `arg:"conn_limit" doc:"How many sessions it may have; -1 for any number."`
	Tablespace    string  `arg:"tablespace" doc:"Tablespace of what is made in it."`
	Comment       *string `arg:"comment" doc:"Comment on it; empty removes one."`
}

var dbModule = tasks.Define(tasks.Module{
	Name: "postgresql_db", Collections: collection,
	Summary: "Create, change, drop, dump or restore a database",
	Notes: append([]string{
		"dump and restore run the host's pg_dump, pg_restore and psql as the task's user. They report a change always, and are not there with " +
			"nodes: a backup of a PolarDB cluster is polarbook run backup.yml.",
	}, loginNotes...),
	Returns: []tasks.Return{
		{Name: "db", Type: "str", Doc: "the database"},
		{Name: "executed_commands", Type: "list", Doc: "the statements or the command that made the change"},
	},
	Examples: `
- postgresql_db: {name: app, owner: app, encoding: UTF-8, template: template0}
  become: true
  become_user: postgres
- postgresql_db: {name: app, owner: app, nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
- postgresql_db: {name: app, state: dump, target: /var/backups/app.sql.gz}
  become: true
  become_user: postgres
`,
}, func(a *dbArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_db", Arg: arg, Problem: problem}
	}
	err := a.check("postgresql_db", l, a.Name, a.Owner, a.Template, a.Encoding, a.Collate, a.Ctype, a.ICU, a.Provider, a.Tablespace,
		orEmpty(a.Comment))
	if err != nil {
		return nil, err
	}
	if _, err := strconv.Atoi(a.ConnLimit); err != nil && a.ConnLimit != "" {
		return refuse("conn_limit", "has to be a number")
	}
	switch {
	case a.Name == "":
		return refuse("name", "is empty")
	case a.State == "dump" || a.State == "restore":
		return a.copying(l)
	case a.State != "rename":
	case a.Target == "":
		return refuse("target", "is required to rename a database")
	case a.Target == a.Name:
		return refuse("target", "is the name that it has")
	case a.Maintenance == a.Name:
		return refuse("maintenance_db", "cannot be the database that is renamed")
	}
	w := &work{module: "postgresql_db", login: &a.Login, database: a.Maintenance, check: l.Check(), named: "database " + a.Name}
	w.questions = asks(
		"select pg_get_userbyid(d.datdba), d.encoding, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,"+
			// Columns that releases have under different names or not at all.
			" coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'),"+
			" case to_jsonb(d)->>'datlocprovider' when 'c' then 'libc' when 'i' then 'icu' end,"+
			" d.datconnlimit, s.spcname, shobj_description(d.oid, 'pg_database')"+
			" from pg_catalog.pg_database d join pg_catalog.pg_tablespace s on s.oid = d.dattablespace where d.datname = "+literal(a.Name),
		"select pg_char_to_encoding("+literal(cmp.Or(a.Encoding, "UTF8"))+")",
		"select 1 from pg_catalog.pg_database where datname = "+literal(a.Target),
		"show server_version_num",
	)
	w.decide = a.decide
	return tasks.AskApply(w), nil
})

func (a *dbArgs) decide(found []answer) (change, error) {
	c := change{apart: true, told: "executed_commands", untold: true, values: map[string]any{"db": a.Name}}
	err := a.statements(found, &c)
	return c, err
}

func (a *dbArgs) statements(found []answer, c *change) error {
	have, name := found[0], identifier(a.Name)
	release, _ := strconv.Atoi(found[3].text(0, 0))
	switch {
	case a.State == "rename":
		return a.rename(have.known(), found[2].known(), c)
	case a.State == "absent" && have.known():
		c.msg = "drop database " + a.Name
		if a.Force && release < 130000 {
			c.add("select pg_terminate_backend(pid) from pg_stat_activity where datname = " + literal(a.Name) + " and pid <> pg_backend_pid()")
			c.add("DROP DATABASE " + name)
			return nil
		}
		c.add("DROP DATABASE " + name + when(a.Force, " WITH (FORCE)"))
		return nil
	case a.State == "absent":
		return nil
	case !have.known():
		a.create(name, release, c)
		return nil
	}
	for _, fixed := range []struct {
		what, wanted, has string
		same              bool
	}{
		{"database encoding", a.Encoding, have.text(0, 2), found[1].text(0, 0) == have.text(0, 1)},
		{"LC_COLLATE", a.Collate, have.text(0, 3), a.Collate == have.text(0, 3)},
		{"LC_CTYPE", a.Ctype, have.text(0, 4), a.Ctype == have.text(0, 4)},
		{"ICU_LOCALE", a.ICU, have.text(0, 5), a.ICU == have.text(0, 5)},
		{"LOCALE_PROVIDER", a.Provider, have.text(0, 6), a.Provider == have.text(0, 6)},
	} {
		if fixed.wanted != "" && !fixed.same {
			return &tasks.Failure{Msg: fmt.Sprintf("Changing %s is not supported. Current %s: %s", fixed.what, fixed.what, fixed.has),
				Hint: "make another database and copy the data there"}
		}
	}
	if a.Owner != "" && a.Owner != have.text(0, 0) {
		c.add("ALTER DATABASE " + name + " OWNER TO " + identifier(a.Owner))
	}
	if a.ConnLimit != "" && a.ConnLimit != have.text(0, 7) {
		c.add("ALTER DATABASE " + name + " CONNECTION LIMIT " + a.ConnLimit)
	}
	if a.Tablespace != "" && a.Tablespace != have.text(0, 8) {
		c.add("ALTER DATABASE " + name + " SET TABLESPACE " + identifier(a.Tablespace))
	}
	if a.Comment != nil && *a.Comment != have.text(0, 9) {
		c.add("COMMENT ON DATABASE " + name + " IS " + literal(*a.Comment))
	}
	c.msg = "change database " + a.Name
	return nil
}

func (a *dbArgs) create(name string, release int, c *change) {
	sql := "CREATE DATABASE " + name
	for _, option := range []struct{ words, value string }{
		{" OWNER ", quoted(a.Owner, identifier)}, {" TEMPLATE ", quoted(a.Template, identifier)}, {" ENCODING ", quoted(a.Encoding, literal)},
		{" LC_COLLATE ", quoted(a.Collate, literal)}, {" LC_CTYPE ", quoted(a.Ctype, literal)},
		{" ICU_LOCALE ", quoted(when(release >= 150000, a.ICU), literal)},
		{" LOCALE_PROVIDER ", quoted(when(release >= 150000, a.Provider), literal)},
		{" TABLESPACE ", quoted(a.Tablespace, identifier)}, {" CONNECTION LIMIT ", a.ConnLimit},
	} {
		if option.value != "" {
			sql += option.words + option.value
		}
	}
	c.add(sql)
	c.msg = "create database " + a.Name
	if orEmpty(a.Comment) != "" {
		c.add("COMMENT ON DATABASE " + name + " IS " + literal(*a.Comment))
	}
}

func quoted(text string, quote func(string) string) string {
	if text == "" {
		return ""
	}
	return quote(text)
}

func (a *dbArgs) rename(source, target bool, c *change) error {
	c.warnings = []string{"state rename is deprecated in Ansible, which has postgresql_query for it"}
	switch {
	case source && target:
		return &tasks.Failure{Msg: "Both the source and the target databases exist."}
	case !source && !target:
		return &tasks.Failure{Msg: "The source and the target databases do not exist."}
	case source:
		c.add("ALTER DATABASE " + identifier(a.Name) + " RENAME TO " + identifier(a.Target))
		c.msg = "rename database " + a.Name + " to " + a.Target
	}
	return nil
}

// copying returns the work of dump and restore.
func (a *dbArgs) copying(l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_db", Arg: arg, Problem: problem}
	}
	if a.Nodes != nil {
		return refuse("state", "cannot be "+a.State+" with nodes: polarbook run backup.yml backs a cluster up")
	}
	if a.Role != "" && a.State == "restore" {
		return refuse("session_role", "is not there for restore: give target_opts, such as --role for pg_restore")
	}
	if a.Target == "" {
		return refuse("target", "is required for "+a.State+": a file on the host")
	}
	opts, err := script.SplitWords(a.TargetOpts)
	if err != nil {
		return refuse("target_opts", err.Error())
	}
	extra, err := script.SplitWords(a.DumpExtraArgs)
	if err != nil {
		return refuse("dump_extra_args", err.Error())
	}
	kind := path.Ext(a.Target)
	program, words := "pg_dump", slices.Concat(extra, opts)
	format := map[string]string{".tar": "t", ".pgc": "c", ".dir": "d"}[kind]
	if a.State == "restore" {
		program, words = "psql", append([]string{"-X", "-q", "-v", "ON_ERROR_STOP=0"}, opts...)
		if format != "" {
			program, words = "pg_restore", opts
		}
	}
	if format != "" {
		words = append(words, "--format="+format)
	}
	if program != "psql" {
		words = append(words, "-w")
	}
	if program == "pg_restore" {
		words = append(words, "--dbname="+a.Name)
	}
	if a.Role != "" {
		words = append(words, "--role="+a.Role)
	}
	v := script.Values{"state": a.State, "name": program, "target": script.Path(a.Target), "kind": strings.TrimPrefix(kind, ".")}
	c := &dbCopy{args: a, program: program, words: words, script: scripts.Script("dump", v, words...)}
	return tasks.Know(c), nil
}

// dbCopy is a dump or a restore.
type dbCopy struct {
	args    *dbArgs
	program string
	words   []string
	script  string
}

func (d *dbCopy) Plan() (tasks.Plan, error) {
	return tasks.Plan{Change: true, Event: true, Msg: d.args.State + " database " + d.args.Name,
		Values: map[string]any{"db": d.args.Name, "executed_commands": []any{}}}, nil
}

func (d *dbCopy) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	a := d.args
	env := map[string]string{
		"PGHOST": cmp.Or(a.LoginHost, a.LoginSocket), "PGPORT": strconv.Itoa(a.LoginPort), "PGUSER": a.user(), "PGDATABASE": a.Name,
		"PGSSLMODE":     a.SSLMode,
		"PGREQUIREAUTH": "scram-sha-256,md5,none",
	}
	if a.LoginHost == "localhost" && a.LoginSocket != "" {
		env["PGHOST"] = a.LoginSocket
	}
	for name, value := range map[string]string{"PGPASSWORD": a.LoginPassword, "PGSSLROOTCERT": a.CA, "PGSSLCERT": a.Cert, "PGSSLKEY": a.Key} {
		if value != "" {
			env[name] = value
		}
	}
	r, err := h.Shell().Run(ctx, remote.Command{Script: d.script, Env: env, Cut: true})
	if err != nil {
		return tasks.Result{}, err
	}
	command := strings.Join(append([]string{d.program}, d.words...), " ")
	values := map[string]any{
		"rc": r.Status, "stdout": string(r.Stdout), "stderr": string(r.Stderr), "cmd": command, "executed_commands": []any{command},
	}
	if r.Status != 0 {
		said := strings.TrimSpace(string(r.Stderr))
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("%s of database %s: %s", a.State, a.Name, said), Values: values}
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: values}, nil
}
