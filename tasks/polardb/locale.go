package polardb

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
)

type localeArgs struct {
	ClusterArgs
	Locale   string `arg:"locale" default:"C" doc:"the locale that the cluster should have"`
	Encoding string `arg:"encoding" default:"UTF8" doc:"the encoding that the cluster should have"`
}

var localeModule = tasks.Define(tasks.Module{
	Name:    "polardb_locale",
	Summary: "Check that a running cluster was created with the wanted locale and encoding",
	Notes: []string{
		"initdb sets both once, for template0 and the databases made from it; nothing changes them in an existing cluster. " +
			"A cluster with another locale or encoding is refused, and nothing is created again.",
		"When no node answers there is nothing to compare, and nothing is refused.",
	},
	Returns: []tasks.Return{
		{Name: "locale", Type: "str", Doc: "the cluster's locale; empty: no node answered"},
		{Name: "encoding", Type: "str", Doc: "the cluster's encoding; empty: no node answered"},
	},
	Examples: `- polardb_locale:
    locale: zh_CN.UTF-8
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *localeArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.Ask(&localeAction{args: a, list: list}), err
})

type localeAction struct {
	args *localeArgs
	list []WantedNode
}

// madeWith holds the locale and encoding that initdb used; empty: no node answered.
type madeWith struct{ collate, ctype, encoding string }

const madeWithQuery = `select datcollate::text, datctype::text, pg_encoding_to_char(encoding)::text
	from pg_database where datname = 'template0'`

func (l *localeAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (madeWith, error) {
	var made madeWith
	for _, view := range l.args.glance(ctx, h, l.list) {
		if view.Err != nil {
			continue
		}
		node, err := NodeNamed(l.list, view.Node)
		if err != nil {
			return made, err
		}
		err = l.args.use(ctx, h, node, true, func(conn *pgx.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, lookLimit)
			defer cancel()
			return conn.QueryRow(ctx, madeWithQuery).Scan(&made.collate, &made.ctype, &made.encoding)
		})
		if err != nil {
			return made, fmt.Errorf("ask %s for the cluster's locale: %w", node.Name, err)
		}
		return made, nil
	}
	return made, ctx.Err()
}

func (l *localeAction) Plan(made madeWith) (tasks.Plan, error) {
	a := l.args
	values := map[string]any{"locale": made.collate, "encoding": made.encoding}
	if made.encoding == "" {
		return tasks.Plan{Msg: "no node answers", Values: values}, nil
	}
	is := made.collate
	if made.ctype != made.collate {
		is = made.collate + " (characters: " + made.ctype + ")"
	}
	var wrong, back []string
	if PlainLocale(made.collate) != PlainLocale(a.Locale) || PlainLocale(made.ctype) != PlainLocale(a.Locale) {
		wrong = append(wrong, fmt.Sprintf("the locale %s, and polardb_locale is %s", is, a.Locale))
		back = append(back, "polardb_locale: "+made.collate)
	}
	if PlainEncoding(made.encoding) != PlainEncoding(a.Encoding) {
		wrong = append(wrong, fmt.Sprintf("the encoding %s, and polardb_encoding is %s", made.encoding, a.Encoding))
		back = append(back, "polardb_encoding: "+made.encoding)
	}
	if len(wrong) > 0 {
		return tasks.Plan{}, &tasks.Failure{Msg: "the cluster was made with " + strings.Join(wrong, "; with "), Values: values,
			Hint: "initdb sets them once, and a cluster keeps them: put " + strings.Join(back, " and ") + " into the inventory. " +
				"CREATE DATABASE … TEMPLATE template0 LC_COLLATE … LC_CTYPE … ENCODING … makes a database with others; " +
				"for a cluster with others, create one on other hosts or directories and fill it by pg_dump"}
	}
	return tasks.Plan{Msg: "locale " + is + ", encoding " + made.encoding, Values: values}, nil
}
