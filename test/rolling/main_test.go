// Package rolling tests the playbooks that keep a living cluster: restarts, changes of configuration and release, stop
// and start, a node rebuilt, a backup, and the end of it. The program is run as it is shipped, against real SSH hosts,
// while rows are written.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package rolling

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

type vars map[string]any

// site is a laptop with an inventory, and the hosts in it.
type site struct {
	t        testing.TB
	lab      *lab.Lab
	dir      string
	program  string
	packages [2]string // of two releases
	password string
	group    vars
	hosts    map[string]vars
}

// realEngine says that the engine is not the stand-in.
func realEngine() bool { return os.Getenv("POLARDB_TARBALL") != "" }

// runLimit bounds one run of polarbook.
func runLimit() time.Duration {
	if realEngine() {
		return 10 * time.Minute
	}
	return 3 * time.Minute
}

func newSite(t testing.TB, names ...string) *site {
	t.Helper()
	lab.Require(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	s := &site{t: t, dir: t.TempDir(), password: "rolling-" + rand.Text(), hosts: map[string]vars{}}
	s.program = filepath.Join(s.dir, "polarbook")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", s.program, "github.com/polarbook/polarbook/cmd/polarbook")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s.pack(ctx)
	var specs []lab.Spec
	for _, n := range names {
		specs = append(specs, lab.Spec{Name: n})
	}
	s.lab = lab.New(t, lab.Options{Hosts: specs})
	s.group = vars{
		"ansible_user": "root", "ansible_ssh_private_key_file": s.lab.KeyFile(),
		"polardb_cluster": "rolling", "polardb_package": s.packages[0],
		"polardb_dma_settings": vars{"polar_dma_election_timeout": "1s"},
		"polardb_settings":     vars{"work_mem": "4MB"},
		// The rows are written from outside of the cluster.
		"polardb_hba":      []string{"host all all 0.0.0.0/0 md5"},
		"polardb_min_cpus": 1, "polardb_min_memory_mb": 100, "polardb_min_free_mb": 100,
	}
	for _, n := range names {
		s.hosts[n] = vars{"ansible_host": s.lab.Host(n).Address}
	}
	s.write()
	return s
}

// pack makes two packages that differ in name and content, as two releases do.
func (s *site) pack(ctx context.Context) {
	s.t.Helper()
	first := os.Getenv("POLARDB_TARBALL")
	if first == "" {
		first = filepath.Join(s.dir, "polardb-sim-11.9.tar.gz")
		if err := prefix.Pack(ctx, first); err != nil {
			s.t.Fatal(err)
		}
	}
	second := filepath.Join(s.dir, "polardb-next-11.9.1.tar.gz")
	s.repack(first, second, `echo 11.9.1 >"$d/share/RELEASE"`)
	s.packages = [2]string{first, second}
}

// repack makes another package of one, with a change made to its top folder $d.
func (s *site) repack(from, to, change string) {
	s.t.Helper()
	script := `set -e; mkdir "$2.d"; tar -xzf "$1" -C "$2.d"; for d in "$2.d"/*; do ` + change + `; done; tar -czf "$2" -C "$2.d" .; rm -rf "$2.d"`
	if out, err := exec.Command("sh", "-c", script, "sh", from, to).CombinedOutput(); err != nil {
		s.t.Fatalf("pack %s: %v\n%s", to, err, out)
	}
}

func (s *site) write() {
	s.t.Helper()
	text, err := yaml.Marshal(vars{"polardb": vars{"vars": s.group, "hosts": s.hosts}})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "inventory.yml"), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// set gives the group variables.
func (s *site) set(v vars) {
	s.t.Helper()
	maps.Copy(s.group, v)
	s.write()
}

func (s *site) on(name, script string) string {
	s.t.Helper()
	out, err := s.lab.Host(name).Exec(context.Background(), script)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// outcome is a run that has ended.
type outcome struct {
	t      testing.TB
	args   []string
	code   int
	stderr string
	out    string
	events []event
	hosts  map[string]struct{ OK, Changed, Failed, Unreachable int }
	took   time.Duration
}

type event struct {
	Type   string `json:"type"`
	TaskID int    `json:"task_id"`
	Name   string `json:"name"`
	Host   string `json:"host"`
	Status string `json:"status"`
	Msg    string `json:"msg"`
	Hint   string `json:"hint"`
	Line   string `json:"line"`
}

func (s *site) polarbook(args ...string) *outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit())
	defer cancel()
	c := exec.CommandContext(ctx, s.program, append(args, "--known-hosts", s.lab.KnownHosts())...)
	c.Dir = s.dir
	c.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + s.dir, "XDG_STATE_HOME=" + filepath.Join(s.dir, ".state"), "POLARDB_REPLICATION_PASSWORD=" + s.password}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	began := time.Now()
	_ = c.Run() // the exit code says it
	o := &outcome{t: s.t, args: args, code: c.ProcessState.ExitCode(), stderr: errs.String(), out: out.String(), took: time.Since(began)}
	if ctx.Err() != nil {
		s.t.Errorf("polarbook %s was still at work after %s", strings.Join(args, " "), runLimit())
	}
	for line := range strings.Lines(o.out) {
		var e struct {
			event
			Hosts json.RawMessage `json:"hosts"` // of other forms in other events
		}
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil && e.Type != "" {
			o.events = append(o.events, e.event)
			if e.Type == "run_ended" {
				if err := json.Unmarshal(e.Hosts, &o.hosts); err != nil {
					s.t.Fatal(err)
				}
			}
		}
	}
	for what, text := range map[string]string{"output": o.out, "errors": o.stderr} {
		if strings.Contains(text, s.password) {
			s.t.Errorf("polarbook %s: its %s hold the password", strings.Join(args, " "), what)
		}
	}
	return o
}

// run runs a playbook and wants the exit code.
func (s *site) run(code int, playbook string, args ...string) *outcome {
	s.t.Helper()
	o := s.polarbook(append([]string{"run", playbook, "--output", "json"}, args...)...)
	if o.code != code {
		s.t.Fatalf("polarbook %s: exit code %d, want %d\n%s", strings.Join(o.args, " "), o.code, code, o.story())
	}
	return o
}

// story is the run to be read.
func (o *outcome) story() string {
	var b strings.Builder
	names := map[int]string{}
	for _, e := range o.events {
		switch {
		case e.Type == "task_started":
			names[e.TaskID] = e.Name
		case e.Type == "host_done" && e.Status != "skipped":
			fmt.Fprintf(&b, "%s: %s: %s %s %s\n", names[e.TaskID], e.Host, e.Status, e.Msg, e.Hint)
		case e.Type == "host_said":
			fmt.Fprintf(&b, "     %s says: %s\n", e.Host, e.Line)
		}
	}
	return b.String() + o.stderr
}

// order lists the hosts on which a task ran and changed something, in the order in which it did.
func (o *outcome) order(task string) []string {
	names := map[int]string{}
	var hosts []string
	for _, e := range o.events {
		switch {
		case e.Type == "task_started":
			names[e.TaskID] = e.Name
		case e.Type == "host_done" && e.Status == "changed" && strings.Contains(names[e.TaskID], task):
			hosts = append(hosts, e.Host)
		}
	}
	return hosts
}

// says wants a text in what the run said.
func (o *outcome) says(wanted ...string) *outcome {
	o.t.Helper()
	for _, want := range wanted {
		if !strings.Contains(o.story(), want) {
			o.t.Errorf("polarbook %s does not say %q:\n%s", strings.Join(o.args, " "), want, o.story())
		}
	}
	return o
}

// unchanged wants that nothing was changed on any host.
func (o *outcome) unchanged() *outcome {
	o.t.Helper()
	for h, c := range o.hosts {
		if c.OK == 0 || c.Changed+c.Failed+c.Unreachable > 0 {
			o.t.Fatalf("polarbook %s: %s has %+v, want no change\n%s", strings.Join(o.args, " "), h, c, o.story())
		}
	}
	return o
}

// status asks polarbook who leads, and wants nothing to be said against the cluster.
func (s *site) leader() string {
	s.t.Helper()
	o := s.polarbook("status", "--output", "json")
	var c struct {
		Leader, Problem string
		Disagrees       []string
	}
	if err := json.Unmarshal([]byte(o.out), &c); err != nil || o.code != 0 || c.Leader == "" || len(c.Disagrees) > 0 {
		s.t.Fatalf("the cluster is not whole: exit code %d, %v\n%s%s", o.code, err, o.out, o.stderr)
	}
	return c.Leader
}

// subtest runs f with the site's failures reported under its name; what follows stands on it.
func (s *site) subtest(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	before := s.t
	defer func() { s.t = before }()
	began := time.Now()
	ok := t.Run(name, func(t *testing.T) { s.t = t; f(t) })
	t.Logf("%s took %s", name, time.Since(began).Round(100*time.Millisecond))
	if !ok {
		t.FailNow()
	}
}
