package polardb

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type roleArgs struct {
	ClusterArgs
	sqlTarget
	Name        string `arg:"name,required" doc:"the role"`
	Password    string `arg:"password,secret" doc:"its password; not given: it stays as it is"`
	Encryption  string `arg:"password_encryption" choices:"scram-sha-256 md5" doc:"how the password is stored; default: the server's setting"`
	Update      string `arg:"update_password" default:"always" choices:"always never" doc:"always: change a password that differs; never: fail then, and change only how it is stored"`
	Superuser   *bool  `arg:"superuser" doc:"whether it is a superuser"`
	Login       *bool  `arg:"login" doc:"whether it may log in; a new role may, unless no"`
	Replication *bool  `arg:"replication" doc:"whether it may replicate"`
	ConnLimit   *int   `arg:"conn_limit" doc:"how many sessions it may have at once on a node; -1: any number"`

	MemberOf []string `arg:"member_of" doc:"roles that it is a member of; others that it is in stay"`
	Reads    []string `arg:"reads" doc:"tables and views of the database postgres that it may read; others that it may read stay"`
}

var roleModule = tasks.Define(tasks.Module{
	Name:    "polardb_role",
	Summary: "Create a database role, or change it",
	Notes: []string{
		"Roles are created on the leader and reach the other nodes by replication. The password is never sent: " +
			"the control node computes a SCRAM verifier (or an md5 hash) of it, and compares what is stored by computing it again.",
		"After a change of the password the module waits up to 10 seconds until the nodes that answer have it.",
	},
	Examples: `- polardb_role:
    name: replicator
    password: "{{ polardb_replication_password }}"
    superuser: yes
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *roleArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.AskApply(&roleAction{args: a, list: list}), err
})

type roleAction struct {
	args *roleArgs
	list []WantedNode
}

func (r *roleAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (sqlFound, error) {
	return r.args.ask(ctx, &r.args.ClusterArgs, h, r.list, r.query()), nil
}

func (r *roleAction) query() string {
	name := dma.Literal(r.args.Name)
	columns := []string{"rolsuper", "rolcanlogin", "rolreplication", "coalesce(rolpassword, '')",
		"current_setting('password_encryption')", "rolconnlimit"}
	for _, role := range r.args.MemberOf {
		columns = append(columns, "pg_has_role("+name+", "+dma.Literal(role)+", 'member')")
	}
	for _, table := range r.args.Reads {
		columns = append(columns, "has_table_privilege("+name+", "+dma.Literal(table)+", 'select')")
	}
	return "select " + strings.Join(columns, ", ") + " from pg_authid where rolname = " + name
}

// roleColumns are those of the query before the memberships and privileges.
const roleColumns = 6

// grants returns the statements that give the role what it lacks, and what they give.
func (a *roleArgs) grants(found []string) (statements, given []string) {
	to := " to " + dma.Identifier(a.Name)
	lacks := func(i int) bool { return i >= len(found) || found[i] != "t" }
	for i, role := range a.MemberOf {
		if lacks(roleColumns + i) {
			statements, given = append(statements, "grant "+dma.Identifier(role)+to), append(given, role)
		}
	}
	for i, table := range a.Reads {
		if lacks(roleColumns + len(a.MemberOf) + i) {
			statements, given = append(statements, "grant select on "+dma.Identifier(table)+to), append(given, "select on "+table)
		}
	}
	return statements, given
}

func (r *roleAction) Plan(found sqlFound) (tasks.Plan, *sqlChange, error) {
	a := r.args
	if found.Err != nil {
		return tasks.Plan{Change: true, Unknown: found.Err.Error(), Msg: "role " + a.Name}, nil, nil
	}
	verb, login := "alter", a.Login
	have := map[string]string{}
	if len(found.Row) >= roleColumns {
		have = map[string]string{"superuser": found.Row[0], "login": found.Row[1], "replication": found.Row[2], "password": found.Row[3]}
	} else {
		verb = "create"
		if login == nil {
			yes := true
			login = &yes
		}
	}
	var options []string
	for _, o := range []struct {
		word string
		want *bool
	}{{"superuser", a.Superuser}, {"login", login}, {"replication", a.Replication}} {
		if o.want != nil && (have[o.word] == "t") != *o.want {
			word := o.word
			if !*o.want {
				word = "no" + word
			}
			options = append(options, word)
		}
	}
	if a.ConnLimit != nil && (len(found.Row) < roleColumns || found.Row[5] != strconv.Itoa(*a.ConnLimit)) {
		options = append(options, "connection limit "+strconv.Itoa(*a.ConnLimit))
	}
	shown := strings.Join(options, " ")
	encryption := a.Encryption
	if encryption == "" && len(found.Row) >= roleColumns && found.Row[4] != dma.SCRAM {
		encryption = dma.MD5 // the engine also calls it "on"
	} else if encryption == "" {
		encryption = dma.SCRAM
	}
	fits := dma.PasswordFits(have["password"], a.Name, a.Password)
	if a.Password != "" && !fits && verb == "alter" && a.Update == "never" {
		from := replicationPassword
		if a.Name == a.LoginUser {
			from = superuserPassword
		}
		return tasks.Plan{}, nil, otherPassword(a.Name, from, "the role has another password than the one that is given")
	}
	change := sqlChange{found: found}
	if a.Password != "" && (!fits || dma.PasswordEncryption(have["password"]) != encryption) {
		hash, err := dma.PasswordHash(encryption, a.Name, a.Password)
		if err != nil {
			return tasks.Plan{}, nil, err
		}
		options, change.password = append(options, "password "+dma.Literal(hash)), hash
		shown = strings.TrimSpace(shown + " password (" + encryption + ")")
	}
	statements, given := a.grants(found.Row)
	if len(options) == 0 && verb == "alter" && len(statements) == 0 {
		return tasks.Plan{Msg: "the role is as wanted"}, nil, nil
	}
	if len(options) > 0 || verb == "create" {
		statements = append([]string{verb + " role " + dma.Identifier(a.Name) + " " + strings.Join(options, " ")}, statements...)
	}
	if len(given) > 0 {
		shown = strings.TrimPrefix(shown+"; granted "+strings.Join(given, ", "), "; ")
	}
	change.statement = strings.Join(statements, "; ")
	return tasks.Plan{Change: true, Msg: verb + " role " + a.Name + ": " + shown}, &change, nil
}

func (r *roleAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, change *sqlChange) (tasks.Result, error) {
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: "role " + r.args.Name + " cannot be read: " + p.Unknown}
	}
	if err := r.args.run(ctx, &r.args.ClusterArgs, h, change.found, change.statement); err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "on " + change.found.Node.Name + ": " + p.Msg, Err: err}
	}
	if change.password != "" {
		r.spread(ctx, h, change)
	}
	return r.proof(ctx, h, p)
}

// spread waits, at most lookLimit, until the nodes that answer have a new password, because the next task may log in to them
// with it. It does not report a node that does not answer or follow: other modules do.
func (r *roleAction) spread(ctx context.Context, h tasks.Host, change *sqlChange) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	query := "select coalesce(max(rolpassword), '') from pg_authid where rolname = " + dma.Literal(r.args.Name)
	for _, n := range r.list {
		if n.Name == change.found.Node.Name || n.Role == roleLogger || r.args.On == "self" {
			continue
		}
		for {
			stored := ""
			err := r.args.use(ctx, h, n, false, func(conn *pgx.Conn) error {
				return conn.QueryRow(ctx, query).Scan(&stored)
			})
			if err != nil || stored == change.password || tasks.Sleep(ctx, 100*time.Millisecond) != nil {
				break
			}
		}
	}
}

func (r *roleAction) proof(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	found, err := r.Ask(ctx, h, tasks.Found{})
	if err != nil {
		return tasks.Result{}, err
	}
	again, _, err := r.Plan(found)
	if err != nil {
		return tasks.Result{}, err
	}
	if again.Change {
		return tasks.Result{}, &tasks.Failure{Msg: "the role is not as wanted after the change: " + again.Msg}
	}
	return tasks.Result{Changed: true, Msg: p.Msg}, nil
}
