package contract_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A base backup, of the leader or of a follower, becomes the first member of a new cluster at another address, under other
// paths: own configuration, no recovery.conf, the meta of a leader. Without consensus it runs alone on a socket of its own.
func TestRestore(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 5)
		a, b := leader(t, nodes), nodes[1]
		b.prepareToJoin(a)
		a.add(b)
		a.exec("insert into log values (1, 'kept')")
		b.sees(t, 1, "kept")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for ctx.Err() == nil {
				time.Sleep(300 * time.Millisecond)
				_, _ = value[int64](a, "select txid_current()")
			}
		}()
		for i, source := range []*node{a, b} {
			n, alone := nodes[2+i], nodes[4]
			if o := n.backup(source, "-v"); o.code != 0 {
				t.Fatalf("backup of %d: %v", source.number, o)
			}
			for _, f := range []string{"pgdata/recovery.conf", "pgdata/recovery.done", "pgdata/polar_node_static.conf",
				"polardata/polar_dma/consensus_meta"} {
				_ = os.Remove(filepath.Join(n.directory, f))
			}
			if out, err := copyTree(n, alone); err != nil {
				t.Fatal(out, err)
			}
			a.exec(fmt.Sprintf("insert into log values (%d, 'after the backup')", 10+i))
			n.configure()
			n.initLeader()
			n.start()
			n.writable()
			if got := must[int64](n, "select count(*) from log"); got != int64(1+i) {
				t.Errorf("the backup of node %d has %d rows", source.number, got)
			}
			n.exec("insert into log values (100, 'new')")
			if got := must[string](n, "select member_info_str from polar_dma_meta_status"); !strings.HasPrefix(got, n.member()) {
				t.Errorf("its members are %s", got)
			}
			n.stop()
			runsAlone(t, alone, int64(1+i))
		}
	})
}

func copyTree(from, to *node) (string, error) {
	out, err := exec.Command("sh", "-c", `rm -rf "$2/pgdata" "$2/polardata"; cp -a "$1/pgdata" "$1/polardata" "$2"`, "sh",
		from.directory, to.directory).CombinedOutput()
	return string(out), err
}

// runsAlone starts the copy as an ordinary server on a socket, and counts.
func runsAlone(t *testing.T, n *node, rows int64) {
	t.Helper()
	n.configure()
	n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "local all all trust\n")
	command := n.command(t.Context(), "postgres", "-D", n.pgdata, "-c", "polar_enable_dma=off", "-c", "listen_addresses=",
		"-c", "unix_socket_directories="+n.directory, "-c", "logging_collector=off", "-c", "port=5999", "-c", "ssl=off")
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGINT)
		if err := command.Wait(); err != nil || t.Failed() {
			t.Errorf("the server alone: %v\n%s", err, said.String())
		}
	}()
	var o outcome
	eventually(t, n.within(20*time.Second), "the server alone", func() bool {
		o = n.run(10*time.Second, "psql", "-X", "-A", "-t", "-w", "-h", n.directory, "-p", "5999", "-U", "polardb",
			"-d", "postgres", "-c", "select count(*) from log")
		return o.code == 0
	})
	if strings.TrimSpace(o.out) != fmt.Sprint(rows) {
		t.Errorf("alone it has %v", o)
	}
}
