package postgresql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type privsArgs struct {
	Login
	DB          string `arg:"login_db,required" alias:"db database" doc:"Database to connect to, in which the objects are."`
	State       string `arg:"state" default:"present" choices:"absent present" doc:"Grant, or revoke."`
	Privs       string `arg:"privs" alias:"priv" doc:"Privileges with commas, such as SELECT,INSERT; ALL. Required but for groups."`
	Type        string `arg:"type" default:"table" choices:"table sequence function procedure database schema language tablespace group default_privs foreign_data_wrapper foreign_server type parameter" doc:"What the objects are."`
	Objs        string `arg:"objs" alias:"obj" doc:"Names with commas; a function with its types, f(int:text). ALL_IN_SCHEMA: all tables, sequences, functions or procedures of the schema. Of default_privs TABLES, SEQUENCES, FUNCTIONS, TYPES, SCHEMAS or ALL_DEFAULT. Default for database: login_db."`
	Schema      string `arg:"schema" doc:"Schema of the objects; public by default, not-specified for the search path."`
	Roles       string `arg:"roles,required" alias:"role" doc:"Who gets or loses them, with commas; PUBLIC for all."`
	TargetRoles string `arg:"target_roles" doc:"With default_privs: roles whose future objects it is about, with commas."`
	GrantOption *bool  `arg:"grant_option" alias:"admin_option" doc:"Let them grant it on, or no longer; not given: as it is."`
	FailOnRole  bool   `arg:"fail_on_role" default:"true" doc:"Fail when a role is not there; otherwise it is left out with a warning."`
}

var privsModule = tasks.Define(tasks.Module{
	Name: "postgresql_privs", Collections: collection,
	Summary: "Grant privileges and memberships, or revoke them",
	Without: map[string]string{
		"usage_on_types": "community.postgresql 3.0 took it out: grant USAGE with type: default_privs and objs: TYPES",
		"password":       "community.postgresql 3.0 took it out: write login_password",
	},
	Notes: append([]string{
		"As in Ansible, whether something changes is found by doing it, comparing the lists of privileges before and after, and taking it " +
			"back; check mode does no more.",
	}, loginNotes...),
	Returns: []tasks.Return{queriesReturn},
	Examples: `
- postgresql_privs: {login_db: app, roles: app, type: schema, objs: app, privs: "USAGE,CREATE"}
  become: true
  become_user: postgres
- postgresql_privs:
    login_db: app
    roles: report
    schema: app
    objs: ALL_IN_SCHEMA
    privs: SELECT
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
- postgresql_privs: {login_db: app, roles: report, type: default_privs, target_roles: app, schema: app, objs: TABLES, privs: SELECT}
  become: true
  become_user: postgres
`,
}, func(a *privsArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.check("postgresql_privs", l, append(splitList(a.Roles), a.TargetRoles, a.Schema)...); err != nil {
		return nil, err
	}
	p := &privs{privsArgs: a, asking: l.Check()}
	if arg, problem := p.read(); arg != "" {
		return nil, &tasks.ArgError{Module: "postgresql_privs", Arg: arg, Problem: problem}
	}
	return tasks.AskApply(p), nil
})

// privs is a postgresql_privs with its lists read.
type privs struct {
	*privsArgs
	asking  bool
	list    []string // privileges
	objects []string
	all     bool // that are in the schema
}

// validPrivs are the privileges that there are.
var validPrivs = strings.Fields("SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER CREATE CONNECT TEMPORARY TEMP EXECUTE USAGE ALL " +
	"SET ALTER_SYSTEM MAINTAIN")

// validDefaults are what privileges can be given to in advance, and which.
var validDefaults = map[string]string{
	"TABLES": "ALL SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER MAINTAIN", "SEQUENCES": "ALL SELECT UPDATE USAGE",
	"FUNCTIONS": "ALL EXECUTE", "TYPES": "ALL USAGE", "SCHEMAS": "ALL CREATE USAGE",
}

// inSchema are the kinds of objects that are in a schema.
var inSchema = []string{"table", "sequence", "function", "procedure", "type", "default_privs"}

// signature is what a function's types may consist of: they stand in the statement as they are written.
var signature = regexp.MustCompile(`^[\pL\pN_$ ,."()\[\]]*\)$`)

func splitList(text string) []string {
	var list []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// read completes the arguments, and returns which is wrong and how.
func (p *privs) read() (arg, problem string) {
	has := slices.Contains(inSchema, p.Type)
	switch {
	case !has && p.Schema != "":
		return "schema", "is not there for the type " + p.Type
	case p.Schema == "not-specified" || p.Type == "default_privs" && strings.EqualFold(p.Objs, "schemas"):
		p.Schema = ""
	case has && p.Schema == "":
		p.Schema = "public"
	}
	if p.Type == "database" && p.Objs == "" {
		p.Objs = p.DB
	}
	p.all = p.Objs == "ALL_IN_SCHEMA"
	switch {
	case p.all && !slices.Contains([]string{"table", "sequence", "function", "procedure"}, p.Type):
		return "objs", "ALL_IN_SCHEMA is there for tables, sequences, functions and procedures, not for the type " + p.Type
	case p.all && p.Schema == "":
		return "schema", "is required for ALL_IN_SCHEMA"
	case p.Objs == "":
		return "objs", "is required for the type " + p.Type
	case p.Type == "group" && p.Privs != "":
		return "privs", "is not there for the type group"
	case p.Type != "group" && p.Privs == "":
		return "privs", "is required for the type " + p.Type
	case len(splitList(p.Roles)) == 0:
		return "roles", "is empty"
	}
	for _, name := range splitList(strings.ToUpper(p.Privs)) {
		if !slices.Contains(validPrivs, name) {
			return "privs", fmt.Sprintf("has %q, which is no privilege", name)
		}
		p.list = append(p.list, name)
	}
	if p.objects = splitList(p.Objs); p.Type == "default_privs" {
		return p.readDefaults()
	}
	for i, o := range p.objects {
		if p.Type != "function" && p.Type != "procedure" || p.all {
			continue
		}
		o = strings.ReplaceAll(o, ":", ",")
		_, types, ok := strings.Cut(o, "(")
		if !ok || !signature.MatchString(types) {
			return "objs", fmt.Sprintf("has %q, which is no function with its types: f(int:text)", o)
		}
		p.objects[i] = o
	}
	return "", ""
}

func (p *privs) readDefaults() (arg, problem string) {
	if p.objects = splitList(strings.ToUpper(p.Objs)); slices.Equal(p.objects, []string{"ALL_DEFAULT"}) {
		p.objects = []string{"FUNCTIONS", "SEQUENCES", "TABLES", "TYPES"}
	}
	for _, o := range p.objects {
		valid, known := validDefaults[o]
		if !known {
			return "objs", fmt.Sprintf("has %q, which default privileges are not for", o)
		}
		for _, name := range p.list {
			if !slices.Contains(strings.Fields(valid), name) {
				return "privs", fmt.Sprintf("has %s, which is not there for %s", name, o)
			}
		}
	}
	return "", ""
}

// tried is what a trial showed.
type tried struct {
	queries  []string
	changed  bool
	warnings []string
	err      error // why no session could be opened
}

// implicit are the words that are roles, from the release on that has them.
var implicit = map[string]int{"PUBLIC": 0, "CURRENT_USER": 90500, "SESSION_USER": 90500, "CURRENT_ROLE": 140000}

func (p *privs) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (tried, error) {
	t, err := p.try(ctx, h)
	var not *unreached
	if errors.As(err, &not) && ctx.Err() == nil {
		return tried{err: err}, nil
	}
	return t, err
}

func (p *privs) try(ctx context.Context, h tasks.Host) (tried, error) {
	t := tried{}
	named := splitList(p.Roles)
	answers, err := p.run(ctx, h, p.DB, asks("show server_version_num",
		"select rolname from pg_catalog.pg_roles where rolname in ("+literals(named)+")")...)
	if err != nil {
		return t, err
	}
	release := 0
	_, _ = fmt.Sscan(answers[0].text(0, 0), &release)
	var roles []string
	for _, role := range named {
		since, word := implicit[strings.ToUpper(role)]
		switch {
		case word && release >= since:
			roles = append(roles, strings.ToUpper(role))
		case slices.Contains(answers[1].list(), role):
			roles = append(roles, identifier(role))
		case p.FailOnRole:
			return t, &tasks.Failure{Msg: "Role '" + role + "' does not exist"}
		default:
			t.warnings = append(t.warnings, "Role '"+role+"' does not exist, pass it")
		}
	}
	if p.TargetRoles != "" && p.Type != "default_privs" {
		t.warnings = append(t.warnings, "target_roles counts for the type default_privs alone")
	}
	if len(roles) == 0 {
		t.warnings = append(t.warnings, "No valid roles provided, nothing to do")
		return t, nil
	}
	t.queries = p.statements(strings.Join(roles, ","))
	status := p.status()
	list := slices.Concat(asks("begin", status), asks(t.queries...), asks(status, "rollback"))
	if answers, err = p.run(ctx, h, p.DB, list...); err != nil {
		if at := len(answers) - 2; at >= 0 && at < len(t.queries) {
			return t, &tasks.Failure{Msg: t.queries[at], Err: err}
		}
		return t, err
	}
	before, after := answers[1], answers[len(answers)-2]
	t.changed = !slices.Equal(before.list(), after.list())
	return t, nil
}

// statements are those that grant or revoke.
func (p *privs) statements(roles string) []string {
	if p.Type == "default_privs" {
		return p.defaults(roles)
	}
	var names []string
	for _, o := range p.objects {
		name := identifier(o)
		if p.Type == "function" || p.Type == "procedure" {
			f, types, _ := strings.Cut(o, "(")
			name = identifier(f) + "(" + types
		}
		if slices.Contains(inSchema, p.Type) && p.Schema != "" {
			name = identifier(p.Schema) + "." + name
		}
		names = append(names, name)
	}
	spaced := strings.NewReplacer("_", " ")
	what := strings.Join(names, ",")
	switch privileges := spaced.Replace(strings.Join(p.list, ",")); {
	case p.Type == "group":
	case p.all:
		what = privileges + " ON ALL " + strings.ToUpper(p.Type) + "S IN SCHEMA " + identifier(p.Schema)
	default:
		what = privileges + " ON " + spaced.Replace(p.Type) + " " + what
	}
	if p.State == "absent" {
		return []string{"REVOKE " + what + " FROM " + roles + ";"}
	}
	option := "GRANT"
	if p.Type == "group" {
		option = "ADMIN"
	}
	list := []string{"GRANT " + what + " TO " + roles}
	if p.GrantOption != nil && *p.GrantOption {
		list[0] += " WITH " + option + " OPTION"
	}
	list[0] += ";"
	if p.GrantOption != nil && !*p.GrantOption {
		list = append(list, "REVOKE "+option+" OPTION FOR "+what+" FROM "+roles+";")
	}
	return list
}

// defaults are the statements for objects to come: what was granted before is taken back, so that privs is all of it.
func (p *privs) defaults(roles string) []string {
	begin := "ALTER DEFAULT PRIVILEGES"
	if targets := splitList(p.TargetRoles); len(targets) > 0 {
		begin += " FOR ROLE " + identifiers(targets)
	}
	if p.Schema != "" {
		begin += " IN SCHEMA " + identifier(p.Schema)
	}
	objects := p.objects
	if p.State == "absent" {
		objects = []string{"TABLES", "FUNCTIONS", "SEQUENCES", "TYPES"}
	}
	var list []string
	for _, o := range objects {
		list = append(list, begin+" REVOKE ALL ON "+o+" FROM "+roles+";")
	}
	if p.State == "absent" {
		return list
	}
	for _, o := range objects {
		grant := begin + " GRANT " + strings.Join(p.list, ",") + " ON " + o + " TO " + roles
		if p.GrantOption != nil && *p.GrantOption {
			grant += " WITH GRANT OPTION"
		}
		list = append(list, grant+";")
	}
	return list
}

// status asks for what a grant may change.
func (p *privs) status() string {
	names := "in (" + literals(p.objects) + ")"
	schema := when(p.Schema != "", " and n.nspname = "+literal(p.Schema))
	class := func(kinds string) string {
		return "select c.relacl::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace" +
			" where c.relkind in (" + kinds + ")" + schema + when(!p.all, " and c.relname "+names) + " order by c.oid"
	}
	catalog := func(table, acl, name string) string {
		return "select " + acl + "::text from pg_catalog." + table + " where " + name + " " + names + " order by " + name
	}
	switch p.Type {
	case "table":
		return class("'r', 'p', 'v', 'm', 'f'")
	case "sequence":
		return class("'S'")
	case "function", "procedure":
		return "select p.proacl::text from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where true" +
			schema + " order by p.oid"
	case "type":
		return "select t.typacl::text from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where t.typname " +
			names + schema + " order by t.oid"
	case "group":
		return "select m::text from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.roleid where r.rolname " + names +
			" order by 1"
	case "default_privs":
		return "select concat(d.defaclrole, ' ', d.defaclnamespace, ' ', d.defaclobjtype, ' ', d.defaclacl) from pg_catalog.pg_default_acl d" +
			" left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace where true" + schema + " order by 1"
	case "schema":
		return catalog("pg_namespace", "nspacl", "nspname")
	case "language":
		return catalog("pg_language", "lanacl", "lanname")
	case "tablespace":
		return catalog("pg_tablespace", "spcacl", "spcname")
	case "foreign_data_wrapper":
		return catalog("pg_foreign_data_wrapper", "fdwacl", "fdwname")
	case "foreign_server":
		return catalog("pg_foreign_server", "srvacl", "srvname")
	case "parameter":
		return catalog("pg_parameter_acl", "paracl", "parname")
	}
	return catalog("pg_database", "datacl", "datname")
}

func (p *privs) Plan(t tried) (tasks.Plan, []string, error) {
	switch {
	case t.err != nil && p.asking:
		return tasks.Plan{Change: true, Unknown: t.err.Error(), Msg: "privileges of " + p.Roles}, nil, nil
	case t.err != nil:
		return tasks.Plan{}, nil, &tasks.Failure{Err: t.err}
	}
	plan := tasks.Plan{Change: t.changed, Warnings: t.warnings, Values: map[string]any{"queries": []any{}}}
	if len(t.queries) > 0 { // Ansible's module sends, and returns, all as one text
		plan.Values["queries"] = []any{strings.Join(t.queries, "\n")}
	}
	if t.changed {
		plan.Msg = strings.Join(t.queries, " ")
	}
	return plan, t.queries, nil
}

func (p *privs) Apply(ctx context.Context, h tasks.Host, plan tasks.Plan, queries []string) (tasks.Result, error) {
	if plan.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: plan.Unknown}
	}
	c := change{}
	for _, q := range queries {
		c.add(q)
	}
	if err := c.carryOut(ctx, h, &p.Login, p.DB); err != nil {
		return tasks.Result{}, err
	}
	again, err := p.try(ctx, h)
	if err == nil && again.changed {
		err = &tasks.Failure{Msg: "the privileges are not as wanted after the change", Hint: "does another session change them too?"}
	}
	return tasks.Result{Changed: true}, err
}
