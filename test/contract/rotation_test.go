package contract_test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/dma"
)

// A change of the password ends no connection, but no server that knows only the old one can connect again: a server uses
// the login that it was started with. A second role bridges that.
func TestPasswordOfReplicationChanges(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 3)
		a, b, c := nodes[0], nodes[1], nodes[2]
		login := func(n *node, role, secret string) {
			n.configureDMA(secret)
			n.write(filepath.Join(n.pgdata, "polar_dma.conf"), strings.Replace(n.read("polar_dma.conf"), "'replicator'", "'"+role+"'", 1))
		}
		users := func() string {
			return must[string](a,
				"select coalesce(string_agg(usename::text, ' ' order by usename), '') from pg_stat_replication where state = 'streaming'")
		}
		sender := a.streams(b, 0)
		a.exec("create role second superuser login password " + hashed(t, "second", "new"))
		for _, n := range nodes {
			n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "host replication second 127.0.0.0/8 md5\n"+n.read("pg_hba.conf"))
			n.exec("select pg_reload_conf()")
		}
		login(b, "second", "new")
		b.exec("select pg_reload_conf()") // which is not enough
		a.cut(b)
		if got := users(); got != "replicator replicator" {
			t.Errorf("after a reload members stream as %s", got)
		}
		b.stop()
		b.start()
		a.streams(b, sender)
		eventually(t, e.within(20*time.Second), "one streams as each", func() bool { return users() == "replicator second" })
		a.cut(b)
		a.cut(c)
		if got := users(); got != "replicator second" {
			t.Errorf("with two roles members stream as %s", got)
		}

		// The password changes while a member streams with the old one.
		was := a.streams(c, 0)
		a.exec("alter role replicator password " + hashed(t, "replicator", "new"))
		a.exec("insert into log values (1, 'after the change')")
		c.sees(t, 1, "after the change")
		if now := a.streams(c, 0); now != was {
			t.Errorf("the change ended a connection: %d, it was %d", now, was)
		}
		a.exec(fmt.Sprintf("select pg_terminate_backend(%d)", was))
		eventually(t, e.within(30*time.Second), "it is not let in again", func() bool {
			return strings.Contains(c.logText(), `password authentication failed for user "replicator"`)
		})
		c.stop()
		login(c, "replicator", "new")
		c.start()
		a.streams(c, was)

		// A role can be dropped while a member streams with it; then nobody can log in with it.
		was = a.streams(b, 0)
		a.exec("drop role second")
		a.exec("insert into log values (2, 'after the drop')")
		b.sees(t, 2, "after the drop")
		if now := a.streams(b, 0); now != was {
			t.Errorf("the drop ended a connection: %d, it was %d", now, was)
		}
		b.stop()
		login(b, "replicator", "new")
		b.start()
		a.streams(b, was)
		if got := users(); got != "replicator replicator" {
			t.Errorf("at the end members stream as %s", got)
		}
	})
}

// A line of pg_hba.conf before the others lets the account in over the socket without a password, only as long as it stands
// there; the first line that matches counts.
func TestTheAccountIsLetInForAMoment(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n, account := leader(t, newNodes(t, e, 1)), e.account(t)
		n.exec("create role " + account + " superuser login")
		// What a session is told to keep out of the log does not appear in it.
		before := len(n.logText())
		n.exec("set log_statement = 'none'; set log_min_error_statement = 'panic'; set log_min_duration_statement = -1; alter role " +
			account + " password " + hashed(t, account, "a secret"))
		if text := n.logText(); strings.Contains(text[min(before, len(text)):], "md5") {
			t.Error("the log has what is stored of a password")
		}
		lines := "local all all scram-sha-256\nhost all all 127.0.0.0/8 md5\n"
		psql := func() outcome {
			return e.run(20*time.Second, "psql", "-X", "-A", "-t", "-h", n.directory, "-p", strconv.Itoa(n.port), "-U", account,
				"-d", "postgres", "-w", "-c", "select pg_is_in_recovery()")
		}
		n.write(filepath.Join(n.pgdata, "pg_hba.conf"), lines)
		n.exec("select pg_reload_conf()")
		eventually(t, n.within(10*time.Second), "it is not let in", func() bool { return psql().code == 2 })
		n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "local all "+account+" peer # for a moment\n"+lines)
		n.exec("select pg_reload_conf()")
		eventually(t, n.within(10*time.Second), "it is let in", func() bool { return psql().code == 0 })
		want(t, psql(), 0, "f")
		n.write(filepath.Join(n.pgdata, "pg_hba.conf"), lines)
		n.exec("select pg_reload_conf()")
		eventually(t, n.within(10*time.Second), "it is not let in any more", func() bool { return psql().code == 2 })
	})
}

// hashed returns what the engine stores for a password with md5, as a literal.
func hashed(t *testing.T, role, password string) string {
	t.Helper()
	hash, err := dma.PasswordHash(dma.MD5, role, password)
	if err != nil {
		t.Fatal(err)
	}
	return dma.Literal(hash)
}

// read returns the text of one of the node's configuration files.
func (n *node) read(name string) string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.pgdata, name))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// account returns the account that runs the engine.
func (e *engine) account(t *testing.T) string {
	t.Helper()
	id := strconv.Itoa(os.Getuid())
	if e.as != nil {
		id = strconv.Itoa(int(e.as.Uid))
	}
	u, err := user.LookupId(id)
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}
