package postgresql

import (
	"context"
	"errors"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

type infoArgs struct {
	Login
	DB     string   `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of login_user's name."`
	Filter []string `arg:"filter" doc:"Keys that are wanted, or with ! before them are not; * and ? stand for other characters. Default: all."`
}

var infoModule = tasks.Define(tasks.Module{
	Name: "postgresql_info", Collections: collection,
	Summary: "Ask a server for its release, databases, roles, settings and more",
	Notes:   loginNotes,
	Returns: []tasks.Return{
		{Name: "version", Type: "dict", Doc: "major, minor, patch, full and raw"},
		{Name: "in_recovery", Type: "bool", Doc: "whether it follows another"},
		{Name: "databases", Type: "dict", Doc: "each database's owner, encoding, collate, ctype, access_priv and size, and its namespaces, " +
			"extensions, languages, publications and subscriptions"},
		{Name: "roles", Type: "dict", Doc: "each role's superuser, canlogin, valid_until and member_of"},
		{Name: "settings", Type: "dict", Doc: "each setting's setting, unit, context, vartype, boot_val, min_val, max_val, sourcefile, " +
			"pretty_val, pending_restart and val_in_bytes"},
		{Name: "pending_restart_settings", Type: "list", Doc: "settings that wait for a restart"},
		{Name: "tablespaces", Type: "dict", Doc: "each tablespace's spcowner, spcacl and spcoptions"},
		{Name: "replications", Type: "dict", Doc: "who follows it, by process"}, {Name: "repl_slots", Type: "dict", Doc: "its replication slots"},
	},
	Examples: `
- postgresql_info: {filter: [ver*, settings]}
  become: true
  become_user: postgres
  register: server
- postgresql_info: {filter: ["!databases"], nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
`,
}, func(a *infoArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.check("postgresql_info", l); err != nil {
		return nil, err
	}
	return tasks.Ask(&info{a}), nil
})

type info struct{ args *infoArgs }

// infoParts are the parts, in the order in which they are asked for.
var infoParts = []struct {
	name, sql string
	read      func(a answer, into map[string]any)
}{
	{"version", "select version(), current_setting('server_version_num')", readVersion},
	{"in_recovery", "select pg_is_in_recovery()", func(a answer, into map[string]any) { into["in_recovery"] = a.text(0, 0) == "t" }},
	{"tablespaces", "select spcname, pg_get_userbyid(spcowner) as spcowner, coalesce(spcacl::text, '') as spcacl," +
		" coalesce(spcoptions, '{}') as spcoptions from pg_tablespace", keyedAs("tablespaces")},
	{"databases", "select d.datname, pg_get_userbyid(d.datdba) as owner, pg_encoding_to_char(d.encoding) as encoding, d.datcollate as " +
		"collate, d.datctype as ctype, coalesce(array_to_string(d.datacl, chr(10)), '') as access_priv," +
		" case when has_database_privilege(d.datname, 'CONNECT') then pg_database_size(d.datname)::text else 'No Access' end as size" +
		" from pg_database d where d.datname <> 'template0'", keyedAs("databases")},
	{"replications", "select pid::text, pg_get_userbyid(usesysid) as usename, coalesce(application_name, '') as app_name," +
		" client_addr::text as client_addr, coalesce(client_hostname, '') as client_hostname, backend_start::text as backend_start, state" +
		" from pg_stat_replication", keyedAs("replications")},
	{"repl_slots", "select slot_name::text, plugin::text as plugin, slot_type, database::text as database, active from pg_replication_slots",
		keyedAs("repl_slots")},
	{"settings", "select name, setting, coalesce(unit, '') as unit, context, vartype, coalesce(boot_val, '') as boot_val," +
		" coalesce(min_val, '') as min_val, coalesce(max_val, '') as max_val, coalesce(sourcefile, '') as sourcefile," +
		" current_setting(name) as pretty_val, pending_restart from pg_settings", readSettings},
	{"roles", "select r.rolname, r.rolsuper as superuser, r.rolcanlogin as canlogin, coalesce(to_jsonb(r.rolvaliduntil) #>> '{}', '') as " +
		"valid_until, array(select b.rolname::text from pg_auth_members m join pg_roles b on m.roleid = b.oid where m.member = r.oid) as " +
		"member_of from pg_roles r where r.rolname !~ '^pg_'", keyedAs("roles")},
}

// wants reports whether a part is wanted: names without ! win over those with one.
func (a *infoArgs) wants(part string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, part)
		return ok && err == nil
	}
	only := slices.DeleteFunc(slices.Clone(a.Filter), func(f string) bool { return strings.HasPrefix(f, "!") })
	if len(only) > 0 {
		return slices.ContainsFunc(only, matches)
	}
	return !slices.ContainsFunc(a.Filter, func(f string) bool { return matches(strings.TrimPrefix(f, "!")) })
}

func (i *info) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (map[string]any, error) {
	values := map[string]any{
		"version": map[string]any{}, "in_recovery": nil, "tablespaces": ordered.New(0), "databases": ordered.New(0),
		"replications": ordered.New(0), "repl_slots": ordered.New(0), "settings": ordered.New(0), "roles": ordered.New(0),
		"pending_restart_settings": []any{},
	}
	var list []question
	for _, part := range infoParts {
		if i.args.wants(part.name) {
			list = append(list, question{sql: part.sql, types: true})
		}
	}
	answers, err := i.args.run(ctx, h, i.args.DB, list...)
	if err != nil {
		return nil, err
	}
	for _, part := range infoParts {
		if i.args.wants(part.name) {
			part.read(answers[0], values)
			answers = answers[1:]
		}
	}
	if i.args.wants("databases") {
		return values, i.inside(ctx, h, values)
	}
	return values, nil
}

func (i *info) Plan(values map[string]any) (tasks.Plan, error) {
	return tasks.Plan{Values: values}, nil
}

// keyed makes a dict of rows, whose first column is the key.
func keyed(a answer) *ordered.Map {
	all := ordered.New(len(a.rows))
	for r, row := range a.rows {
		one := ordered.New(len(row))
		for c := 1; c < len(row) && c < len(a.names); c++ {
			kind := ""
			if c < len(a.types) {
				kind = a.types[c]
			}
			one.Set(a.names[c], value(row[c], kind))
		}
		all.Set(a.text(r, 0), one)
	}
	return all
}

func keyedAs(name string) func(answer, map[string]any) {
	return func(a answer, into map[string]any) { into[name] = keyed(a) }
}

func readVersion(a answer, into map[string]any) {
	v := version(a.text(0, 0))
	number, _ := strconv.Atoi(a.text(0, 1))
	major, minor, patch := number/10000, number/100%100, number%100
	v["major"], v["minor"], v["patch"] = major, minor, patch
	v["full"] = strings.Join([]string{strconv.Itoa(major), strconv.Itoa(minor), strconv.Itoa(patch)}, ".")
	if major >= 10 {
		v["minor"], v["patch"] = patch, nil
		v["full"] = strconv.Itoa(major) + "." + strconv.Itoa(patch)
	}
	into["version"] = v
}

func readSettings(a answer, into map[string]any) {
	all := keyed(a)
	pending := []any{}
	for r := range a.rows {
		name := a.text(r, 0)
		one, _ := all.Get(name)
		setting, ok := one.(*ordered.Map)
		if !ok {
			continue
		}
		if factor := map[string]int{"kB": 1 << 10, "8kB": 8 << 10, "MB": 1 << 20}[a.text(r, 2)]; factor > 0 {
			if n, err := strconv.Atoi(a.text(r, 1)); err == nil {
				setting.Set("val_in_bytes", max(0, n*factor))
			}
		}
		if restart, _ := setting.Get("pending_restart"); restart == true {
			pending = append(pending, name)
		}
	}
	into["settings"], into["pending_restart_settings"] = all, pending
}

var plainVersion = regexp.MustCompile(`^(?:\d+(?:-*\d+)?\.)*\d+(?:-*\d+)?$`)

// inside asks each database for what is in it.
func (i *info) inside(ctx context.Context, h tasks.Host, values map[string]any) error {
	databases, ok := values["databases"].(*ordered.Map)
	if !ok {
		return nil
	}
	list := []question{
		{sql: "select nspname, pg_get_userbyid(nspowner) as nspowner, coalesce(nspacl::text, '') as nspacl from pg_namespace"},
		{sql: "select e.extname, e.extversion, n.nspname, obj_description(e.oid, 'pg_extension') as description from pg_extension e" +
			" join pg_namespace n on n.oid = e.extnamespace"},
		{sql: "select lanname, pg_get_userbyid(lanowner) as lanowner, coalesce(lanacl::text, '') as lanacl from pg_language"},
		{sql: "select p.pubname, pg_get_userbyid(p.pubowner) as ownername, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete from " +
			"pg_publication p",
			types: true},
		{sql: "select s.subname, pg_get_userbyid(s.subowner) as ownername, s.subenabled, s.subslotname::text as subslotname," +
			" s.subpublications from pg_subscription s where s.subdbid = (select oid from pg_database where datname = current_database())",
			types: true},
	}
	for name, one := range databases.All() {
		database, ok := one.(*ordered.Map)
		if !ok {
			continue
		}
		answers, err := i.args.run(ctx, h, name, list...)
		var not *unreached
		if errors.As(err, &not) && ctx.Err() == nil {
			database.Set("namespaces", map[string]any{})
			database.Set("extensions", map[string]any{})
			database.Set("languages", map[string]any{})
			database.Set("error", "Could not connect to the database.")
			continue
		}
		// Subscriptions are for superusers to see: without them, the rest is there all the same.
		if err != nil && len(answers) < len(list)-1 {
			return err
		}
		database.Set("namespaces", keyed(answers[0]))
		database.Set("extensions", extensions(answers[1]))
		database.Set("languages", keyed(answers[2]))
		database.Set("publications", keyed(answers[3]))
		subscriptions := ordered.New(0)
		if len(answers) > len(list)-1 {
			subscriptions = keyed(answers[len(list)-1])
		}
		database.Set("subscriptions", subscriptions)
	}
	return nil
}

func extensions(a answer) *ordered.Map {
	all := ordered.New(len(a.rows))
	for r, row := range a.rows {
		raw := a.text(r, 1)
		v := map[string]any{"raw": raw, "major": nil, "minor": nil}
		if plainVersion.MatchString(raw) {
			numbers := strings.FieldsFunc(raw, func(r rune) bool { return r == '.' || r == '-' })
			for i, name := range []string{"major", "minor"} {
				if i < len(numbers) {
					if n, err := strconv.Atoi(numbers[i]); err == nil {
						v[name] = n
					}
				}
			}
		}
		all.Set(a.text(r, 0), map[string]any{"extversion": v, "nspname": a.text(r, 2), "description": value(row[3], "")})
	}
	return all
}
