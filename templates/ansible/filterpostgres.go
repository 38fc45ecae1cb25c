package ansible

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// postgresFilters quote values for the files that a PostgreSQL server and its clients read.
func postgresFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"postgres_setting":  ofText(postgresSetting),
		"postgres_conninfo": ofText(postgresConninfo),
		"postgres_hba":      ofText(postgresHBA),
	}
}

// settingEscapes: in a quoted value of a configuration file a quote is doubled, a backslash begins an escape, and a line
// does not go on (engine: guc-file.l).
var settingEscapes = strings.NewReplacer(`'`, `''`, `\`, `\\`, "\n", `\n`, "\r", `\r`)

// postgresSetting is a value for postgresql.conf, with its quotes.
func postgresSetting(s string) (any, error) {
	if strings.Contains(s, "\x00") {
		return nil, fmt.Errorf("postgres_setting: no setting can hold a zero byte")
	}
	return "'" + settingEscapes.Replace(s) + "'", nil
}

// postgresConninfo is a value for a connection string such as primary_conninfo, as it stands where no quotes are: a
// backslash goes before what would end it. What needs no escape stays as it is; an empty value is a pair of quotes.
func postgresConninfo(s string) (any, error) {
	if s == "" {
		return "''", nil
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == 0:
			return nil, fmt.Errorf("postgres_conninfo: no connection string can hold a zero byte")
		case c == '\\', c == '\'' && i == 0, strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String(), nil
}

// postgresHBA is the name of a database or role for pg_hba.conf, with its quotes: such a name is never a keyword, and a
// comma or # in it is a letter like another.
func postgresHBA(s string) (any, error) {
	if strings.ContainsAny(s, "\x00\n\r") || s == "" {
		return nil, fmt.Errorf("postgres_hba: %q cannot stand in pg_hba.conf, which has one line a rule", s)
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`, nil
}
