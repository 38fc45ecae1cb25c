package postgresql

import (
	"crypto/rand"
	"fmt"
	dice "math/rand/v2"
	"net"
	"os"
	"os/exec"
	account "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func init() { taskstest.Knowing(Modules()) }

// server is a PostgreSQL of the tests' own: on a socket it lets this account in as postgres by its name, on TCP roles by SCRAM.
type server struct {
	dir      string // the socket's too
	port     int
	password string // of postgres
	stop     func()
	missing  string // why there is none
}

var theServer = sync.OnceValue(startServer)

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		started.stop()
	}
	os.Exit(code)
}

var started *server

// programs is where the newest release of the server is, or that of which the environment gives the directory of programs: PolarDB, say.
func programs() string {
	if given := os.Getenv("POSTGRESQL_BIN"); given != "" {
		return given
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb"} {
		if all, _ := filepath.Glob(pattern); len(all) > 0 {
			return filepath.Dir(all[len(all)-1])
		}
	}
	if at, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(at)
	}
	return ""
}

func startServer() *server {
	s := &server{password: rand.Text()}
	bin := programs()
	if bin == "" {
		s.missing = "there is no PostgreSQL server here"
		return s
	}
	var err error
	if s.dir, err = os.MkdirTemp("/tmp", "pb-pg-"); err != nil {
		s.missing = err.Error()
		return s
	}
	attributes := &syscall.SysProcAttr{}
	me := "root"
	if os.Geteuid() == 0 { // the server does not run as root
		found, err := account.Lookup("postgres")
		if err != nil {
			s.missing = err.Error()
			return s
		}
		uid, _ := strconv.Atoi(found.Uid)
		gid, _ := strconv.Atoi(found.Gid)
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		_ = os.Chown(s.dir, uid, gid)
	} else if found, err := account.Current(); err == nil {
		me = found.Username
	}
	run := func(name string, words ...string) error {
		cmd := exec.Command(filepath.Join(bin, name), words...)
		cmd.SysProcAttr, cmd.Dir = attributes, s.dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}
	data, secret := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "password")
	// Below those ports of which the system gives one to each connection: making the server takes seconds.
	for s.port == 0 {
		port := 20000 + dice.IntN(12000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = l.Close()
			s.port = port
		}
	}
	s.stop = func() {
		_ = run("pg_ctl", "-D", data, "-m", "immediate", "stop")
		_ = os.RemoveAll(s.dir)
	}
	started = s
	_ = os.WriteFile(secret, []byte(s.password+"\n"), 0o644)
	err = run("initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile="+secret, "-E", "UTF8", "--locale=C", "-N")
	for name, text := range map[string]string{
		"pg_hba.conf":   "local all postgres peer map=here\nlocal all all scram-sha-256\nhost all clear 127.0.0.1/32 password\nhost all older 127.0.0.1/32 md5\nhost all all 127.0.0.1/32 scram-sha-256\n",
		"pg_ident.conf": "here " + me + " postgres\n",
		"postgresql.conf": fmt.Sprintf("listen_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = '%s'\nfsync = off\n"+
			"max_connections = 100\npassword_encryption = scram-sha-256\nshared_buffers = 16MB\n", s.port, s.dir),
	} {
		if err == nil {
			err = os.WriteFile(filepath.Join(data, name), []byte(text), 0o644)
		}
	}
	if err == nil {
		if err = run("pg_ctl", "-D", data, "-w", "-l", filepath.Join(s.dir, "log"), "start"); err != nil {
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			err = fmt.Errorf("%w%s", err, said)
		}
	}
	if err != nil {
		s.missing = err.Error()
	}
	return s
}

// mustServe returns the server. Without one the test is skipped, unless the environment names the server that is to be there.
func mustServe(t *testing.T) *server {
	t.Helper()
	s := theServer()
	switch {
	case s.missing == "":
	case os.Getenv("POSTGRESQL_BIN") != "":
		t.Fatal(s.missing)
	default:
		t.Skip(s.missing)
	}
	return s
}

// ways runs a test by every way to a server: psql on its socket, and a connection over TCP.
func ways(t *testing.T, test func(t *testing.T, on *target)) {
	t.Helper()
	s := mustServe(t)
	for _, way := range []string{"socket", "tcp"} {
		t.Run(way, func(t *testing.T) {
			on := &target{server: s, host: &taskstest.LocalHost{Words: taskstest.ShellsFor(t)[0]}, local: &taskstest.FakeLocal{}}
			on.login = map[string]any{"login_unix_socket": s.dir, "login_port": s.port}
			if way == "tcp" {
				on.login = map[string]any{"login_host": "127.0.0.1", "login_port": s.port, "login_password": s.password}
			}
			test(t, on)
		})
	}
}

// target is a server and a way to it.
type target struct {
	server *server
	host   *taskstest.LocalHost
	local  *taskstest.FakeLocal
	login  map[string]any
}

// with adds arguments to those of the login: pairs of a name and a value.
func (on *target) with(pairs ...any) map[string]any {
	args := map[string]any{}
	for name, value := range on.login {
		args[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		args[pairs[i].(string)] = pairs[i+1]
	}
	return args
}

// twice does a task that changes something, and then nothing. It returns the queries of the change.
func (on *target) twice(t *testing.T, module string, pairs ...any) []string {
	t.Helper()
	checking := *on.local
	checking.Checking = true
	if p, err := taskstest.PlanOn(t, on.host, taskstest.NewAction(t, module, on.with(pairs...), &checking)); err != nil || !p.Change {
		t.Errorf("%s %v in check mode: %+v, %v", module, pairs, p, err)
	}
	p, _ := taskstest.MustChange(t, on.host, module, on.with(pairs...), on.local)
	taskstest.MustNotChange(t, on.host, module, on.with(pairs...), on.local)
	name := "queries"
	if module == "postgresql_db" {
		name = "executed_commands"
	}
	var queries []string
	list, _ := p.Values[name].([]any)
	for _, q := range list {
		queries = append(queries, q.(string))
	}
	return queries
}

// apply plans and makes a change, and looks no further.
func (on *target) apply(t *testing.T, module string, pairs ...any) tasks.Result {
	t.Helper()
	action := taskstest.NewAction(t, module, on.with(pairs...), on.local)
	p, err := taskstest.PlanOn(t, on.host, action)
	if err != nil {
		t.Fatal(err)
	}
	applier, ok := action.(tasks.Applier)
	if !ok {
		t.Fatal("it makes no change")
	}
	r, err := applier.Apply(t.Context(), on.host, p)
	if err != nil {
		t.Fatal(err)
	}
	return p.Complete(r)
}

// same does a task that has nothing to do.
func (on *target) same(t *testing.T, module string, pairs ...any) {
	t.Helper()
	taskstest.MustNotChange(t, on.host, module, on.with(pairs...), on.local)
}

// fails does a task that is refused with a message that holds text.
func (on *target) fails(t *testing.T, text, module string, pairs ...any) {
	t.Helper()
	if _, err := taskstest.ModuleNamed(t, module).New(on.with(pairs...), on.local); err != nil {
		taskstest.MustContain(t, err.Error(), text)
		return
	}
	taskstest.MustFail(t, on.host, module, on.with(pairs...), on.local, text)
}

// sql asks the server itself and returns what psql shows, values with | between them.
func (on *target) sql(t *testing.T, database, text string) string {
	t.Helper()
	cmd := exec.Command("psql", "-X", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-h", on.server.dir, "-p", strconv.Itoa(on.server.port),
		"-U", "postgres", "-d", database, "-c", text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", text, err, out)
	}
	return strings.TrimSpace(string(out))
}

// is compares what the server says with what is wanted.
func (on *target) is(t *testing.T, database, text, want string) {
	t.Helper()
	if got := on.sql(t, database, text); got != want {
		t.Errorf("%s: %q, want %q", text, got, want)
	}
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("queries:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
