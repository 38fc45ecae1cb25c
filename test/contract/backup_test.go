package contract_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An idle leader keeps a base backup waiting when its copy is done: the tool notices that it has all of the write-ahead log
// with the next record only, and such a leader writes one every 15 s. Any record ends the wait.
func TestBackupWaitsForRecord(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a := leader(t, nodes)
		for _, record := range []string{"select txid_current()", "select pg_switch_wal()", "checkpoint"} {
			waited := false
			for try := 1; try <= 3 && !waited; try++ { // the record of every 15 s may come just then
				directory := filepath.Join(nodes[1].directory, strconv.Itoa(try)+record[len(record)-4:len(record)-2])
				if err := e.mkdir(directory); err != nil {
					t.Fatal(err)
				}
				waited = waitsFor(t, a, directory, record)
			}
			if !waited {
				t.Errorf("three base backups of an idle leader did not wait for a record")
			}
		}
	})
}

// waitsFor takes a base backup, and says whether it waited when all was copied. It has to end by the record then.
func waitsFor(t *testing.T, from *node, directory, record string) bool {
	t.Helper()
	command := from.command(t.Context(), "polar_basebackup", "-w", "-h", from.host, "-p", strconv.Itoa(from.port), "-U", "replicator", "-D", filepath.Join(directory, "pgdata"),
		"--polardata="+filepath.Join(directory, "polardata"), "-X", "stream", "-c", "fast", "-v")
	command.Env = append(command.Env, "PGPASSWORD=replpw")
	command.SysProcAttr.Setpgid = true
	said, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(said); s.Scan(); {
			lines <- s.Text()
		}
	}()
	var last []string
	until := func(text string, limit time.Duration) bool {
		t.Helper()
		late := time.After(limit)
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("it ended before it said %q:\n%s", text, strings.Join(last, "\n"))
				}
				if last = append(last, line); strings.Contains(line, text) {
					return true
				}
			case <-late:
				return false
			}
		}
	}
	if !until("waiting for background process to finish streaming", from.within(30*time.Second)) {
		t.Fatalf("it did not come to its end:\n%s", strings.Join(last, "\n"))
	}
	waited := !until("base backup completed", time.Second)
	if waited {
		from.exec(record)
		if !until("base backup completed", from.within(5*time.Second)) {
			t.Errorf("%s did not end its wait:\n%s", record, strings.Join(last, "\n"))
		}
	}
	if err := command.Wait(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(last, "\n"))
	}
	return waited
}

// A base backup leaves out what lies in a tablespace, and ends well. The catalog says what there is.
func TestBackupWithoutTablespaces(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a := leader(t, nodes)
		location := filepath.Join(a.directory, "space")
		if err := e.mkdir(location); err != nil {
			t.Fatal(err)
		}
		a.exec("create tablespace ts1 location '" + location + "'")
		a.exec("create table precious (a int) tablespace ts1")
		if found := must[string](a, "select pg_tablespace_location(oid) from pg_tablespace where spcname not in ('pg_default', 'pg_global')"); found != location {
			t.Errorf("it lies in %q", found)
		}
		oid := must[int64](a, "select oid::int8 from pg_tablespace where spcname = 'ts1'")
		if found := must[string](a, fmt.Sprintf("select datname::text from pg_database where oid in (select x from pg_tablespace_databases(%d) x) order by datname", oid)); found != "postgres" {
			t.Errorf("it is used by %q", found)
		}
		b := nodes[1]
		copied := filepath.Join(b.directory, "space")
		if err := e.mkdir(copied); err != nil {
			t.Fatal(err)
		}
		want(t, b.backup(a, "--tablespace-mapping="+location+"="+copied), 0)
		if entries, err := os.ReadDir(copied); err != nil || len(entries) > 0 {
			t.Errorf("it copied %v, %v", entries, err)
		}
		if err := a.try("drop tablespace ts1"); err == nil || !strings.Contains(err.Error(), "is not empty") {
			t.Errorf("a tablespace in use: %v", err)
		}
		a.exec("drop table precious")
		a.exec("drop tablespace ts1")
	})
}
