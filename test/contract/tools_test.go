package contract_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBackupFailures(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a, b := leader(t, nodes), nodes[1]
		limit := e.within(30 * time.Second)
		arguments := func(port int) []string {
			return []string{"-w", "-h", a.host, "-p", strconv.Itoa(port), "-U", "replicator", "-D", b.pgdata, "--polardata=" + b.polardata,
				"-X", "stream", "-R", "-c", "fast"}
		}
		want(t, e.runWith(limit, []string{"PGPASSWORD=wrong"}, "polar_basebackup", arguments(a.port)...), 1,
			`password authentication failed for user "replicator"`)
		want(t, e.run(limit, "polar_basebackup", arguments(a.port)...), 1, "fe_sendauth: no password supplied")
		want(t, e.runWith(limit, []string{"PGPASSWORD=replpw"}, "polar_basebackup", arguments(b.port)...), 1, "Connection refused")
		for _, directory := range []string{b.pgdata, b.polardata} {
			_ = os.RemoveAll(b.pgdata)
			_ = os.RemoveAll(b.polardata)
			if err := e.mkdir(directory); err != nil {
				t.Fatal(err)
			}
			b.write(filepath.Join(directory, "mine"), "precious")
			want(t, b.backup(a), 1, `polar_basebackup: directory "`+directory+`" exists but is not empty`)
			if _, err := os.Stat(filepath.Join(directory, "mine")); err != nil {
				t.Error(err)
			}
		}
		if entries, err := os.ReadDir(b.pgdata); err == nil && len(entries) > 0 {
			t.Errorf("it left %d entries in the PGDATA that it had made", len(entries))
		}
		_ = os.RemoveAll(b.polardata)
		// The password file of libpq works, and then no password is written to recovery.conf.
		secret := filepath.Join(b.directory, "pgpass")
		b.write(secret, "*:*:*:replicator:replpw\n")
		want(t, e.runWith(e.within(60*time.Second), []string{"PGPASSFILE=" + secret}, "pg_basebackup", arguments(a.port)...), 0)
		if recovery, err := os.ReadFile(filepath.Join(b.pgdata, "recovery.conf")); err != nil || strings.Contains(string(recovery), "replpw") {
			t.Errorf("recovery.conf: %v\n%s", err, recovery)
		}
	})
}

func TestKilledBackupLeavesBothDirectories(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a, b := leader(t, nodes), nodes[1]
		command := e.command(t.Context(), "polar_basebackup", "-w", "-h", a.host, "-p", strconv.Itoa(a.port), "-U", "replicator",
			"-D", b.pgdata, "--polardata="+b.polardata, "-X", "stream", "-c", "fast", "--max-rate=32k")
		command.Env = append(command.Env, "PGPASSWORD=replpw")
		command.SysProcAttr.Setpgid = true // it has a child that only the group's signal reaches
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		group := command.Process.Pid
		eventually(t, e.within(15*time.Second), "the copy has begun", func() bool {
			_, err := os.Stat(filepath.Join(b.pgdata, "backup_label"))
			return err == nil
		})
		eventually(t, e.within(5*time.Second), "the walsender shows", func() bool {
			n, err := value[int64](a, "select count(*) from pg_stat_replication where state = 'backup'")
			return err == nil && n == 1
		})
		if err := syscall.Kill(-group, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = command.Wait()
		if entries, err := os.ReadDir(b.pgdata); err != nil || len(entries) == 0 {
			t.Errorf("nothing is left in PGDATA: %v", err)
		}
		if _, err := os.Stat(filepath.Join(b.polardata, "global/pg_control")); err == nil {
			t.Error("an unfinished backup has a control file in POLARDATA")
		}
		want(t, b.backup(a), 1, "exists but is not empty")
	})
}

func TestPgCtl(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		nowhere := filepath.Join(n.directory, "nowhere")
		limit := 20 * time.Second
		want(t, e.run(limit, "pg_ctl", "-D", nowhere, "status"), 4, "does not exist")
		want(t, e.run(limit, "pg_ctl", "-D", nowhere, "start"), 1, "does not exist")
		if err := e.mkdir(nowhere); err != nil {
			t.Fatal(err)
		}
		want(t, e.run(limit, "pg_ctl", "-D", nowhere, "status"), 4, "is not a database cluster directory")
		n.create()
		n.initLeader()
		want(t, n.ctl("status"), 3, "no server running")
		want(t, n.ctl("-m", "fast", "stop"), 1, "postmaster.pid\" does not exist", "Is server running?")
		want(t, n.ctl("reload"), 1, "Is server running?")
		log := filepath.Join(n.directory, "start.log")
		want(t, n.ctl("-l", log, "-w", "start"), 0, "waiting for server to start", "server started")
		want(t, n.ctl("status"), 0, "server is running (PID: "+strconv.Itoa(n.pid())+")")
		want(t, n.ctl("-l", log, "-w", "start"), 1, "another server might be running", "could not start server")
		want(t, n.ctl("reload"), 0, "server signaled")
		want(t, n.ctl("promote"), 1, "cannot promote server; server is not in standby mode")
		n.writable()
		want(t, n.ctl("-l", log, "-w", "restart"), 0, "server stopped", "server started")
		n.writable()
		conn := n.session()
		want(t, n.ctl("-m", "smart", "-t", "2", "-w", "stop"), 1, "server does not shut down")
		want(t, n.ctl("-m", "fast", "-w", "stop"), 0) // in spite of the client
		_ = conn.Close(t.Context())
		want(t, n.run(limit, "pg_isready", "-h", n.host, "-p", strconv.Itoa(n.port)), 2, "no response")
		want(t, e.run(limit, "pg_controldata", n.polardata), 0, "Database cluster state:               shut down", "Database system identifier:")
	})
}

func TestPsql(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 1)
		a := leader(t, nodes)
		psql := func(environment string, arguments ...string) outcome {
			return e.runWith(20*time.Second, []string{environment}, "psql", append([]string{"-X", "-A", "-t", "-q", "-h", a.host,
				"-p", strconv.Itoa(a.port), "-U", "polardb", "-d", "postgres", "-w"}, arguments...)...)
		}
		secret := "PGPASSWORD=" + password
		// A statement on its input is run when its line has come, and answered at once.
		lines := e.command(t.Context(), "psql", "-X", "-A", "-t", "-q", "-h", a.host, "-p", strconv.Itoa(a.port), "-U", "polardb",
			"-d", "postgres")
		lines.Env = append(lines.Env, secret)
		in, err1 := lines.StdinPipe()
		answered, err2 := lines.StdoutPipe()
		if err := errors.Join(err1, err2, lines.Start()); err != nil {
			t.Fatal(err)
		}
		stop := time.AfterFunc(a.within(20*time.Second), func() { _ = lines.Process.Kill() })
		answers := bufio.NewReader(answered)
		for _, statement := range []string{"select pg_try_advisory_lock(7955925891022581611);\n", "select true;\n"} {
			_, err := io.WriteString(in, statement)
			if line, err2 := answers.ReadString('\n'); err != nil || line != "t\n" {
				t.Errorf("%q: %q, %v %v", statement, line, err, err2)
			}
		}
		_ = in.Close()
		if err := lines.Wait(); err != nil || !stop.Stop() {
			t.Errorf("psql at the end of its input: %v", err)
		}
		if o := psql(secret, "-c", "select 1, null, true, 'a'||'b'"); o.code != 0 || o.out != "1||t|ab\n" {
			t.Errorf("%v", o)
		}
		want(t, psql(secret, "-c", "select no_such_column"), 1, `ERROR:  column "no_such_column" does not exist`)
		want(t, psql("PGPASSWORD=wrong", "-c", "select 1"), 2, `password authentication failed for user "polardb"`)
		want(t, psql("PGPASSWORD=", "-c", "select 1"), 2, "fe_sendauth: no password supplied")
		script := filepath.Join(a.directory, "script.sql")
		a.write(script, "select 1;\nselect nothing_such;\nselect 2;\n")
		if o := psql(secret, "-v", "ON_ERROR_STOP=1", "-f", script); o.code != 3 || o.out != "1\n" || !strings.Contains(o.err, ":2: ERROR:") {
			t.Errorf("%v", o)
		}
		if o := psql(secret, "-f", script); o.code != 0 || o.out != "1\n2\n" {
			t.Errorf("%v", o)
		}
		command := e.command(t.Context(), "psql", "-X", "-A", "-t", "-q", "-h", a.host, "-p", strconv.Itoa(a.port), "-U", "polardb",
			"-d", "postgres", "-v", "ON_ERROR_STOP=1", "-v", "word=it's", "-f", "-")
		command.Env = append(command.Env, secret)
		command.Stdin = strings.NewReader("select :'word';\n")
		var out bytes.Buffer
		command.Stdout = &out
		if err := command.Run(); err != nil || out.String() != "it's\n" {
			t.Errorf("%v %q", err, out.String())
		}
	})
}
