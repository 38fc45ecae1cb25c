package postgresql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/polardb"
)

// Login holds the arguments by which every module here finds its server.
type Login struct {
	LoginUser     string             `arg:"login_user" alias:"login" doc:"Role to log in as. Default: postgres; polardb with nodes."`
	LoginPassword string             `arg:"login_password,secret" doc:"Its password. Without it the server has to let the role in by who asks (peer, trust)."`
	LoginHost     string             `arg:"login_host" alias:"host" doc:"Server's name or address as the host sees it; a path is a socket's directory. Without it, and with localhost and login_unix_socket, a socket of the host's."`
	LoginSocket   string             `arg:"login_unix_socket" alias:"unix_socket" doc:"Directory of the server's socket. Default: what the host's psql takes, or /var/run/postgresql."`
	LoginPort     int                `arg:"login_port" alias:"port" default:"5432" doc:"Port, which is part of a socket's name too."`
	SSLMode       string             `arg:"ssl_mode" default:"prefer" choices:"allow disable prefer require verify-ca verify-full" doc:"Whether TLS is used over TCP, and how much of the server's certificate is checked."`
	CA            string             `arg:"ca_cert" alias:"ssl_rootcert" doc:"File on the host with the certificates of the CAs. With require it makes it verify-ca, as in libpq."`
	Cert          string             `arg:"ssl_cert,path" doc:"File on the host with a certificate to show to the server."`
	Key           string             `arg:"ssl_key,path" doc:"File on the host with its key."`
	Params        map[string]any     `arg:"connect_params" doc:"More by libpq's names, which win: host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, connect_timeout, application_name and options."`
	Role          string             `arg:"session_role" doc:"Role to become (SET ROLE) once logged in."`
	Trust         bool               `arg:"trust_input" default:"true" doc:"no: refuse names and values that look like an attempt to smuggle in SQL. All are quoted anyway."`
	Nodes         []polardb.NodeItem `arg:"nodes" each:"node" doc:"The members of a PolarDB cluster, as the modules polardb_* take them ({{ polardb_nodes }}): the work is done on the one that leads, and login_host, login_port, login_unix_socket and ssl_mode do not matter."`
}

// loginNotes are notes of every module here.
var loginNotes = []string{
	"The host needs no Python and no psycopg. A server on TCP, or whose role has a password, is reached through the SSH connection; one " +
		"that lets the task's user in by its name (become: true, become_user: postgres) by the host's psql, from release 11 on.",
	"A password is never sent in clear: the server may ask for SCRAM, in which it proves that it knows the password too, or for md5. " +
		"libpq's files ~/.pgpass and ~/.pg_service.conf count only where psql is used; nor do the variables PGUSER and PGPORT.",
	"With nodes it works on the leader of a PolarDB cluster, whichever that is, and finds it as the modules polardb_* do. " +
		"polardb_nodes is a default of the built-in role polardb, which a play has that uses that role; any other play writes " +
		"{{ groups.polardb | map('extract', hostvars) | map('cluster_node') | list }}.",
}

// check completes the arguments and refuses what cannot be; names are what trust_input is about.
func (l *Login) check(module string, local tasks.Local, names ...string) error {
	refuse := func(arg, problem string) error { return &tasks.ArgError{Module: module, Arg: arg, Problem: problem} }
	for _, name := range append(names, l.Role) {
		if !l.Trust && dangerous(name) {
			return refuse("trust_input", fmt.Sprintf("is no, and %q may be meant to smuggle in SQL", name))
		}
		if strings.ContainsRune(name, 0) {
			return refuse("trust_input", "cannot help: a name or value holds a NUL byte, which no server takes")
		}
	}
	if err := l.params(refuse, local); err != nil {
		return err
	}
	if strings.HasPrefix(l.LoginHost, "/") {
		l.LoginHost, l.LoginSocket = "", l.LoginHost
	}
	switch {
	case l.LoginPort < 1 || l.LoginPort > 65535:
		return refuse("login_port", "has to be a port, from 1 to 65535")
	case l.LoginSocket != "" && !path.IsAbs(l.LoginSocket):
		return refuse("login_unix_socket", "has to be the absolute path of the socket's directory")
	case (l.Cert == "") != (l.Key == ""):
		return refuse("ssl_cert", "and ssl_key need each other")
	}
	if l.Nodes != nil {
		c := polardb.ClusterArgs{Nodes: l.Nodes}
		if _, err := c.Listed(); err != nil {
			return err
		}
	}
	return nil
}

// params reads connect_params into the arguments that they stand for.
func (l *Login) params(refuse func(arg, problem string) error, local tasks.Local) error {
	texts := map[string]*string{
		"host": &l.LoginHost, "user": &l.LoginUser, "password": &l.LoginPassword, "sslmode": &l.SSLMode, "sslrootcert": &l.CA, "sslcert": &l.Cert,
		"sslkey": &l.Key,
	}
	for name, value := range l.Params {
		text, err := convert.Text(value)
		if err != nil {
			return refuse("connect_params", fmt.Sprintf("has a value for %s that is no text", name))
		}
		switch into := texts[name]; {
		case into != nil:
			*into = text
		case name == "port":
			if l.LoginPort, err = strconv.Atoi(text); err != nil {
				return refuse("connect_params", "has a port that is no number")
			}
		case !slices.Contains([]string{"dbname", "connect_timeout", "application_name", "options"}, name):
			return refuse("connect_params", fmt.Sprintf("has %q, which polarbook does not know how to do", name))
		}
	}
	modes := []string{"allow", "disable", "prefer", "require", "verify-ca", "verify-full"}
	if !slices.Contains(modes, l.SSLMode) {
		return refuse("connect_params", "has an sslmode that is none of "+strings.Join(modes, ", "))
	}
	if l.LoginPassword != "" {
		local.Secret(l.LoginPassword)
	}
	return nil
}

// param returns one of connect_params that no other argument stands for.
func (l *Login) param(name string) string {
	value, there := l.Params[name]
	if !there {
		return ""
	}
	text, err := convert.Text(value)
	if err != nil {
		return ""
	}
	return text
}

func (l *Login) user() string {
	if l.Nodes != nil {
		return cmp.Or(l.LoginUser, "polardb")
	}
	return cmp.Or(l.LoginUser, "postgres")
}

// limit bounds the wait for a connection.
func (l *Login) limit() time.Duration {
	if seconds, err := strconv.Atoi(l.param("connect_timeout")); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return 30 * time.Second
}

// question is a statement, and whether the types of its columns are wanted.
type question struct {
	sql   string
	types bool
}

// run opens a session in a database, sends statements one after the other and returns the answer to each, up to the first that
// fails. What a session keeps (a role, a transaction) ends with it.
func (l *Login) run(ctx context.Context, h tasks.Host, database string, list ...question) ([]answer, error) {
	// What the quoting of literals, and the reading of times, relies on.
	begin := []question{{sql: "set standard_conforming_strings = on; set datestyle = iso"}}
	if l.Role != "" {
		begin = append(begin, question{sql: "set role " + identifier(l.Role)})
	}
	answers, err := l.reach(ctx, h, cmp.Or(l.param("dbname"), database), slices.Concat(begin, list))
	return answers[min(len(begin), len(answers)):], err
}

// unreached is a session that could not be opened.
type unreached struct{ err error }

func (e *unreached) Error() string { return "unable to connect to database: " + e.err.Error() }
func (e *unreached) Unwrap() error { return e.err }

func (l *Login) reach(ctx context.Context, h tasks.Host, database string, list []question) ([]answer, error) {
	overTCP := l.LoginHost != "" && (l.LoginHost != "localhost" || l.LoginSocket == "")
	switch {
	case l.Nodes != nil:
		return l.onLeader(ctx, h, database, list)
	case overTCP:
		return l.overTCP(ctx, h, database, list)
	case l.LoginPassword == "":
		return l.byPsql(ctx, h, database, list)
	}
	answers, err := l.overSocket(ctx, h, database, list)
	var not *unreached
	if !errors.As(err, &not) || ctx.Err() != nil || isWrongPassword(err) {
		return answers, err
	}
	// The server asks who is at the other end, and that is the account that logged in by SSH; or sshd forwards to no sockets; or
	// the socket is elsewhere. The host's psql asks as the task's user, and knows where its server's socket is.
	answers, again := l.byPsql(ctx, h, database, list)
	if errors.As(again, &not) {
		return nil, err
	}
	return answers, again
}

func isWrongPassword(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "28P01"
}
