package postgresql

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// byPsql has the host's psql ask, as the task's user. A statement is a literal that psql has the server hand back and sends as it is
// (\gexec), so that psql takes no part of it for a command or a variable of its own, and none of it is on a command line.
func (l *Login) byPsql(ctx context.Context, h tasks.Host, database string, list []question) ([]answer, error) {
	p := psql{mark: rand.Text()}
	env := map[string]string{
		"PGHOST": l.LoginSocket, "PGPORT": strconv.Itoa(l.LoginPort), "PGUSER": l.user(), "PGDATABASE": cmp.Or(database, l.user()),
		"PGAPPNAME": cmp.Or(l.param("application_name"), "polarbook"), "PGCLIENTENCODING": "UTF8", "PGOPTIONS": l.param("options"),
		"PGCONNECT_TIMEOUT": strconv.Itoa(int(l.limit().Seconds())), "PGREQUIREAUTH": "scram-sha-256,md5,none", "LC_ALL": "C",
	}
	if l.LoginPassword != "" {
		env["PGPASSWORD"] = l.LoginPassword
	}
	script, err := p.script(list)
	if err != nil {
		return nil, err
	}
	r, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("psql", nil), Stdin: []byte(script), Env: env})
	if err != nil {
		return nil, err
	}
	const (
		noPsql    = 97
		noSession = 2
	)
	answers := p.answers(list, string(r.Stdout))
	switch {
	case r.Status == 0 && len(answers) == len(list):
		return answers, nil
	case r.Status == noPsql:
		return nil, &unreached{&tasks.Failure{Msg: "there is no psql on the host to ask a server by its socket",
			Hint: "install PostgreSQL's client, or log in with login_password and login_host: 127.0.0.1"}}
	case r.Status == noSession:
		return nil, &unreached{psqlError(string(r.Stderr))}
	}
	return answers, psqlError(string(r.Stderr))
}

// psql writes what psql is to do and reads what it wrote, in which mark stands between values and after answers: no value has it.
type psql struct{ mark string }

func (p psql) null() string { return p.mark + "-null" }
func (p psql) next() string { return p.mark + "-next" }
func (p psql) end() string  { return p.mark + "-end\n" }

func (p psql) script(list []question) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "\\pset format unaligned\n\\pset fieldsep '%s'\n\\pset recordsep_zero\n\\pset null '%s'\n\\pset footer off\n",
		p.next(), p.null())
	b.WriteString("\\set VERBOSITY verbose\n\\set SHOW_ALL_RESULTS off\n\\set QUIET off\n")
	for _, q := range list {
		if strings.ContainsRune(q.sql, 0) {
			return "", &tasks.Failure{Msg: "a statement holds a NUL byte, which no server takes"}
		}
		if q.types {
			if describable(q.sql) {
				b.WriteString(strings.TrimRight(q.sql, "; \t\r\n") + "\n\\gdesc\n")
			}
			b.WriteString("\\echo " + p.end())
		}
		// In such a literal a backslash is one whatever the server's settings are.
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(q.sql)
		b.WriteString("select E'" + quoted + "' \\gexec\n\\echo " + p.end())
	}
	return b.String(), nil
}

// describable reports whether psql reads a statement as one, and nothing of it as its own, so that it can be asked for the
// types of its columns without being done. What is in quotes psql leaves alone.
func describable(sql string) bool {
	sql = strings.TrimRight(sql, "; \t\r\n")
	remarks := 0 // how much of it are comments
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; c {
		case '\'', '"':
			end := strings.IndexByte(sql[i+1:], c)
			escapes := i > 0 && strings.IndexByte("eE&", sql[i-1]) >= 0
			if end < 0 || escapes && strings.ContainsRune(sql[i+1:i+1+end], '\\') {
				return false
			}
			i += 1 + end
		case ':':
			if !strings.HasPrefix(sql[i:], "::") {
				return false
			}
			i++
		case '\\', ';', '$':
			return false
		case '-', '/':
			open, end := "--", "\n"
			if c == '/' {
				open, end = "/*", "*/"
			}
			if !strings.HasPrefix(sql[i:], open) {
				continue
			}
			comment, _, ended := strings.Cut(sql[i+2:], end)
			if c == '/' && (!ended || strings.Contains(comment, open)) { // they can be in one another
				return false
			}
			i += 1 + len(comment) + len(end)
			if remarks += len(open) + len(comment); c == '/' {
				remarks += len(end)
			}
		}
	}
	return len(strings.TrimSpace(sql)) > remarks
}

func (p psql) answers(list []question, out string) []answer {
	var answers []answer
	for _, q := range list {
		var types answer
		if q.types {
			text, rest, whole := strings.Cut(out, p.end())
			if !whole {
				return answers
			}
			types, out = p.read(text, ""), rest
		}
		text, rest, whole := strings.Cut(out, p.end())
		if !whole {
			return answers
		}
		out = rest
		a := p.read(text, q.sql)
		if len(types.rows) == len(a.names) {
			a.typed = true
			for _, row := range types.rows {
				if len(row) == 2 && row[1] != nil {
					a.types = append(a.types, *row[1])
				}
			}
		}
		answers = append(answers, a)
	}
	return answers
}

// read takes one answer apart: records that end with a zero byte, the first of which has the names, and a line with the server's word
// on what was done, which psql leaves out where it shows rows.
func (p psql) read(text, sql string) answer {
	last := strings.LastIndexByte(text, 0)
	a := answer{tag: strings.TrimSpace(text[last+1:])}
	if last < 0 {
		return a
	}
	a.any = true
	for i, record := range strings.Split(text[:last], "\x00") {
		values := strings.Split(record, p.next())
		if i == 0 {
			a.names = values
			continue
		}
		row := make([]*string, len(values))
		for j, v := range values {
			if v != p.null() {
				row[j] = &v
			}
		}
		a.rows = append(a.rows, row)
	}
	if a.tag == "" {
		a.tag = fmt.Sprintf("SELECT %d", len(a.rows))
		if first, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(sql)), " "); first == "SHOW" || first == "EXPLAIN" {
			a.tag = first
		}
	}
	return a
}

var psqlSaid = regexp.MustCompile(`(?m)^psql:[^:\n]*:\d+: [^:\n]+:  ([0-9A-Z]{5}): (.*)$`)

// psqlError reads what psql says of an error, which is a server's or its own.
func psqlError(said string) error {
	m := psqlSaid.FindStringSubmatch(said)
	if m == nil {
		line := strings.TrimPrefix(strings.TrimSpace(said), "psql: ")
		return fmt.Errorf("psql: %s", strings.TrimPrefix(line, "error: "))
	}
	e := &pgconn.PgError{Severity: "ERROR", Code: m[1], Message: m[2]}
	for line := range strings.Lines(said) {
		if hint, ok := strings.CutPrefix(line, "HINT:  "); ok {
			e.Hint = strings.TrimSpace(hint)
		}
		if detail, ok := strings.CutPrefix(line, "DETAIL:  "); ok {
			e.Detail = strings.TrimSpace(detail)
		}
	}
	return e
}
