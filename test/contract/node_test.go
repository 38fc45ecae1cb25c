package contract_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// node is one server on a loopback address of its own.
type node struct {
	*engine
	t         *testing.T
	number    int
	host      string
	port      int
	directory string
	pgdata    string
	polardata string
	change    time.Duration // polar_dma_config_change_timeout
}

// newNodes reserves addresses and directories for count nodes. It creates nothing in the data directories.
func newNodes(t *testing.T, e *engine, count int) []*node {
	t.Helper()
	root, err := os.MkdirTemp(e.scratch, "nodes-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	var out []*node
	for i := 1; i <= count; i++ {
		n := &node{engine: e, t: t, number: i, host: fmt.Sprintf("127.0.0.%d", i), port: freePort(t),
			directory: filepath.Join(root, strconv.Itoa(i)), change: 20 * time.Second}
		n.pgdata, n.polardata = filepath.Join(n.directory, "pgdata"), filepath.Join(n.directory, "polardata")
		if err := e.mkdir(n.directory); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.destroy)
		out = append(out, n)
	}
	return out
}

var (
	givenMu sync.Mutex
	given   = map[int]bool{} // the ports that nodes have, whose servers may not listen yet
)

// freePort finds a client port whose consensus port is free too. Both are below those that the system takes for connections.
func freePort(t *testing.T) int {
	t.Helper()
	givenMu.Lock()
	defer givenMu.Unlock()
	for range 200 {
		port := 12000 + rand.IntN(10000)
		if given[port] {
			continue
		}
		first, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		second, err := net.Listen("tcp", fmt.Sprintf(":%d", port+10000))
		_ = first.Close()
		if err != nil {
			continue
		}
		_ = second.Close()
		given[port] = true
		return port
	}
	t.Fatal("no free ports")
	return 0
}

func (n *node) destroy() {
	if n.t.Failed() {
		n.t.Logf("node %d:\n%s", n.number, n.tailLog(60))
	}
	if pid := n.pid(); pid > 0 {
		for _, pid := range append(children(pid), pid) {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		n.run(20*time.Second, "pg_ctl", "-D", n.pgdata, "-m", "immediate", "-w", "-t", "15", "stop")
		if pid := n.pid(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = os.RemoveAll(n.directory)
}

func (n *node) tailLog(lines int) string {
	names, _ := filepath.Glob(filepath.Join(n.pgdata, "pg_log", "*_error.log"))
	var all []string
	for _, name := range append([]string{filepath.Join(n.directory, "start.log")}, names...) {
		b, _ := os.ReadFile(name)
		all = append(all, strings.Split(strings.TrimRight(string(b), "\n"), "\n")...)
	}
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// logText returns everything that the server logged.
func (n *node) logText() string { return n.tailLog(1 << 20) }

func (n *node) address() string { return fmt.Sprintf("%s:%d", n.host, n.port) }

// member returns the address as the views show it.
func (n *node) member() string { return fmt.Sprintf("%s:%d", n.host, n.port+10000) }

func (n *node) appname() string { return fmt.Sprintf("standby_%d_%d", 2130706432+n.number, n.port) }

// create copies the initialised template.
func (n *node) create() {
	n.t.Helper()
	for _, name := range []string{"pgdata", "polardata"} {
		if out, err := exec.Command("cp", "-a", filepath.Join(n.template, name), n.directory).CombinedOutput(); err != nil {
			n.t.Fatalf("copying the template: %v %s", err, out)
		}
	}
	n.configure()
	n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "local all all trust\nhost all all 127.0.0.0/8 md5\n"+
		"host replication replicator 127.0.0.0/8 md5\n")
}

func (n *node) write(name, text string) {
	n.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	if err := n.own(name); err != nil {
		n.t.Fatal(err)
	}
}

// configure writes the configuration files anew.
func (n *node) configure(more ...string) {
	n.t.Helper()
	n.write(filepath.Join(n.pgdata, "postgresql.conf"), fmt.Sprintf(`listen_addresses = '%s'
port = %d
unix_socket_directories = '%s'
polar_hostid = %d
polar_datadir = 'file-dio://%s'
polar_enable_shared_storage_mode = on
polar_vfs.localfs_test_mode = on
shared_preload_libraries = '$libdir/polar_vfs,$libdir/polar_worker'
hot_standby = on
shared_buffers = 32MB
max_connections = 100
polar_logindex_mem_size = 0
polar_enable_wal_prefetch = off
polar_enable_lazy_checkpoint = off
polar_enable_xlog_buffer = off
polar_enable_copy_buffer = off
polar_enable_persisted_buffer_pool = off
polar_enable_flashback_log = off
logging_collector = on
log_directory = 'pg_log'
%s
`, n.host, n.port, n.directory, n.number, n.polardata, strings.Join(more, "\n")))
	n.configureDMA("replpw")
}

func (n *node) configureDMA(secret string) {
	n.t.Helper()
	n.write(filepath.Join(n.pgdata, "polar_dma.conf"), fmt.Sprintf(`polar_enable_dma = on
polar_dma_repl_user = 'replicator'
polar_dma_repl_passwd = '%s'
polar_dma_repl_appname = '%s'
polar_dma_election_timeout = %dms
polar_dma_config_change_timeout = %dms
`, secret, n.appname(), n.election.Milliseconds(), n.change.Milliseconds()))
}

func (n *node) metaInit(limit time.Duration, parameter, value string, more ...string) outcome {
	arguments := []string{"-D", n.pgdata, "-c", "polar_dma_init_meta=ON", "-c", parameter + "=" + value}
	for _, setting := range more {
		arguments = append(arguments, "-c", setting)
	}
	return n.run(limit, "postgres", arguments...)
}

func (n *node) mustMetaInit(parameter, value string, more ...string) {
	n.t.Helper()
	if o := n.metaInit(60*time.Second, parameter, value, more...); o.code != 0 {
		n.t.Fatalf("node %d: meta init with %s: %v\n%s", n.number, value, o, n.tailLog(20))
	}
}

func (n *node) initLeader()  { n.t.Helper(); n.mustMetaInit("polar_dma_members_info", n.address()+"@1") }
func (n *node) initLearner() { n.t.Helper(); n.mustMetaInit("polar_dma_learners_info", n.address()) }

func (n *node) ctl(arguments ...string) outcome {
	return n.run(60*time.Second, "pg_ctl", append([]string{"-D", n.pgdata}, arguments...)...)
}

func (n *node) start() {
	n.t.Helper()
	if o := n.ctl("-l", filepath.Join(n.directory, "start.log"), "-w", "start"); o.code != 0 {
		n.t.Fatalf("node %d: start: %v\n%s", n.number, o, n.tailLog(20))
	}
}

func (n *node) stop() {
	n.t.Helper()
	if o := n.ctl("-m", "fast", "-w", "stop"); o.code != 0 {
		n.t.Fatalf("node %d: stop: %v\n%s", n.number, o, n.tailLog(20))
	}
}

func (n *node) pid() int {
	b, err := os.ReadFile(filepath.Join(n.pgdata, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(first)
	return pid
}

// kill kills the postmaster and waits until it is reaped: pg_ctl takes a zombie for a running server.
func (n *node) kill() {
	n.t.Helper()
	pid := n.pid()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		n.t.Fatal(err)
	}
	eventually(n.t, 30*time.Second, "the killed postmaster is gone", func() bool {
		// It becomes our child when pg_ctl, which started it, has ended: see adoptOrphans.
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}

// leader makes node 1 a writable single-node cluster with the roles and extensions that every cluster has.
func leader(t *testing.T, nodes []*node) *node {
	t.Helper()
	n := nodes[0]
	n.create()
	n.initLeader()
	n.start()
	n.writable()
	n.exec("create role replicator superuser login password 'replpw'")
	n.exec("create extension polar_monitor")
	n.exec("create table log (id int primary key, said text)")
	return n
}

// backup copies a node. An idle leader would keep the tool waiting: see TestBackupWaitsForRecord.
func (n *node) backup(from *node, more ...string) outcome {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			time.Sleep(200 * time.Millisecond)
			_, _ = value[int64](from, "select txid_current()") // it may be down, or not lead
		}
	}()
	return n.runWith(n.within(60*time.Second), []string{"PGPASSWORD=replpw"}, "polar_basebackup",
		append([]string{"-w", "-h", from.host, "-p", strconv.Itoa(from.port), "-U", "replicator", "-D", n.pgdata, "--polardata=" +
			n.polardata, "-X", "stream", "-R", "-c", "fast"}, more...)...)
}

// prepareToJoin prepares a node until it waits to be added.
func (n *node) prepareToJoin(from *node) {
	n.t.Helper()
	if o := n.backup(from); o.code != 0 {
		n.t.Fatalf("node %d: %v", n.number, o)
	}
	n.configure()
	n.initLearner()
	n.start()
}

func (n *node) add(other *node) {
	n.t.Helper()
	n.exec(fmt.Sprintf("alter system dma add follower '%s'", other.address()))
	other.becomes(0)
}

// cluster returns a leader and its followers.
func cluster(t *testing.T, e *engine, count int) []*node {
	t.Helper()
	nodes := newNodes(t, e, count)
	first := leader(t, nodes)
	for _, n := range nodes[1:] {
		n.prepareToJoin(first)
		first.add(n)
	}
	return nodes
}

// leads returns the leader: role 2, not in recovery, and the highest term.
func leads(nodes []*node) *node {
	var found *node
	var term int64
	for _, n := range nodes {
		ok, err := value[bool](n, "select paxos_role = 2 and not pg_is_in_recovery() from polar_dma_member_status")
		if err != nil || !ok {
			continue
		}
		current, err := value[int64](n, "select current_term from polar_dma_member_status")
		if err == nil && current > term {
			found, term = n, current
		}
	}
	return found
}

// noElectionFor fails when one of the nodes leads within that time. Only waiting can show that.
func noElectionFor(t *testing.T, nodes []*node, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(d / 20) {
		if n := leads(nodes); n != nil {
			t.Fatalf("%s was elected", n.address())
		}
	}
}

func awaitLeader(t *testing.T, nodes []*node) *node {
	t.Helper()
	var found *node
	eventually(t, nodes[0].within(20*time.Second), "a leader", func() bool { found = leads(nodes); return found != nil })
	return found
}

// freeze stops or continues a postmaster and all its children; a stopped postmaster alone goes on leading.
func (n *node) freeze(sig syscall.Signal) {
	n.t.Helper()
	for _, pid := range append(children(n.pid()), n.pid()) {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			n.t.Fatal(err)
		}
	}
}

// children lists the children of a process.
func children(parent int) []int {
	var out []int
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			out = append(out, pid)
		}
	}
	return out
}
