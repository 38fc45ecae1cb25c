package polardb

import (
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/hba"
)

type rotationHBAArgs struct {
	Path            string `arg:"path,required,path" doc:"the path of pg_hba.conf"`
	ReplicationUser string `arg:"replication_user,required" doc:"the role that members replicate with"`
	Roles           []any  `arg:"roles" doc:"the roles that are let in like it; empty: remove the lines for them"`
}

var rotationHBAModule = tasks.Define(tasks.Module{
	Name:    "polardb_rotation_hba",
	Summary: "Let the members' second role in wherever pg_hba.conf lets the replication role in",
	Notes: []string{
		"Each line that names the replication role is repeated for the second roles, in a block before all other lines: " +
			"from the same addresses, by the same method, with TLS or without.",
	},
	Examples: `- polardb_rotation_hba:
    path: /var/lib/polardb/pgdata/pg_hba.conf
    replication_user: "{{ polardb_replication_user }}"
    roles: "{{ rotation.lines }}"
`,
}, func(a *rotationHBAArgs, l tasks.Local) (tasks.Action, error) {
	var roles []string
	for _, item := range a.Roles {
		role, err := convert.Text(item)
		if err != nil || RoleProblem(role) != "" {
			return nil, &tasks.ArgError{Module: "polardb_rotation_hba", Arg: "roles", Problem: "must be names of roles"}
		}
		roles = append(roles, role)
	}
	e, err := files.NewEdit("polardb_rotation_hba", files.EditArgs{Path: a.Path}, false, l)
	if err != nil {
		return nil, err
	}
	e.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		return withRoles(text, a.ReplicationUser, roles), "lines for the second role in " + a.Path, nil, nil
	}
	return e, nil
})

const (
	rotationBegin = "# BEGIN of the second role, while the password of replication changes\n"
	rotationEnd   = "# END of the second role, while the password of replication changes\n"
)

// withRoles returns a pg_hba.conf that lets roles in wherever it lets the role like in, in place of those in an earlier block.
func withRoles(text, like string, roles []string) string {
	var rest, block strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		switch line {
		case rotationBegin:
			inside = true
		case rotationEnd:
			inside = false
		default:
			if !inside {
				rest.WriteString(line)
			}
		}
	}
	for _, role := range roles {
		for line := range strings.Lines(rest.String()) {
			// The roles are the third field.
			if f, _, _ := hba.Fields(line); len(f) > 3 && hbaNamed(f[2].Text, like) {
				quoted := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
				block.WriteString(strings.TrimRight(line[:f[2].From]+quoted+line[f[2].To:], "\r\n") + "\n")
			}
		}
	}
	if block.Len() == 0 {
		return rest.String()
	}
	return rotationBegin + block.String() + rotationEnd + rest.String()
}
