package postgresql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

type queryArgs struct {
	Login
	Query      any            `arg:"query" doc:"A statement, or a list of them. %s and %(name)s stand for the arguments, and %% for a percent sign where there are some."`
	DB         string         `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of the role's name."`
	Positional []any          `arg:"positional_args" doc:"Values for each %s, in order. A list is an array."`
	Named      map[string]any `arg:"named_args" doc:"Values for each %(name)s; not together with positional_args."`
	Autocommit bool           `arg:"autocommit" default:"false" doc:"Run each statement by itself instead of all in one transaction, as VACUUM and the like need it."`
	Encoding   string         `arg:"encoding" doc:"The client's encoding: only UTF-8 is known, which the server turns its texts into."`
	SearchPath []string       `arg:"search_path" doc:"Schemas to look for names in, in order."`
}

var queryModule = tasks.Define(tasks.Module{
	Name: "postgresql_query", Collections: collection,
	Summary: "Run SQL statements",
	Without: map[string]string{
		"path_to_script":  "community.postgresql 3.0 took it out: write query: \"{{ lookup('file', 'x.sql') }}\"",
		"as_single_query": "community.postgresql 3.0 took it out: a query is always one text; give a list for several",
	},
	Notes: append([]string{
		"As in Ansible, check mode runs the statements and takes them back; what that cannot take back (a sequence's step) stays.",
		"Values are inserted as literals on the control node. Numbers, truth values, times, JSON and arrays are returned as such; " +
			"psql cannot tell the types of a statement that has a semicolon, colon, backslash or dollar sign in it outside of quotes: all of its " +
			"values are texts then.",
		"query_result of a statement that finds no rows, or returns none, is an empty dict, as in Ansible: its length is 0.",
	}, loginNotes...),
	Returns: []tasks.Return{
		{Name: "query", Type: "str", Doc: "the last statement, with its values"},
		{Name: "query_list", Type: "list", Doc: "the statements as given"},
		{Name: "statusmessage", Type: "str", Doc: "what the server said it did for the last one"},
		{Name: "query_result", Type: "list", Doc: "the last one's rows, each a dict"},
		{Name: "query_all_results", Type: "list", Doc: "the same of each statement"},
		{Name: "rowcount", Type: "int", Doc: "rows that were returned or changed, of all statements together"},
		{Name: "execution_time_ms", Type: "list", Doc: "milliseconds that each took"},
	},
	Examples: `
- postgresql_query:
    login_db: app
    query: SELECT * FROM story WHERE id = %s AND kind = ANY (%s)
    positional_args: [1, [news, letter]]
  become: true
  become_user: postgres
  register: stories
- postgresql_query: {login_db: app, query: "VACUUM", autocommit: true, nodes: "{{ polardb_nodes }}", login_password: "{{ polardb_password }}"}
`,
}, func(a *queryArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_query", Arg: arg, Problem: problem}
	}
	if err := a.check("postgresql_query", l); err != nil {
		return nil, err
	}
	q := &query{args: a, check: l.Check()}
	switch list := a.Query.(type) {
	case string:
		q.given = []string{list}
	case []any:
		for _, item := range list {
			text, ok := item.(string)
			if !ok {
				return refuse("query", "has to be a statement or a list of them")
			}
			q.given = append(q.given, text)
		}
	case nil:
		return refuse("query", "is required")
	default:
		return refuse("query", "has to be a statement or a list of them")
	}
	switch encoding := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(a.Encoding)); {
	case len(q.given) == 0:
		return refuse("query", "is empty")
	case a.Positional != nil && a.Named != nil:
		return refuse("named_args", "and positional_args exclude each other")
	case a.Autocommit && q.check:
		return refuse("autocommit", "excludes check mode: what is done cannot be taken back")
	case encoding != "" && encoding != "utf8" && encoding != "unicode":
		return refuse("encoding", "has to be UTF-8, which the server turns its texts into")
	}
	for _, text := range q.given {
		if strings.Trim(text, "; \t\r\n") == "" {
			return refuse("query", "has an empty statement")
		}
		full, err := a.fill(text)
		if err != nil {
			return refuse("query", err.Error())
		}
		q.list = append(q.list, full)
	}
	return tasks.AskApply(q), nil
})

type query struct {
	args  *queryArgs
	given []string
	list  []string // with their values
	check bool
}

// reads reports whether no statement changes anything, so that all may be done where the plan is made.
func (q *query) reads() bool {
	return !slices.ContainsFunc(q.list, func(text string) bool {
		words := strings.Fields(strings.ToLower(text))
		return len(words) == 0 || !slices.Contains([]string{"select", "show", "values", "table"}, words[0])
	})
}

// done is what statements did; values nil: they were not run yet.
type done struct {
	changed bool
	values  map[string]any
	err     error // why no session could be opened
}

// Ask runs statements that only read, and in check mode all, which are taken back.
func (q *query) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (done, error) {
	if !q.check && !q.reads() {
		return done{}, nil
	}
	d, err := q.run(ctx, h)
	var not *unreached
	if q.check && errors.As(err, &not) && ctx.Err() == nil {
		return done{err: err}, nil
	}
	return d, err
}

func (q *query) Plan(d done) (tasks.Plan, struct{}, error) {
	none := struct{}{}
	switch {
	case d.err != nil:
		return tasks.Plan{Change: true, Event: true, Unknown: d.err.Error(), Msg: "run SQL"}, none, nil
	case d.values != nil && (q.check || !d.changed):
		return tasks.Plan{Change: d.changed, Event: true, Values: d.values}, none, nil
	case d.values != nil: // a function that writes, behind a word that only reads
		return tasks.Plan{Values: d.values}, none, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: "run SQL"}, none, nil
}

func (q *query) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, _ struct{}) (tasks.Result, error) {
	d, err := q.run(ctx, h)
	return tasks.Result{Changed: d.changed, Values: d.values}, err
}

func (q *query) run(ctx context.Context, h tasks.Host) (done, error) {
	var list []question
	if !q.args.Autocommit {
		list = append(list, question{sql: "begin"})
	}
	if len(q.args.SearchPath) > 0 {
		path := make([]string, len(q.args.SearchPath))
		for i, schema := range q.args.SearchPath {
			path[i] = identifier(strings.Trim(strings.TrimSpace(schema), `"`))
		}
		list = append(list, question{sql: "set search_path to " + strings.Join(path, ", ")})
	}
	before := len(list)
	for _, text := range q.list {
		list = append(list, question{sql: text, types: true})
	}
	switch {
	case q.check:
		list = append(list, question{sql: "rollback"})
	case !q.args.Autocommit:
		list = append(list, question{sql: "commit"})
	}
	began := time.Now()
	answers, err := q.args.run(ctx, h, q.args.DB, list...)
	if err != nil {
		var not *unreached
		if at := len(answers) - before; !errors.As(err, &not) && at >= 0 && at < len(q.given) {
			return done{}, &tasks.Failure{Msg: fmt.Sprintf("cannot execute SQL '%s'", q.given[at]), Err: err}
		}
		return done{}, err
	}
	took := math.Round(float64(time.Since(began).Microseconds())/float64(len(q.list))) / 1000
	d := done{values: map[string]any{"query": q.list[len(q.list)-1], "query_list": anys(q.given)}}
	rows, all, times := 0, []any{}, []any{}
	for _, a := range answers[before : before+len(q.list)] {
		var result any = map[string]any{}
		if a.known() {
			result = a.dicts()
		}
		all, times = append(all, result), append(times, took)
		rows += a.count()
		d.changed = d.changed || a.changes()
		d.values["statusmessage"], d.values["query_result"] = a.tag, result
	}
	d.values["query_all_results"], d.values["rowcount"], d.values["execution_time_ms"] = all, rows, times
	return d, nil
}

// count returns how many rows a statement returned or changed.
func (a answer) count() int {
	words := strings.Fields(a.tag)
	if len(words) > 1 {
		if n, err := strconv.Atoi(words[len(words)-1]); err == nil {
			return n
		}
	}
	return len(a.rows)
}

// changes reports whether a statement changed something, by the server's word for it, as Ansible's module does.
func (a answer) changes() bool {
	switch {
	case strings.Contains(a.tag, "SELECT"), strings.Contains(a.tag, "SHOW"):
		return false
	case strings.Contains(a.tag, "UPDATE"), strings.Contains(a.tag, "INSERT"), strings.Contains(a.tag, "DELETE"):
		return a.count() > 0 || len(strings.Fields(a.tag)) == 1
	}
	return true
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// fill puts the values into a statement.
func (a *queryArgs) fill(text string) (string, error) {
	if len(a.Positional) == 0 && len(a.Named) == 0 {
		return text, nil
	}
	var b strings.Builder
	next := 0
	for {
		before, rest, more := strings.Cut(text, "%")
		b.WriteString(before)
		switch name, after, _ := strings.Cut(strings.TrimPrefix(rest, "("), ")s"); {
		case !more:
			if next < len(a.Positional) {
				return "", fmt.Errorf("has %d times %%s, and there are %d positional_args", next, len(a.Positional))
			}
			return b.String(), nil
		case strings.HasPrefix(rest, "%"):
			b.WriteByte('%')
			text = rest[1:]
		case strings.HasPrefix(rest, "s"):
			if next >= len(a.Positional) {
				return "", fmt.Errorf("has more %%s than there are positional_args")
			}
			value, err := sqlValue(a.Positional[next])
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			next, text = next+1, rest[1:]
		case strings.HasPrefix(rest, "("):
			given, there := a.Named[name]
			if !there {
				return "", fmt.Errorf("has %%(%s)s, which is not in named_args", name)
			}
			value, err := sqlValue(given)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = after
		default:
			return "", errors.New("has a % that is neither %s nor %(name)s: write %% for the sign itself")
		}
	}
}

// sqlValue writes a value as SQL.
func sqlValue(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "NULL", nil
	case bool:
		return strconv.FormatBool(v), nil
	case string:
		if strings.ContainsRune(v, 0) {
			return "", errors.New("has a value with a NUL byte in it, which no server takes")
		}
		return literal(v), nil
	case []any:
		return literal(arrayText(v)), nil
	case map[string]any, *ordered.Map:
		text, err := json.Marshal(ordered.Plain(v))
		return literal(string(text)), err
	case int, int64, float64:
		text := fmt.Sprint(v)
		if strings.HasPrefix(text, "-") {
			text = " " + text // two signs would begin a comment
		}
		return text, nil
	}
	return literal(fmt.Sprint(v)), nil
}

func arrayText(list []any) string {
	var elements []string
	for _, v := range list {
		switch v := v.(type) {
		case nil:
			elements = append(elements, "NULL")
		case []any:
			elements = append(elements, arrayText(v))
		case string:
			elements = append(elements, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v)+`"`)
		default:
			elements = append(elements, fmt.Sprint(v))
		}
	}
	return "{" + strings.Join(elements, ", ") + "}"
}
