package polardb

import (
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

type replicationLoginArgs struct {
	Path     string `arg:"path,required,path" doc:"the file: polar_dma.conf, or the recovery.conf that a base backup leaves"`
	User     string `arg:"user,required" doc:"the role, as it stands in a connection string (filter postgres_conninfo)"`
	Password string `arg:"password,required,secret" doc:"its password, as it stands in a connection string"`
	Validate string `arg:"validate" doc:"command that must accept the new content before it is used; %s is the file"`
}

var replicationLoginModule = tasks.Define(tasks.Module{
	Name:    "polardb_replication_login",
	Summary: "Write the replication role and its password into a node's configuration file",
	Notes: []string{
		"In polar_dma.conf both lines are replaced at once, or added; the rest stays as it is. A server reads them when it starts. " +
			"In recovery.conf the password in primary_conninfo is replaced: the engine does not use it, but somebody could read it. " +
			"Without one the file stays as it is.",
		"The changes are not shown.",
	},
	Examples: `- polardb_replication_login:
    path: /var/lib/polardb/pgdata/polar_dma.conf
    user: "{{ polardb_replication_user | postgres_conninfo }}"
    password: "{{ polardb_replication_password | postgres_conninfo }}"
`,
}, func(a *replicationLoginArgs, l tasks.Local) (tasks.Action, error) {
	e, err := files.NewEdit("polardb_replication_login", files.EditArgs{Path: a.Path, Validate: a.Validate}, false, l)
	if err != nil {
		return nil, err
	}
	e.Missing = func() tasks.Plan { return tasks.Plan{Msg: a.Path + " does not exist"} }
	e.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		after := ""
		if path.Base(a.Path) == "recovery.conf" {
			after = withoutOldPassword(text, a.Password)
		} else {
			after = withSettings(text, [][2]string{{"polar_dma_repl_user", a.User}, {"polar_dma_repl_passwd", a.Password}})
		}
		return after, "replication's role and password in " + a.Path, nil, nil
	}
	return &replicationLogin{e}, nil
})

// replicationLogin is an edit that hides what it replaces: old passwords, which nothing else knows to be secret.
type replicationLogin struct{ edit *files.Edit }

func (r *replicationLogin) Probe() string { return r.edit.Probe() }

func (r *replicationLogin) Plan(f tasks.Found) (tasks.Plan, error) {
	p, err := r.edit.Plan(f)
	for i := range p.Diff {
		p.Diff[i].Hidden, p.Diff[i].Before, p.Diff[i].After = true, "", ""
	}
	return p, err
}

// settingText quotes a value for a configuration file, as the templates do.
func settingText(value string) string {
	return "'" + strings.NewReplacer(`'`, `''`, `\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(value) + "'"
}

// withSettings returns a configuration file with new values: each in the lines that set it, or else at the end.
func withSettings(text string, settings [][2]string) string {
	var b strings.Builder
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		for _, s := range settings {
			if l := readConf(line); len(l) == 1 && l[0].Name == s[0] {
				found[s[0]] = true
				if l[0].Value != s[1] {
					line = s[0] + " = " + settingText(s[1]) + "\n"
				}
			}
		}
		b.WriteString(line)
	}
	for _, s := range settings {
		if !found[s[0]] {
			if !strings.HasSuffix(b.String(), "\n") && b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(s[0] + " = " + settingText(s[1]) + "\n")
		}
	}
	return b.String()
}

// withoutOldPassword returns a recovery.conf in which the password in primary_conninfo, if there is one, is replaced.
func withoutOldPassword(text, password string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if l := readConf(line); len(l) == 1 && l[0].Name == "primary_conninfo" {
			if with := conninfoWith(l[0].Value, "password", password); with != l[0].Value {
				line = "primary_conninfo = " + settingText(with) + "\n"
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// conninfoWith replaces the value of a keyword in a connection string. The new value is written as it is given, already quoted.
func conninfoWith(info, name, value string) string {
	const blanks = " \t\n\v\f\r"
	i, done := 0, 0
	var b strings.Builder
	skip := func() {
		for i < len(info) && strings.IndexByte(blanks, info[i]) >= 0 {
			i++
		}
	}
	for {
		skip()
		start := i
		for i < len(info) && info[i] != '=' && strings.IndexByte(blanks, info[i]) < 0 {
			i++
		}
		word := info[start:i]
		skip()
		if i >= len(info) || info[i] != '=' {
			return b.String() + info[done:]
		}
		i++
		skip()
		from, quoted := i, i < len(info) && info[i] == '\''
		if quoted {
			i++
		}
		for i < len(info) && (quoted || strings.IndexByte(blanks, info[i]) < 0) {
			if info[i] == '\\' && i+1 < len(info) {
				i++
			} else if quoted && info[i] == '\'' {
				i++
				break
			}
			i++
		}
		if word == name {
			b.WriteString(info[done:from] + value)
			done = i
		}
	}
}
