package postgresql

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
)

type tablespaceArgs struct {
	Login
	Name     string         `arg:"name,required" alias:"tablespace" doc:"Tablespace."`
	State    string         `arg:"state" default:"present" choices:"absent present" doc:"Have it, or not."`
	Location string         `arg:"location,path" alias:"path" doc:"Directory on the host, which has to be there, empty and the server's account's. Required for a new one; cannot change."`
	Owner    string         `arg:"owner" doc:"Role that is to own it."`
	Set      map[string]any `arg:"set" doc:"Its options, such as random_page_cost; reset takes one back."`
	RenameTo string         `arg:"rename_to" doc:"New name for it."`
	DB       string         `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of login_user's name."`
	Comment  *string        `arg:"comment" doc:"Comment on it; empty removes one."`
}

var tablespaceModule = tasks.Define(tasks.Module{
	Name: "postgresql_tablespace", Collections: collection,
	Summary: "Create, change or drop a tablespace",
	Notes: append([]string{
		"With nodes, every member needs the directory before: that is what polardb_tablespaces is for.",
	}, loginNotes...),
	Returns: []tasks.Return{
		{Name: "tablespace", Type: "str", Doc: "the tablespace"}, queriesReturn, {Name: "owner", Type: "str", Doc: "its owner"},
		{Name: "options", Type: "dict", Doc: "its options"}, {Name: "location", Type: "str", Doc: "its directory"},
		{Name: "newname", Type: "str", Doc: "its new name, where it got one"}, {Name: "state", Type: "str", Doc: "as asked for"},
		{Name: "comment", Type: "str", Doc: "its comment"},
	},
	Examples: `
- postgresql_tablespace: {name: ssd, location: /srv/ssd/pg, owner: app, set: {random_page_cost: 1.1}}
  become: true
  become_user: postgres
- postgresql_tablespace: {name: old, state: absent}
  become: true
  become_user: postgres
`,
}, func(a *tablespaceArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_tablespace", Arg: arg, Problem: problem}
	}
	if err := a.check("postgresql_tablespace", l, a.Name, a.Location, a.Owner, a.RenameTo, orEmpty(a.Comment)); err != nil {
		return nil, err
	}
	if a.State == "absent" && (a.Location != "" || a.Owner != "" || a.RenameTo != "" || len(a.Set) > 0) {
		return refuse("state", "absent excludes location, owner, rename_to and set")
	}
	options := map[string]string{}
	for name, value := range a.Set {
		text, err := convert.Text(value)
		if err != nil || !optionName.MatchString(name) {
			return refuse("set", fmt.Sprintf("has no name and value of an option: %s", name))
		}
		options[name] = text
	}
	w := &work{module: "postgresql_tablespace", login: &a.Login, database: a.DB, check: l.Check(), named: "tablespace " + a.Name}
	ask := func(name string) string {
		return "select pg_get_userbyid(t.spcowner), pg_tablespace_location(t.oid), t.spcoptions, shobj_description(t.oid, 'pg_tablespace')" +
			" from pg_catalog.pg_tablespace t where t.spcname = " + literal(name)
	}
	w.questions = asks(ask(a.Name), ask(a.RenameTo), "select current_user")
	w.decide = func(found []answer) (change, error) { return a.decide(found, options) }
	return tasks.AskApply(w), nil
})

var optionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (a *tablespaceArgs) decide(found []answer, options map[string]string) (change, error) {
	have, name := found[0], a.Name
	c := change{values: map[string]any{"tablespace": a.Name, "state": a.State}}
	fail := func(msg string) (change, error) { return c, &tasks.Failure{Msg: msg} }
	switch {
	case a.State == "absent":
		if c.apart = true; have.known() {
			c.add("DROP TABLESPACE " + identifier(name))
			c.msg = "drop tablespace " + name
		}
	case have.known() && a.RenameTo != "" && a.RenameTo != name:
		c.add("ALTER TABLESPACE " + identifier(name) + " RENAME TO " + identifier(a.RenameTo))
		c.msg, name = "rename tablespace "+name+" to "+a.RenameTo, a.RenameTo
		c.values["newname"] = name
	case !have.known() && a.RenameTo != "" && found[1].known(): // it has that name already
		have, name = found[1], a.RenameTo
	case !have.known() && a.RenameTo != "":
		return fail("Tablespace " + a.Name + " does not exist, nothing to rename")
	case !have.known() && a.Location == "":
		return fail("tablespace " + a.Name + " is not there: location says where it is to be")
	case !have.known():
		c.apart = true
		c.add("CREATE TABLESPACE " + identifier(name) + " LOCATION " + literal(a.Location))
		c.msg = "create tablespace " + name
	}
	if have.known() && a.Location != "" && strings.TrimRight(a.Location, "/") != have.text(0, 1) {
		return fail(fmt.Sprintf("Tablespace '%s' exists with different location '%s'", name, have.text(0, 1)))
	}
	owner, location, comment := have.text(0, 0), have.text(0, 1), have.text(0, 3)
	if a.State == "present" && !have.known() {
		owner = found[2].text(0, 0)
	}
	set := map[string]any{}
	for _, pair := range have.array(0, 2) {
		option, value, _ := strings.Cut(pair, "=")
		set[option] = value
	}
	if a.State == "present" {
		if a.Owner != "" && a.Owner != owner {
			c.add("ALTER TABLESPACE " + identifier(name) + " OWNER TO " + identifier(a.Owner))
			owner = a.Owner
		}
		for _, option := range slices.Sorted(maps.Keys(options)) {
			value := options[option]
			old, there := set[option]
			switch {
			case value == "reset" && there:
				c.add("ALTER TABLESPACE " + identifier(name) + " RESET (" + option + ")")
				delete(set, option)
			case value != "reset" && (!there || old != value):
				c.add("ALTER TABLESPACE " + identifier(name) + " SET (" + option + " = " + literal(value) + ")")
				set[option] = value
			}
		}
		if a.Comment != nil && *a.Comment != comment {
			c.add("COMMENT ON TABLESPACE " + identifier(name) + " IS " + literal(*a.Comment))
			comment = *a.Comment
		}
		if location == "" {
			location = a.Location
		}
	}
	if len(c.statements) > 0 && c.msg == "" {
		c.msg = "change tablespace " + name
	}
	c.values["owner"], c.values["location"], c.values["options"], c.values["comment"] = owner, location, set, comment
	if a.State == "absent" && !have.known() {
		c.values["comment"] = nil
	}
	return c, nil
}
