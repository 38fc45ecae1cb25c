package contract_test

import (
	"bufio"
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
	command := from.command(t.Context(), "polar_basebackup", "-w", "-h", from.host, "-p", strconv.Itoa(from.port),
		"-U", "replicator", "-D", filepath.Join(directory, "pgdata"),
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
