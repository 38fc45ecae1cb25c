package badinput

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// password is the replication role's; no output may hold it.
const password = "Vq7-replication-secret"

// vars are variables of an inventory.
type vars map[string]any

// laptop is a directory with an inventory, where polarbook is run.
type laptop struct {
	t       testing.TB
	dir     string
	program string
	env     []string
	secrets []string // what no output may hold
}

func newLaptop(t testing.TB) *laptop {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	l := &laptop{t: t, dir: t.TempDir(), program: binary, secrets: []string{password}}
	l.env = []string{
		"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC", "HOME=" + filepath.Join(l.dir, ".home"),
		"XDG_STATE_HOME=" + filepath.Join(l.dir, ".state"), "POLARDB_REPLICATION_PASSWORD=" + password,
	}
	return l
}

func (l *laptop) write(name, text string) {
	l.t.Helper()
	file := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// inventory writes inventory.yml with one group, polardb.
func (l *laptop) inventory(group vars, hosts map[string]vars) {
	l.t.Helper()
	text, err := yaml.Marshal(vars{"polardb": vars{"vars": group, "hosts": hosts}})
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("inventory.yml", string(text))
}

// outcome is polarbook when it has ended.
type outcome struct {
	t      testing.TB
	args   []string
	code   int
	stdout string
	stderr string
}

// all is what a person saw.
func (o *outcome) all() string { return o.stdout + o.stderr }

// runLimit bounds one run of polarbook.
const runLimit = 2 * time.Minute

// polarbook runs it to its end. each is told of what is written to standard output as it comes, and polarbook stands
// still for as long as it takes; it may be nil.
func (l *laptop) polarbook(each func(text string), args ...string) *outcome {
	l.t.Helper()
	o := &outcome{t: l.t, args: args}
	var stdout, stderr bytes.Buffer
	c := exec.Command(l.program, args...)
	c.Dir, c.Env, c.Stdout, c.Stderr = l.dir, l.env, &stdout, &stderr
	if each != nil {
		c.Stdout = &watched{&stdout, func(text string) {
			_ = c.Process.Signal(syscall.SIGSTOP)
			each(text)
			_ = c.Process.Signal(syscall.SIGCONT)
		}}
	}
	if err := c.Start(); err != nil {
		l.t.Fatal(err)
	}
	// What it waits for is in the goroutines that it prints when it is told to quit.
	limit := time.AfterFunc(runLimit, func() { _ = c.Process.Signal(syscall.SIGQUIT) })
	_ = c.Wait() // the exit code says it
	limit.Stop()
	o.code, o.stdout, o.stderr = c.ProcessState.ExitCode(), stdout.String(), stderr.String()
	for _, secret := range l.secrets {
		if strings.Contains(o.all(), secret) {
			l.t.Errorf("polarbook %s prints a password:\n%s", strings.Join(args, " "), o.all())
		}
	}
	return o
}

type watched struct {
	to   *bytes.Buffer
	each func(text string)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.each(string(p))
	return n, err
}

// wants holds the run to an exit code and to what it says; what begins with "!" must not be said.
func (o *outcome) wants(code int, say ...string) {
	o.t.Helper()
	if o.code != code {
		o.t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, s := range say {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(o.all(), strings.TrimPrefix(s, "!")) {
			if ok {
				o.t.Errorf("says %q, and should not", not)
			} else {
				o.t.Errorf("does not say %q", s)
			}
		}
	}
	if strings.Contains(o.all(), "goroutine ") {
		o.t.Errorf("polarbook crashed")
	}
	if o.t.Failed() {
		o.t.Logf("polarbook %s: exit code %d\n%s", strings.Join(o.args, " "), o.code, o.all())
	}
}

// with gives variables on top of others.
func with(base vars, more vars) vars {
	v := maps.Clone(base)
	maps.Copy(v, more)
	return v
}
