package postgresql

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type pingArgs struct {
	Login
	DB string `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of the role's name."`
}

var pingModule = tasks.Define(tasks.Module{
	Name: "postgresql_ping", Collections: collection,
	Summary: "See whether a server answers, and which release it is",
	Notes:   append([]string{"A server that does not answer is no failure: is_available is false then."}, loginNotes...),
	Returns: []tasks.Return{
		{Name: "is_available", Type: "bool", Doc: "whether it let the role in"},
		{Name: "server_version", Type: "dict", Doc: "major, minor, full and raw; patch for releases before 10"},
		{Name: "conn_err_msg", Type: "str", Doc: "why it did not"},
	},
	Examples: `
- postgresql_ping:
  become: true
  become_user: postgres
- postgresql_ping: {login_host: db.example.com, login_user: app, login_password: "{{ app_password }}", login_db: app, ssl_mode: require}
  register: db
  until: db.is_available
  retries: 30
  delay: 2
`,
}, func(a *pingArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.check("postgresql_ping", l); err != nil {
		return nil, err
	}
	return tasks.Ask(&ping{a}), nil
})

type ping struct{ args *pingArgs }

// Ask returns the answer as a module's values.
func (p *ping) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (tasks.Plan, error) {
	values := map[string]any{"is_available": false, "server_version": map[string]any{}, "conn_err_msg": ""}
	plan := tasks.Plan{Values: values}
	answers, err := p.args.run(ctx, h, p.args.DB, question{sql: "select version()"})
	var not *unreached
	switch {
	case errors.As(err, &not) && ctx.Err() == nil:
		values["conn_err_msg"] = not.err.Error()
		plan.Warnings = []string{"PostgreSQL server is unavailable: " + not.err.Error()}
		return plan, nil
	case err != nil:
		return plan, err
	}
	values["is_available"], values["server_version"] = true, version(answers[0].text(0, 0))
	return plan, nil
}

func (p *ping) Plan(plan tasks.Plan) (tasks.Plan, error) { return plan, nil }

var versionNumber = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?`)

// version takes apart what version() says: PostgreSQL 15.8 (Debian …) on …
func version(raw string) map[string]any {
	v := map[string]any{"raw": raw}
	words := strings.Fields(raw)
	if len(words) < 2 {
		return v
	}
	v["full"] = words[1]
	m := versionNumber.FindStringSubmatch(words[1])
	if m == nil {
		return v
	}
	for i, name := range []string{"major", "minor", "patch"} {
		if n, err := strconv.Atoi(m[i+1]); err == nil {
			v[name] = n
		}
	}
	return v
}
