package postgresql

import (
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type ownerArgs struct {
	Login
	NewOwner   string   `arg:"new_owner,required" doc:"Role that is to own it."`
	Name       string   `arg:"obj_name" doc:"Object, in a schema or not; functions and the like with their types: f(int, text)."`
	Type       string   `arg:"obj_type" alias:"type" choices:"aggregate collation conversion database domain event_trigger foreign_data_wrapper foreign_table function language large_object matview procedure publication routine schema sequence server statistics table tablespace text_search_configuration text_search_dictionary type view" doc:"What it is."`
	Reassign   []string `arg:"reassign_owned_by" doc:"Roles all of whose objects in the database it is about."`
	FailOnRole *bool    `arg:"fail_on_role" doc:"Fail when a role of reassign_owned_by is not there (the default); otherwise it is left out with a warning."`
	DB         string   `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of login_user's name."`
}

var ownerModule = tasks.Define(tasks.Module{
	Name: "postgresql_owner", Collections: collection,
	Summary: "Change who owns an object, or all objects of roles",
	Notes: append([]string{
		"reassign_owned_by is a change only where the roles own something in the database; Ansible's module reports one always.",
	}, loginNotes...),
	Returns: []tasks.Return{queriesReturn},
	Examples: `
- postgresql_owner: {login_db: app, new_owner: app, obj_type: schema, obj_name: app}
  become: true
  become_user: postgres
- postgresql_owner: {login_db: app, new_owner: app, reassign_owned_by: [former], nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
`,
}, func(a *ownerArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_owner", Arg: arg, Problem: problem}
	}
	if err := a.check("postgresql_owner", l, append([]string{a.NewOwner, a.Name}, a.Reassign...)...); err != nil {
		return nil, err
	}
	o := &owner{ownerArgs: a}
	switch {
	case a.Reassign != nil && (a.Name != "" || a.Type != ""):
		return refuse("reassign_owned_by", "and obj_name with obj_type exclude each other")
	case a.FailOnRole != nil && a.Name != "":
		return refuse("fail_on_role", "is there for reassign_owned_by alone")
	case a.Reassign == nil && (a.Name == "" || a.Type == ""):
		return refuse("obj_name", "and obj_type are required, or reassign_owned_by")
	}
	w := &work{module: "postgresql_owner", login: &a.Login, database: a.DB, check: l.Check(), named: "owner of " + a.Name}
	roles := append([]string{a.NewOwner}, a.Reassign...)
	w.questions = asks("select rolname from pg_catalog.pg_roles where rolname in (" + literals(roles) + ")")
	if a.Reassign == nil {
		query, err := o.find()
		if err != nil {
			return refuse("obj_name", err.Error())
		}
		w.questions = append(w.questions, asks(query)...)
	} else {
		w.named = "objects of " + strings.Join(a.Reassign, ", ")
		w.questions = append(w.questions, asks("select distinct r.rolname from pg_catalog.pg_shdepend d join pg_catalog.pg_roles r on r.oid = "+
			"d.refobjid"+
			" where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o' and r.rolname in ("+literals(a.Reassign)+")"+
			" and d.dbid in (0, (select oid from pg_catalog.pg_database where datname = current_database()))")...)
	}
	w.decide = o.decide
	return tasks.AskApply(w), nil
})

// owner is a postgresql_owner with the object's name as SQL.
type owner struct {
	*ownerArgs
	name string
}

// kinds are the catalogs in which objects are found: table, the column with the name, with the owner, and what else tells them.
var kinds = map[string]struct{ table, name, owner, and, schema string }{
	"aggregate":                 {"pg_proc", "proname", "proowner", "", "pronamespace"},
	"function":                  {"pg_proc", "proname", "proowner", "", "pronamespace"},
	"procedure":                 {"pg_proc", "proname", "proowner", "", "pronamespace"},
	"routine":                   {"pg_proc", "proname", "proowner", "", "pronamespace"},
	"collation":                 {"pg_collation", "collname", "collowner", "", "collnamespace"},
	"conversion":                {"pg_conversion", "conname", "conowner", "", "connamespace"},
	"database":                  {"pg_database", "datname", "datdba", "", ""},
	"domain":                    {"pg_type", "typname", "typowner", " and o.typtype = 'd'", "typnamespace"},
	"event_trigger":             {"pg_event_trigger", "evtname", "evtowner", "", ""},
	"foreign_data_wrapper":      {"pg_foreign_data_wrapper", "fdwname", "fdwowner", "", ""},
	"foreign_table":             {"pg_class", "relname", "relowner", " and o.relkind = 'f'", "relnamespace"},
	"language":                  {"pg_language", "lanname", "lanowner", "", ""},
	"large_object":              {"pg_largeobject_metadata", "oid::text", "lomowner", "", ""},
	"matview":                   {"pg_class", "relname", "relowner", " and o.relkind = 'm'", "relnamespace"},
	"publication":               {"pg_publication", "pubname", "pubowner", "", ""},
	"schema":                    {"pg_namespace", "nspname", "nspowner", "", ""},
	"sequence":                  {"pg_class", "relname", "relowner", " and o.relkind = 'S'", "relnamespace"},
	"server":                    {"pg_foreign_server", "srvname", "srvowner", "", ""},
	"statistics":                {"pg_statistic_ext", "stxname", "stxowner", "", "stxnamespace"},
	"table":                     {"pg_class", "relname", "relowner", " and o.relkind in ('r', 'p')", "relnamespace"},
	"tablespace":                {"pg_tablespace", "spcname", "spcowner", "", ""},
	"text_search_configuration": {"pg_ts_config", "cfgname", "cfgowner", "", "cfgnamespace"},
	"text_search_dictionary":    {"pg_ts_dict", "dictname", "dictowner", "", "dictnamespace"},
	"type":                      {"pg_type", "typname", "typowner", "", "typnamespace"},
	"view":                      {"pg_class", "relname", "relowner", " and o.relkind = 'v'", "relnamespace"},
}

// find returns the question for an object's owners.
func (o *owner) find() (string, error) {
	kind := kinds[o.Type]
	name, types, call := strings.Cut(o.Name, "(")
	if call = call && kind.table == "pg_proc"; !call {
		name = o.Name
	}
	if call && !signature.MatchString(types) {
		return "", &tasks.Failure{Msg: "is no function with its types: f(int, text)"}
	}
	parts, err := nameParts(strings.TrimSpace(name))
	if kind.schema == "" {
		parts, err = []string{o.Name}, nil
	}
	if err != nil {
		return "", err
	}
	var each []string
	for _, part := range parts {
		each = append(each, identifier(part))
	}
	o.name = strings.Join(each, ".")
	if call {
		o.name += "(" + types
	}
	if o.Type == "large_object" {
		o.name = o.Name
		if strings.Trim(o.Name, "0123456789") != "" {
			return "", &tasks.Failure{Msg: "has to be the number of a large object"}
		}
	}
	query := "select pg_get_userbyid(o." + kind.owner + ") from pg_catalog." + kind.table + " o where o." + kind.name + " = " +
		literal(parts[len(parts)-1]) + kind.and
	if kind.schema != "" && len(parts) > 1 {
		query += " and o." + kind.schema + " in (select oid from pg_catalog.pg_namespace where nspname = " + literal(parts[len(parts)-2]) + ")"
	}
	return query, nil
}

func (o *owner) decide(found []answer) (change, error) {
	c := change{msg: "change the owner of " + o.Name}
	there := found[0].list()
	if !slices.Contains(there, o.NewOwner) {
		return c, &tasks.Failure{Msg: "Role '" + o.NewOwner + "' does not exist"}
	}
	if o.Reassign == nil {
		if !slices.Contains(found[1].list(), o.NewOwner) {
			c.add("ALTER " + strings.ToUpper(spaces(o.Type)) + " " + o.name + " OWNER TO " + identifier(o.NewOwner))
		}
		return c, nil
	}
	var former []string
	for _, role := range o.Reassign {
		switch {
		case slices.Contains(there, role):
			former = append(former, role)
		case o.FailOnRole == nil || *o.FailOnRole:
			return c, &tasks.Failure{Msg: "Role '" + role + "' does not exist"}
		default:
			c.warnings = append(c.warnings, "Role '"+role+"' does not exist, pass")
		}
	}
	c.msg = "reassign what " + strings.Join(former, ", ") + " own"
	if slices.ContainsFunc(former, func(role string) bool { return slices.Contains(found[1].list(), role) && role != o.NewOwner }) {
		c.add("REASSIGN OWNED BY " + identifiers(former) + " TO " + identifier(o.NewOwner))
	}
	return c, nil
}

func spaces(kind string) string {
	if kind == "matview" {
		return "materialized view"
	}
	return strings.ReplaceAll(kind, "_", " ")
}
