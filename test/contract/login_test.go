package contract_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/templates"
)

// passwords holds passwords that a person or a generator may choose.
var passwords = []string{
	"plain", `it's`, `'quoted'`, `back\slash`, `trailing\`, `a'b\c"d$e%f g:h#é`, `$x%"#:é;&|{7*7}`, "two  blanks ", " leading",
	"tab\there", "colon:colon\\:",
	`"double"`, "a=b password=c", "密码🔑", "１２３ｐｗ", "e\u0301", "\u2168\u00adx", "md5", "-- /* */ ;", "$(id)`id`${HOME}",
	strings.Repeat("0123456789", 10), strings.Repeat("ü", 100),
}

func rendered(t *testing.T, template string, vars templates.Map) string {
	t.Helper()
	out, err := templates.New(templates.Options{}).Render(template, vars)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(out)
}

// asked returns the method by which a server asks a role to authenticate: its first message after the startup packet.
func (n *node) asked(user string) string {
	n.t.Helper()
	conn, err := net.DialTimeout("tcp", n.address(), 5*time.Second)
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	f := pgproto3.NewFrontend(conn, conn)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters: map[string]string{"user": user, "database": "postgres"}})
	if err := f.Flush(); err != nil {
		n.t.Fatal(err)
	}
	m, err := f.Receive()
	if err != nil {
		n.t.Fatal(err)
	}
	switch m := m.(type) {
	case *pgproto3.AuthenticationMD5Password:
		return "md5"
	case *pgproto3.AuthenticationCleartextPassword:
		return "password"
	case *pgproto3.AuthenticationSASL:
		return "scram"
	case *pgproto3.AuthenticationOk:
		return "nothing"
	case *pgproto3.ErrorResponse:
		return m.Code
	}
	return fmt.Sprintf("%T", m)
}

// The line of pg_hba.conf and the stored password decide which method the server asks for.
func TestLoginMethods(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := leader(t, newNodes(t, e, 1))
		n.exec("create role old login password 'secret'")
		n.exec("set password_encryption = 'scram-sha-256'; create role new login password 'secret'")
		stored := func(role string) string {
			return must[string](n, "select rolpassword from pg_authid where rolname = '"+role+"'")
		}
		for role, want := range map[string]string{"old": dma.MD5, "new": dma.SCRAM} {
			if s := stored(role); dma.PasswordEncryption(s) != want || !dma.PasswordFits(s, role, "secret") || dma.PasswordFits(s, role, "Secret") {
				t.Errorf("stored for %s: %q", role, s)
			}
		}
		made, err := dma.PasswordHash(dma.SCRAM, "made", "secret")
		if err != nil {
			t.Fatal(err)
		}
		n.exec("create role made login password " + dma.Literal(made))
		if got := stored("made"); got != made {
			t.Errorf("a verifier is stored as %q", got)
		}
		for _, c := range []struct {
			method, role, asked string
			logs                bool
		}{
			{"md5", "old", "md5", true}, {"md5", "new", "scram", true}, {"md5", "made", "scram", true}, {"md5", "nobody_here", "md5", false},
			{"scram-sha-256", "old", "scram", false}, {"scram-sha-256", "new", "scram", true}, {"scram-sha-256", "made", "scram", true},
			{"scram-sha-256", "nobody_here", "scram", false},
			{"password", "old", "password", true}, {"password", "new", "password", true}, {"trust", "old", "nothing", true},
		} {
			n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "host all polardb 127.0.0.0/8 md5\nhost all all 127.0.0.0/8 "+c.method+"\n")
			n.exec("select pg_reload_conf()")
			eventually(t, n.within(10*time.Second), c.method+" asks "+c.role+" for "+c.asked, func() bool { return n.asked(c.role) == c.asked })
			_, err := n.connect(t.Context(), c.role, "secret")
			if c.logs && err != nil || !c.logs && state(err) != "28P01" {
				t.Errorf("%s logs in by %s: %v", c.role, c.method, err)
			}
			if c.method != "trust" {
				if _, err := n.connect(t.Context(), c.role, "wrong"); state(err) != "28P01" {
					t.Errorf("%s logs in by %s with a wrong password: %v", c.role, c.method, err)
				}
			}
		}
	})
}

// Every password works, however it reaches the engine: as a verifier made here or there, sent by our client or by libpq,
// from its environment or from a password file.
func TestPasswords(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := leader(t, newNodes(t, e, 1))
		n.exec("create role nasty login")
		pass := filepath.Join(n.directory, "pgpass")
		for _, password := range passwords {
			hash, err := dma.PasswordHash(dma.SCRAM, "nasty", password)
			if err != nil {
				t.Fatal(err)
			}
			for how, text := range map[string]string{"here": hash, "there": password} {
				n.exec("set password_encryption = 'scram-sha-256'; alter role nasty password " + dma.Literal(text))
				if s := must[string](n, "select rolpassword from pg_authid where rolname = 'nasty'"); !dma.PasswordFits(s, "nasty", password) {
					t.Errorf("%q, made %s, does not fit %q", password, how, s)
				}
				if _, err := n.connect(t.Context(), "nasty", dma.SASLprep(password)); err != nil {
					t.Errorf("%q, made %s, from here: %v", password, how, err)
				}
				psql := func(environment string) {
					o := e.runWith(20*time.Second, []string{environment}, "psql", "-X", "-A", "-t", "-h", n.host, "-p", strconv.Itoa(n.port),
						"-U", "nasty", "-d", "postgres", "-w", "-c", "select 1")
					if o.code != 0 {
						t.Errorf("%q, made %s, by psql with %s: %v", password, how, environment, o)
					}
				}
				psql("PGPASSWORD=" + password)
				n.write(pass, "*:*:*:nasty:"+strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password)+"\n")
				psql("PGPASSFILE=" + pass)
			}
		}
	})
}

// The engine copies user and password of polar_dma.conf into a connection string unchanged; escaped for that, any password
// works.
func TestReplicationPasswords(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		first, second := leader(t, nodes), nodes[1]
		user := `rep 'li"c\ator`
		first.exec("create role " + dma.Identifier(user) + " superuser login")
		joined := false
		for _, password := range passwords {
			if !e.real || !joined || strings.ContainsAny(password, ` '\`) {
				hash, err := dma.PasswordHash(dma.SCRAM, user, password)
				if err != nil {
					t.Fatal(err)
				}
				first.exec("alter role " + dma.Identifier(user) + " password " + dma.Literal(hash))
				configure := func() {
					second.write(filepath.Join(second.pgdata, "polar_dma.conf"),
						rendered(t, "polar_dma_repl_user = {{ u | postgres_conninfo | postgres_setting }}\npolar_dma_repl_passwd = {{ p | "+
							"postgres_conninfo | postgres_setting }}\n",
							templates.Map{"u": user, "p": password})+fmt.Sprintf("polar_enable_dma = on\npolar_dma_repl_appname = '%s'\n"+
							"polar_dma_election_timeout = %dms\n", second.appname(), second.election.Milliseconds()))
				}
				if !joined {
					first.write(filepath.Join(first.pgdata, "pg_hba.conf"),
						rendered(t, "host all polardb 127.0.0.0/8 md5\nhost replication replicator 127.0.0.0/8 md5\nhost replication {{ u | "+
							"postgres_hba }} 127.0.0.0/8 scram-sha-256\n", templates.Map{"u": user}))
					first.exec("select pg_reload_conf()")
					if o := second.backup(first); o.code != 0 {
						t.Fatal(o)
					}
					second.configure()
					configure()
					second.initLearner()
					second.start()
					// A learner never takes over, however long a busy machine keeps the leader waiting: so it is always the
					// leader that is asked.
					first.exec(fmt.Sprintf("alter system dma add learner '%s'", second.address()))
					joined = true
				} else {
					second.stop()
					configure()
					second.start()
				}
				eventually(t, e.within(20*time.Second), fmt.Sprintf("the learner streams with %q", password), func() bool {
					n, err := value[int64](first, "select count(*) from pg_stat_replication where usename = "+dma.Literal(user)+" and state = 'streaming'")
					return err == nil && n == 1
				})
			}
		}
	})
}

// initdb makes a verifier when told to, but reads only 99 bytes of a password. Single-user mode takes a verifier of a
// password of any length.
func TestInitdbPassword(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		secret, long := filepath.Join(n.directory, "pw"), strings.Repeat("ü'", 60)
		n.write(secret, "short\n")
		if err := e.mkdir(n.polardata); err != nil {
			t.Fatal(err)
		}
		want(t, e.run(2*time.Minute, "initdb", "-D", n.pgdata, "-U", "polardb", "--pwfile="+secret, "-A", "scram-sha-256",
			"--encoding=UTF8", "--locale=C"), 0)
		hash, err := dma.PasswordHash(dma.SCRAM, "polardb", long)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		single := e.command(ctx, "postgres", "--single", "-D", n.pgdata, "-c", "exit_on_error=true", "postgres")
		single.Stdin = strings.NewReader("alter role polardb password " + dma.Literal(hash) + "\n")
		if out, err := single.CombinedOutput(); err != nil {
			t.Fatalf("single-user mode: %v\n%s", err, out)
		}
		single = e.command(ctx, "postgres", "--single", "-D", n.pgdata, "-c", "exit_on_error=true", "postgres")
		single.Stdin = strings.NewReader("alter role no_such_role password 'x'\n")
		var failed *exec.ExitError
		if out, err := single.CombinedOutput(); !errors.As(err, &failed) {
			t.Errorf("a statement that fails in single-user mode: %v\n%s", err, out)
		}
		want(t, e.run(time.Minute, "polar-initdb.sh", n.pgdata+"/", n.polardata+"/", "localfs"), 0)
		n.configure("password_encryption = 'scram-sha-256'")
		n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "host all all 127.0.0.0/8 scram-sha-256\n")
		n.initLeader()
		n.start()
		eventually(t, n.within(20*time.Second), "a login with the long password", func() bool {
			conn, err := n.connect(t.Context(), "polardb", long)
			if err == nil {
				_ = conn.Close(t.Context())
			}
			return err == nil
		})
		if _, err := n.connect(t.Context(), "polardb", "short"); state(err) != "28P01" {
			t.Errorf("the password that initdb was given still works: %v", err)
		}
	})
}

// The socket is in the directory of the setting, and anybody may connect to it; the line of pg_hba.conf decides.
func TestSocket(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := leader(t, newNodes(t, e, 1))
		name := filepath.Join(n.directory, fmt.Sprintf(".s.PGSQL.%d", n.port))
		info, err := os.Stat(name)
		if err != nil || info.Mode()&os.ModeSocket == 0 || info.Mode().Perm() != 0o777 {
			t.Fatalf("%v, %v", info, err)
		}
		n.exec("set password_encryption = 'scram-sha-256'; create role new login password 'secret'")
		n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "local all new scram-sha-256\nlocal all all peer\nhost all all 127.0.0.0/8 md5\n")
		n.exec("select pg_reload_conf()")
		psql := func(user, environment string) outcome {
			return e.runWith(20*time.Second, []string{environment}, "psql", "-X", "-A", "-t", "-h", n.directory, "-p", strconv.Itoa(n.port),
				"-U", user, "-d", "postgres", "-w", "-c", "select 1")
		}
		eventually(t, n.within(10*time.Second), "a login over the socket", func() bool { return psql("new", "PGPASSWORD=secret").code == 0 })
		want(t, psql("new", "PGPASSWORD=wrong"), 2, `password authentication failed for user "new"`)
		want(t, psql("polardb", "PGPASSWORD="+password), 2, `Peer authentication failed for user "polardb"`)
	})
}
