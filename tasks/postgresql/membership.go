package postgresql

import (
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type membershipArgs struct {
	Login
	Groups     []string `arg:"groups,required" alias:"group source_role source_roles" doc:"Roles that others are to be members of."`
	Targets    []string `arg:"target_roles,required" alias:"target_role user users" doc:"Roles that are to be members."`
	FailOnRole bool     `arg:"fail_on_role" default:"true" doc:"Fail when a role is not there; otherwise it is left out with a warning."`
	State      string   `arg:"state" default:"present" choices:"absent exact present" doc:"Be members, or not; exact: of groups and no others."`
	DB         string   `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of login_user's name."`
}

var membershipModule = tasks.Define(tasks.Module{
	Name: "postgresql_membership", Collections: collection,
	Summary: "Make roles members of others, or end that",
	Notes:   loginNotes,
	Returns: []tasks.Return{
		queriesReturn, {Name: "granted", Type: "dict", Doc: "for each group the roles that became members"},
		{Name: "revoked", Type: "dict", Doc: "for each group the roles that are members no more"},
		{Name: "groups", Type: "list", Doc: "the groups"}, {Name: "target_roles", Type: "list", Doc: "the roles"},
		{Name: "state", Type: "str", Doc: "as asked for"},
	},
	Examples: `
- postgresql_membership: {groups: [readers, writers], target_roles: [app]}
  become: true
  become_user: postgres
- postgresql_membership: {groups: [readers], target_roles: [report], state: exact, nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
`,
}, func(a *membershipArgs, l tasks.Local) (tasks.Action, error) {
	for _, list := range [][]string{a.Groups, a.Targets} {
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
	}
	all := slices.Concat(a.Groups, a.Targets)
	if err := a.check("postgresql_membership", l, all...); err != nil {
		return nil, err
	}
	if len(a.Targets) == 0 {
		return nil, &tasks.ArgError{Module: "postgresql_membership", Arg: "target_roles", Problem: "is empty"}
	}
	w := &work{module: "postgresql_membership", login: &a.Login, database: a.DB, check: l.Check(), named: "membership of " +
		strings.Join(a.Targets, ", ")}
	w.questions = asks(
		"select rolname from pg_catalog.pg_roles where rolname in ("+literals(all)+")",
		"select distinct r.rolname, g.rolname from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.member"+
			" join pg_catalog.pg_roles g on g.oid = m.roleid where r.rolname in ("+literals(a.Targets)+") order by 1, 2",
	)
	w.decide = a.decide
	return tasks.AskApply(w), nil
})

func (a *membershipArgs) decide(found []answer) (change, error) {
	c := change{msg: "change the members"}
	there := found[0].list()
	only := func(list []string) ([]string, error) {
		var kept []string
		for _, role := range list {
			switch {
			case slices.Contains(there, role):
				kept = append(kept, role)
			case a.FailOnRole:
				return nil, &tasks.Failure{Msg: "Role " + role + " does not exist"}
			default:
				c.warnings = append(c.warnings, "Role "+role+" does not exist, pass")
			}
		}
		return kept, nil
	}
	groups, err := only(a.Groups)
	if err != nil {
		return c, err
	}
	targets, err := only(a.Targets)
	if err != nil {
		return c, err
	}
	c.values = map[string]any{"groups": anys(groups), "target_roles": anys(targets), "state": a.State}
	granted, revoked := map[string]any{}, map[string]any{}
	if a.State != "exact" {
		for _, group := range groups {
			granted[group], revoked[group] = []any{}, []any{}
		}
	}
	note := func(into map[string]any, group, role string) {
		list, _ := into[group].([]any)
		into[group] = append(list, role)
	}
	has := map[string][]string{}
	for i := range found[1].rows {
		role := found[1].text(i, 0)
		has[role] = append(has[role], found[1].text(i, 1))
	}
	settle := func(group, role string, member bool) {
		switch {
		case member && !slices.Contains(has[role], group):
			c.add("GRANT " + identifier(group) + " TO " + identifier(role))
			note(granted, group, role)
		case !member && slices.Contains(has[role], group):
			c.add("REVOKE " + identifier(group) + " FROM " + identifier(role))
			note(revoked, group, role)
		}
	}
	if a.State != "exact" { // Ansible's order: all of a group
		for _, group := range groups {
			for _, role := range targets {
				settle(group, role, a.State == "present")
			}
		}
	} else {
		for _, role := range targets {
			for _, group := range slices.Concat(has[role], groups) {
				settle(group, role, slices.Contains(groups, group))
			}
		}
	}
	if a.State != "absent" {
		c.values["granted"] = granted
	}
	if a.State != "present" {
		c.values["revoked"] = revoked
	}
	return c, nil
}
