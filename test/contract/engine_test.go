package contract_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/golden"
	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

// engine is one install prefix under test.
type engine struct {
	name     string
	prefix   string
	real     bool
	election time.Duration // polar_dma_election_timeout to run with
	template string        // PGDATA and POLARDATA after initdb and polar-initdb.sh, copied for each first node
	scratch  string
	as       *syscall.Credential // nil: as we are
}

// The account that runs the engine when the tests run as root: nobody, which every Linux has.
const nobody = 65534

var engines []*engine

func TestMain(m *testing.M) { os.Exit(mainCode(m)) }

func mainCode(m *testing.M) int {
	flag.Parse()
	if golden.Updating() {
		fmt.Println("no golden files here")
		return 0
	}
	scratch, err := os.MkdirTemp("", "polar-contract-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	if err := adoptOrphans(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := prepare(scratch); err != nil {
		fmt.Fprintln(os.Stderr, "contract tests:", err)
		return 1
	}
	return m.Run()
}

// adoptOrphans makes postmasters, which pg_ctl leaves behind, children of this process. Otherwise those that the machine's
// first process reaps late or never would look alive.
func adoptOrphans() error {
	const setChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl(PR_SET_CHILD_SUBREAPER): %w", errno)
	}
	return nil
}

func prepare(scratch string) error {
	if err := os.Chmod(scratch, 0o755); err != nil {
		return err
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		as = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	directory := filepath.Join(scratch, "stand-in")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := prefix.Build(ctx, directory); err != nil {
		return err
	}
	engines = append(engines, &engine{name: "stand-in", prefix: directory, election: 400 * time.Millisecond, as: as, scratch: scratch})
	if tarball := os.Getenv("POLARDB_TARBALL"); tarball != "" {
		directory := filepath.Join(scratch, "real")
		if err := os.Mkdir(directory, 0o755); err != nil {
			return err
		}
		found, err := prefix.Unpack(tarball, directory)
		if err != nil {
			return err
		}
		engines = append(engines, &engine{name: "real", prefix: found, real: true, election: time.Second, as: as, scratch: scratch})
	}
	for _, e := range engines {
		if err := e.makeTemplate(); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// each runs a case against every engine. Cases on the stand-in run beside each other: most of their time they wait for an
// election. Beside servers of the real engine, whose elections take what a processor has, they do not.
func each(t *testing.T, run func(t *testing.T, e *engine)) {
	t.Helper()
	if len(engines) == 1 {
		t.Parallel()
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { run(t, e) })
	}
}

// within returns a limit that both a loaded machine and the real engine can keep.
func (e *engine) within(d time.Duration) time.Duration {
	if e.real {
		return 3 * d
	}
	return d
}

const password = "contract-secret"

func (e *engine) makeTemplate() error {
	e.template = filepath.Join(e.scratch, e.name+"-template")
	if err := e.mkdir(e.template); err != nil {
		return err
	}
	secret := filepath.Join(e.template, "pw")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o644); err != nil {
		return err
	}
	pgdata, polardata := filepath.Join(e.template, "pgdata"), filepath.Join(e.template, "polardata")
	if err := e.mkdir(polardata); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"initdb", "-D", pgdata, "-U", "polardb", "--pwfile=" + secret, "-A", "md5", "--encoding=UTF8", "--locale=C"},
		{"polar-initdb.sh", pgdata + "/", polardata + "/", "localfs"},
	} {
		if r := e.run(2*time.Minute, command[0], command[1:]...); r.code != 0 {
			return fmt.Errorf("%v: %v", command, r)
		}
	}
	return nil
}

// mkdir makes a directory that the engine's account owns.
func (e *engine) mkdir(name string) error {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return err
	}
	return e.own(name)
}

func (e *engine) own(root string) error {
	if e.as == nil {
		return nil
	}
	return filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(e.as.Uid), int(e.as.Gid))
	})
}

// outcome is how a program ended.
type outcome struct {
	code     int // -1 when it had to be killed
	out, err string
	took     time.Duration
}

func (o outcome) String() string {
	return fmt.Sprintf("exit %d after %v\nstdout: %s\nstderr: %s", o.code, o.took.Round(time.Millisecond), o.out, o.err)
}

func (o outcome) text() string { return o.out + o.err }

func (e *engine) command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(e.prefix, "bin", name), arguments...)
	command.Env = []string{"PATH=" + filepath.Join(e.prefix, "bin") + ":/usr/bin:/bin", "LD_LIBRARY_PATH=" +
		filepath.Join(e.prefix, "lib"), "HOME=/nonexistent", "LANG=C", "TMPDIR=" + os.TempDir()}
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Credential: e.as}
	command.WaitDelay = time.Second
	return command
}

// run runs a program of the prefix. After limit the program gets TERM, as from a careful caller, and then KILL.
func (e *engine) run(limit time.Duration, name string, arguments ...string) outcome {
	return e.runWith(limit, nil, name, arguments...)
}

func (e *engine) runWith(limit time.Duration, environment []string, name string, arguments ...string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := e.command(ctx, name, arguments...)
	command.Env = append(command.Env, environment...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 5 * time.Second
	var out, errout bytes.Buffer
	command.Stdout, command.Stderr = &out, &errout
	start := time.Now()
	err := command.Run()
	o := outcome{out: out.String(), err: errout.String(), took: time.Since(start)}
	switch {
	case ctx.Err() != nil:
		o.code = -1
	case command.ProcessState != nil:
		o.code = command.ProcessState.ExitCode()
	default:
		o.code, o.err = -2, err.Error()
	}
	return o
}

func want(t *testing.T, o outcome, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d: %v", o.code, code, o)
	}
	for _, text := range texts {
		if !strings.Contains(o.text(), text) {
			t.Errorf("no %q in %v", text, o)
		}
	}
}
