package postgresql

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

type userArgs struct {
	Login
	Name        string         `arg:"name,required" alias:"user" doc:"Role."`
	Password    *string        `arg:"password,secret" doc:"Its password, or a SCRAM verifier or md5 hash of it, as pg_authid has them. Empty: it is to have none."`
	State       string         `arg:"state" default:"present" choices:"absent present" doc:"Have it, or not."`
	DB          string         `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of login_user's name."`
	FailOnUser  bool           `arg:"fail_on_user" alias:"fail_on_role" default:"true" doc:"Fail when the role cannot be dropped."`
	Flags       string         `arg:"role_attr_flags" doc:"What it may do, with commas: [NO]SUPERUSER, [NO]CREATEROLE, [NO]CREATEDB, [NO]INHERIT, [NO]LOGIN, [NO]REPLICATION, [NO]BYPASSRLS."`
	Encrypted   bool           `arg:"encrypted" default:"true" doc:"How the server keeps the password: no server since release 10 keeps one in clear, so that no is refused together with password."`
	NoPassword  bool           `arg:"no_password_changes" default:"false" doc:"Leave the password of a role that is there alone, and of the rest change only role_attr_flags."`
	Expires     *string        `arg:"expires" doc:"Until when the password is good, as the server reads times; infinity: always."`
	ConnLimit   *int           `arg:"conn_limit" doc:"How many sessions it may have; -1 for any number."`
	Comment     *string        `arg:"comment" doc:"Comment on it; empty removes one."`
	Config      map[string]any `arg:"configuration" doc:"Settings of its sessions (ALTER ROLE … SET)."`
	ResetConfig bool           `arg:"reset_unspecified_configuration" default:"false" doc:"Take back such settings that are not in configuration."`
	QuoteConfig bool           `arg:"quote_configuration_values" default:"true" doc:"Quote their values; no is for lists, such as search_path, that come as SQL."`
	Groups      []string       `arg:"groups" doc:"Roles that it is to be a member of. Newer Ansible has postgresql_membership for that."`
	Priv        string         `arg:"priv" doc:"Refused: newer Ansible does not have it either. postgresql_privs grants privileges."`
}

var userModule = tasks.Define(tasks.Module{
	Name: "postgresql_user", Collections: collection,
	Summary: "Create, change or drop a role",
	Notes: append([]string{
		"The password itself is never sent: the control node makes a SCRAM verifier or an md5 hash of it, by the server's password_encryption, " +
			"and compares what the server has by making it again. A role that may not read pg_authid cannot compare: the password is set anew in " +
			"every run.",
	}, loginNotes...),
	Returns: []tasks.Return{
		{Name: "user", Type: "str", Doc: "the role"}, queriesReturn,
		{Name: "user_removed", Type: "bool", Doc: "whether it was dropped, with absent"},
	},
	Examples: `
- postgresql_user: {name: app, password: "{{ app_password }}", role_attr_flags: "NOSUPERUSER,NOCREATEDB"}
  become: true
  become_user: postgres
- postgresql_user:
    name: report
    password: "{{ report_password }}"
    conn_limit: 5
    configuration: {statement_timeout: 10min}
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *userArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_user", Arg: arg, Problem: problem}
	}
	names := append([]string{a.Name, orEmpty(a.Expires), orEmpty(a.Comment)}, a.Groups...)
	if err := a.check("postgresql_user", l, names...); err != nil {
		return nil, err
	}
	switch {
	case a.Priv != "":
		return refuse("priv", "is gone: grant privileges with postgresql_privs")
	case a.Password != nil && *a.Password != "" && !a.Encrypted:
		return refuse("encrypted", "cannot be no: no server since release 10 keeps a password in clear")
	case a.Name == "":
		return refuse("name", "is empty")
	}
	quotes := strings.HasPrefix(a.Name, `"`)
	if quotes != strings.HasSuffix(a.Name, `"`) {
		return refuse("name", "has a quote at one end only")
	}
	u := &user{userArgs: a, role: a.Name}
	if quotes {
		parts, err := nameParts(a.Name)
		if err != nil || len(parts) != 1 {
			return refuse("name", "is not quoted as the name of a role")
		}
		u.role = parts[0]
	}
	var err error
	if u.flags, err = roleFlags(a.Flags); err != nil {
		return refuse("role_attr_flags", err.Error())
	}
	u.config = map[string]string{}
	for name, value := range a.Config {
		if strings.ContainsAny(name, `"'`) {
			return refuse("configuration", "has a name with a quote in it: "+name)
		}
		if u.config[name], err = convert.Text(value); err != nil {
			return refuse("configuration", fmt.Sprintf("has a value for %s that is no text", name))
		}
	}
	if u.role == "PUBLIC" && (a.Password != nil || len(u.flags) > 0) {
		return refuse("name", "is PUBLIC, which has neither password nor role_attr_flags")
	}
	w := &work{module: "postgresql_user", login: &a.Login, database: a.DB, check: l.Check(), named: "role " + u.role}
	w.questions, w.more, w.decide = u.questions(), u.more, u.decide
	return tasks.AskApply(w), nil
})

type user struct {
	*userArgs
	role   string
	flags  []flag
	config map[string]string
}

// flag is an attribute of a role and whether it is to have it.
type flag struct {
	name string
	yes  bool
}

var flagColumns = []struct{ name, column string }{
	{"SUPERUSER", "rolsuper"}, {"CREATEROLE", "rolcreaterole"}, {"CREATEDB", "rolcreatedb"}, {"INHERIT", "rolinherit"},
	{"LOGIN", "rolcanlogin"}, {"REPLICATION", "rolreplication"}, {"BYPASSRLS", "rolbypassrls"},
}

func roleFlags(text string) ([]flag, error) {
	var flags []flag
	for _, word := range strings.Split(strings.ToUpper(text), ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		// NOINHERIT and the like; none of the names begins with NO itself.
		name, no := strings.CutPrefix(word, "NO")
		known := slices.ContainsFunc(flagColumns, func(f struct{ name, column string }) bool { return f.name == name })
		if !known {
			return nil, fmt.Errorf("has %q, which is no attribute of a role", word)
		}
		i := slices.IndexFunc(flags, func(f flag) bool { return f.name == name })
		switch {
		case i < 0:
			flags = append(flags, flag{name, !no})
		case flags[i].yes == no:
			return nil, fmt.Errorf("has %s and NO%s", name, name)
		}
	}
	return flags, nil
}

func (f flag) String() string { return when(!f.yes, "NO") + f.name }

// The columns of the first answer; those of the flags come first.
const (
	userConnLimit = 7 + iota
	userValid     // whether it is as wanted
	userComment
	userConfig
)

func (u *user) questions() []question {
	var columns []string
	for _, f := range flagColumns {
		columns = append(columns, "r."+f.column)
	}
	valid := "true"
	if u.Expires != nil {
		valid = "r.rolvaliduntil is not distinct from " + literal(*u.Expires) + "::timestamptz"
	}
	role := literal(u.role)
	return asks(
		"select "+strings.Join(columns, ", ")+", r.rolconnlimit, "+valid+", shobj_description(r.oid, 'pg_authid'), r.rolconfig"+
			" from pg_catalog.pg_roles r where r.rolname = "+role,
		"select current_setting('password_encryption'), has_table_privilege('pg_catalog.pg_authid', 'select')",
		"select g.rolname from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid"+
			" join pg_catalog.pg_roles r on r.oid = m.member where r.rolname = "+role,
	)
}

// more asks for what is kept of the password, where that may be read.
func (u *user) more(found []answer) []question {
	if u.Password == nil || found[1].text(0, 1) != "t" {
		return nil
	}
	return asks("select rolpassword from pg_catalog.pg_authid where rolname = " + literal(u.role))
}

func (u *user) decide(found []answer) (change, error) {
	c := change{values: map[string]any{"user": u.Name}}
	there := found[0].known()
	switch {
	case u.role == "PUBLIC":
		return c, nil
	case u.State == "absent" && there:
		c.add("DROP USER " + identifier(u.role))
		c.msg = "drop role " + u.role
		c.values["user_removed"] = true
		if !u.FailOnUser {
			c.failed = map[string]any{"user_removed": false}
		}
		c.untold = true
		return c, nil
	case u.State == "absent":
		return c, nil
	}
	c.msg = "create role " + u.role
	if there {
		c.msg = "change role " + u.role
	}
	if err := u.attributes(found, &c); err != nil {
		return c, err
	}
	for _, group := range u.Groups {
		if group = strings.TrimSpace(group); !slices.Contains(found[2].list(), group) {
			c.add("GRANT " + identifier(group) + " TO " + identifier(u.role))
		}
	}
	if u.Comment != nil && *u.Comment != found[0].text(0, userComment) {
		c.add("COMMENT ON ROLE " + identifier(u.role) + " IS " + literal(*u.Comment))
	}
	u.settings(found[0].array(0, userConfig), &c)
	return c, nil
}

// attributes adds the statement for what a role has itself.
func (u *user) attributes(found []answer, c *change) error {
	have := found[0]
	there := have.known()
	password, shown, err := u.password(found, c)
	if err != nil {
		return err
	}
	changes := password != ""
	var flags []string
	for _, f := range u.flags {
		flags = append(flags, f.String())
		column := slices.IndexFunc(flagColumns, func(known struct{ name, column string }) bool { return known.name == f.name })
		changes = changes || (have.text(0, column) == "t") != f.yes
	}
	limit := ""
	if u.ConnLimit != nil {
		limit = "CONNECTION LIMIT " + strconv.Itoa(*u.ConnLimit)
	}
	expires, shownExpires := "", ""
	if u.Expires != nil {
		expires, shownExpires = "VALID UNTIL "+literal(*u.Expires), "VALID UNTIL %(expires)s"
	}
	if there && u.NoPassword {
		expires, shownExpires, limit = "", "", ""
	} else {
		changes = changes || u.Expires != nil && have.text(0, userValid) != "t" ||
			u.ConnLimit != nil && have.text(0, userConnLimit) != strconv.Itoa(*u.ConnLimit)
	}
	if there && !changes {
		return nil
	}
	attributes := strings.Join(flags, " ")
	verb, rest := "CREATE USER ", []string{expires, limit, attributes}
	if there {
		verb, rest = "ALTER USER ", []string{attributes, expires, limit}
	}
	s := statement{sql: verb + identifier(u.role)}
	s.shown = u.shown(s.sql, shown, attributes, shownExpires, limit, there)
	with := " WITH"
	for _, w := range append([]string{password}, rest...) {
		if w != "" {
			s.sql += with + " " + w
			with = ""
		}
	}
	c.statements = append(c.statements, s)
	return nil
}

// shown is the statement as Ansible's module returns it, with the blanks that it has.
func (u *user) shown(begin, password, flags, expires, limit string, there bool) string {
	words := []string{begin}
	if password != "" {
		words = append(words, "WITH "+password)
	}
	switch {
	case there && password != "":
		words = append(words, flags)
	case there && flags != "":
		words = append(words, "WITH "+flags)
	}
	for _, w := range []string{expires, limit} {
		if w != "" {
			words = append(words, w)
		}
	}
	if !there {
		words = append(words, flags)
	}
	return strings.Join(words, " ")
}

var scramVerifier = regexp.MustCompile(`^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$`)
var md5Hash = regexp.MustCompile(`^md5[0-9a-fA-F]{32}$`)

// password returns the words for a password that has to change, and what is shown of them; "": it need not.
func (u *user) password(found []answer, c *change) (sql, shown string, err error) {
	if u.Password == nil || found[0].known() && u.NoPassword {
		return "", "", nil
	}
	wanted := *u.Password
	readable := len(found) > 3
	kept, known := "", false
	if readable && found[3].known() && found[3].rows[0][0] != nil {
		kept, known = found[3].text(0, 0), true
	}
	encryption := dma.SCRAM
	if setting := found[1].text(0, 0); setting != dma.SCRAM {
		encryption = dma.MD5 // older releases call it "on"
	}
	verifier := scramVerifier.MatchString(wanted) || md5Hash.MatchString(wanted)
	switch {
	case wanted == "" && !found[0].known():
		return "", "", nil
	case wanted == "":
		if known || !readable {
			c.settled = !readable
			return "PASSWORD NULL", "PASSWORD NULL", nil
		}
		return "", "", nil
	case verifier && wanted == kept:
		return "", "", nil
	case !verifier && known && dma.PasswordFits(kept, u.role, wanted):
		// One that is hashed in the older way is hashed anew where the server's setting says so, as Ansible does it.
		if encryption == dma.MD5 || dma.PasswordEncryption(kept) == dma.SCRAM {
			return "", "", nil
		}
	}
	c.settled = c.settled || !readable
	if !verifier {
		if wanted, err = dma.PasswordHash(encryption, u.role, wanted); err != nil {
			return "", "", err
		}
	}
	return "ENCRYPTED PASSWORD " + literal(wanted), "ENCRYPTED PASSWORD %(password)s", nil
}

// has reports whether a setting is as wanted: a list is kept with quotes around those of its elements that need them, and a value that
// comes as SQL without its quotes.
func (u *user) has(kept, wanted string) bool {
	if u.QuoteConfig {
		return kept == wanted || kept == identifier(wanted)
	}
	return kept == wanted || literal(kept) == wanted
}

// settings adds the statements for a role's own settings.
func (u *user) settings(config []string, c *change) {
	have := map[string]string{}
	for _, pair := range config {
		name, value, _ := strings.Cut(pair, "=")
		have[name] = value
	}
	role := identifier(u.role)
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, wanted := u.config[name]; !wanted && u.ResetConfig {
			c.add("ALTER ROLE " + role + " RESET " + identifier(name) + ";")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(u.config)) {
		value := u.config[name]
		if old, there := have[name]; there && u.has(old, value) {
			continue
		}
		c.settled = true // the server keeps some values in words of its own
		if u.QuoteConfig {
			value = literal(value)
		}
		c.add("ALTER ROLE " + role + " SET " + identifier(name) + " TO " + value + ";")
	}
}
