package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// event is a line of `polarbook run --output json`.
type event struct {
	Type    string            `json:"type"`
	TaskID  int               `json:"task_id"`
	Name    string            `json:"name"`
	Module  string            `json:"module"`
	Host    string            `json:"host"`
	Status  string            `json:"status"`
	Item    *string           `json:"item"`
	Msg     string            `json:"msg"`
	Hint    string            `json:"hint"`
	Line    string            `json:"line"`
	Aborted bool              `json:"aborted"`
	Pending map[string]string `json:"pending"`
	Hosts   json.RawMessage   `json:"hosts"`
}

// recap is one host's counts at the end of a run.
type recap struct{ OK, Changed, Unreachable, Failed, Skipped int }

// running is polarbook at work.
type running struct {
	*site
	command *exec.Cmd
	args    []string
	out     bytes.Buffer
	err     bytes.Buffer
	events  []event
	read    chan struct{} // closed when its output has ended
	limit   *time.Timer
	began   time.Time
}

// outcome is polarbook when it has ended.
type outcome struct {
	*site
	args   []string
	code   int // -1 when a signal ended it
	stdout string
	stderr string
	events []event
	took   time.Duration
}

// start runs polarbook in the site's directory. each is told of every event when it is read, in order; it may be nil.
func (s *site) start(each func(r *running, e event), args ...string) *running {
	s.t.Helper()
	r := &running{site: s, args: args, read: make(chan struct{}), began: time.Now()}
	r.command = exec.Command(s.program, append(args, "--known-hosts", s.lab.KnownHosts())...)
	r.command.Dir = s.dir
	r.command.Env = []string{
		"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC",
		"HOME=" + filepath.Join(s.dir, ".home"), "XDG_STATE_HOME=" + filepath.Join(s.dir, ".state"),
		"POLARDB_REPLICATION_PASSWORD=" + s.password,
	}
	r.command.Stderr = &r.err
	stdout, err := r.command.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := r.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	// What it waits for is in the goroutines that it prints when it is told to quit.
	r.limit = time.AfterFunc(runLimit(), func() { _ = r.command.Process.Signal(syscall.SIGQUIT) })
	go func() {
		defer close(r.read)
		lines := bufio.NewReader(stdout)
		for {
			line, err := lines.ReadString('\n')
			r.out.WriteString(line)
			var e event
			if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil && e.Type != "" {
				r.events = append(r.events, e)
				if each != nil {
					each(r, e)
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return r
}

// kill ends polarbook as a crash does.
func (r *running) kill() { _ = r.command.Process.Kill() }

// wait waits for the end, and holds every run to what is true of all runs.
func (r *running) wait() *outcome {
	r.t.Helper()
	<-r.read
	_ = r.command.Wait() // the exit code says it
	o := &outcome{site: r.site, args: r.args, code: r.command.ProcessState.ExitCode(),
		stdout: r.out.String(), stderr: r.err.String(), events: r.events, took: time.Since(r.began)}
	if !r.limit.Stop() {
		r.t.Errorf("polarbook %s was still at work after %s", strings.Join(r.args, " "), runLimit())
	}
	o.secretsKept()
	return o
}

// polarbook runs it to its end and wants the exit code.
func (s *site) polarbook(code int, args ...string) *outcome {
	s.t.Helper()
	return s.start(nil, args...).wait().exit(code)
}

// run runs a playbook with events.
func (s *site) run(code int, playbook string, args ...string) *outcome {
	s.t.Helper()
	return s.polarbook(code, append([]string{"run", playbook, "--output", "json"}, args...)...)
}

// exit wants the exit code, and shows the run where it is another.
func (o *outcome) exit(code int) *outcome {
	o.t.Helper()
	if o.code != code {
		o.t.Fatalf("polarbook %s: exit code %d, want %d\n%s", strings.Join(o.args, " "), o.code, code, o.story())
	}
	return o
}

// secretsKept wants that no password was printed or written down, and that the journals are the user's alone.
func (o *outcome) secretsKept() {
	o.t.Helper()
	secrets := map[string]string{"the replication password": o.password}
	if o.group["ansible_become_password"] != nil {
		secrets["sudo's password"] = o.lab.Password()
	}
	texts := map[string]string{"its output": o.stdout, "its errors": o.stderr}
	err := filepath.WalkDir(filepath.Join(o.dir, ".state"), func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			o.t.Errorf("%s has the mode %04o, want 0600", path, info.Mode().Perm())
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		o.t.Error(err)
	}
	for what, secret := range secrets {
		for where, text := range texts {
			if at := strings.Index(text, secret); at >= 0 {
				o.t.Errorf("polarbook %s: %s is in %s: ...%s...", strings.Join(o.args, " "), what, where,
					strings.ReplaceAll(text[max(0, at-200):min(len(text), at+len(secret)+50)], secret, "<HERE>"))
			}
		}
	}
}

// recaps are the counts at the end, by host.
func (o *outcome) recaps() map[string]recap {
	o.t.Helper()
	for _, e := range o.events {
		if e.Type == "run_ended" {
			counts := map[string]recap{}
			if err := json.Unmarshal(e.Hosts, &counts); err != nil {
				o.t.Fatal(err)
			}
			return counts
		}
	}
	o.t.Fatalf("polarbook %s did not say how the run ended\n%s", strings.Join(o.args, " "), o.story())
	return nil
}

// changed lists what was changed, as "host: task".
func (o *outcome) changed() []string {
	names := map[int]string{}
	var all []string
	for _, e := range o.events {
		switch {
		case e.Type == "task_started":
			names[e.TaskID] = e.Name
		case e.Type == "host_done" && e.Status == "changed" && e.Item == nil:
			all = append(all, e.Host+": "+names[e.TaskID])
		}
	}
	return all
}

// unchanged wants that the run took in these hosts and changed none of them.
func (o *outcome) unchanged(hosts ...string) *outcome {
	o.t.Helper()
	counts := o.recaps()
	for _, h := range hosts {
		if c, ok := counts[h]; !ok || c.OK == 0 || c.Changed+c.Failed+c.Unreachable > 0 {
			o.t.Fatalf("polarbook %s: %s has %+v, want no change; changed was %q\n%s", strings.Join(o.args, " "), h, c, o.changed(), o.story())
		}
	}
	return o
}

// story is the run to be read: what was changed, said and failed, and the task that was the last.
func (o *outcome) story() string {
	var b strings.Builder
	task := ""
	for _, e := range o.events {
		line := ""
		switch {
		case e.Type == "task_started":
			task = fmt.Sprintf("TASK %s (%s)\n", e.Name, e.Module)
		case e.Type == "host_done" && e.Status != "ok" && e.Status != "skipped":
			line = fmt.Sprintf("     %s: %s %s %s\n", e.Host, e.Status, e.Msg, e.Hint)
		case e.Type == "host_said":
			line = fmt.Sprintf("     %s says: %s\n", e.Host, e.Line)
		}
		if line != "" {
			b.WriteString(task + line)
			task = ""
		}
	}
	if len(o.events) == 0 {
		task = o.stdout
	}
	return b.String() + task + o.stderr
}

// nodeStatus is a member in `polarbook status --output json`.
type nodeStatus struct {
	Node      string
	Address   string
	Answers   bool
	Role      string
	Weight    *int
	Term      int
	Streaming bool
}

// clusterStatus is what `polarbook status --output json` prints.
type clusterStatus struct {
	Leader    string
	Problem   string
	Members   []nodeStatus
	Disagrees []string
	Error     string
}

// status asks polarbook, and wants the exit code.
func (s *site) status(code int) clusterStatus {
	s.t.Helper()
	o := s.polarbook(code, "status", "--output", "json")
	var c clusterStatus
	if err := json.Unmarshal([]byte(o.stdout), &c); err != nil {
		s.t.Fatalf("polarbook status printed %q: %v", o.stdout, err)
	}
	return c
}

// whole wants a cluster of the inventory's hosts with nothing to be said against it.
func (s *site) whole() clusterStatus {
	s.t.Helper()
	c := s.status(0)
	var nodes []string
	for _, m := range c.Members {
		nodes = append(nodes, m.Node)
		if !m.Answers || (m.Role != "leader" && m.Role != "logger" && !m.Streaming) {
			s.t.Errorf("%+v", m)
		}
	}
	slices.Sort(nodes)
	if c.Leader == "" || c.Problem != "" || len(c.Disagrees) > 0 || !slices.Equal(nodes, s.names()) {
		s.t.Fatalf("the cluster is not whole: %+v", c)
	}
	return c
}

// subtest runs f with the site's failures reported under its name.
func (s *site) subtest(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	before := s.t
	defer func() { s.t = before }()
	if !t.Run(name, func(t *testing.T) { s.t = t; f(t) }) {
		t.FailNow()
	}
}
