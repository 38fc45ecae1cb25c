package taskstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Shells are the ones that /bin/sh may be on a host.
func Shells() [][]string {
	var found [][]string
	for _, words := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(words[0]); err == nil {
			found = append(found, words)
		}
	}
	return found
}

// ShellsFor returns the shells under which a test is to run: all of them, and with -short one. The test's name chooses it, so
// that a test that failed fails again, and each shell has its share of the tests.
func ShellsFor(t testing.TB) [][]string {
	t.Helper()
	all := Shells()
	if !testing.Short() || len(all) == 0 {
		return all
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(t.Name()))
	chosen := int(sum.Sum32() % uint32(len(all)))
	return all[chosen : chosen+1]
}

// Large leaves a test out with -short: it works for many seconds, in a database server or with large keys, and the detector of races
// makes minutes of them.
func Large(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
}

// EachShell runs a test once for every kind of shell (see ShellsFor), in a directory of its own.
func EachShell(t *testing.T, test func(t *testing.T, h *LocalHost, dir string)) {
	t.Helper()
	for _, words := range ShellsFor(t) {
		t.Run(words[0], func(t *testing.T) {
			test(t, &LocalHost{Words: words}, t.TempDir())
		})
	}
}

// LocalHost is this machine, reached through one kind of shell.
type LocalHost struct {
	Words   []string
	Etc     string // its own, when it has one
	Uploads int
	said    []string
	Itself  bool // it is its own peer
}

// Name implements tasks.Host.
func (h *LocalHost) Name() string { return "here" }

// Shell implements tasks.Host.
func (h *LocalHost) Shell() tasks.Shell { return h }

// As implements tasks.Host.
func (h *LocalHost) As(context.Context, string) (tasks.Shell, error) {
	return h, nil
}

// Dial implements tasks.Host.
func (h *LocalHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// Peer implements tasks.Host.
func (h *LocalHost) Peer(context.Context, string) (tasks.Host, error) {
	if h.Itself {
		return h, nil
	}
	return nil, errors.New("there is one host")
}

// Cached implements tasks.Host.
func (h *LocalHost) Cached(_ string, create func() (any, error)) (any, error) { return create() }

// Drop implements tasks.Host.
func (h *LocalHost) Drop(string) {}

// Progress implements tasks.Host.
func (h *LocalHost) Progress(string, int64, int64) {}

// Say implements tasks.Host.
func (h *LocalHost) Say(line string) { h.said = append(h.said, line) }

// Run implements tasks.Shell.
func (h *LocalHost) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	return h.Stream(ctx, c, bytes.NewReader(c.Stdin), nil, nil)
}

// Stream implements tasks.Shell.
func (h *LocalHost) Stream(ctx context.Context, c remote.Command, stdin io.Reader, stdout, _ func([]byte)) (remote.Result, error) {
	args := append(append([]string{}, h.Words[1:]...), "-c", c.Script)
	cmd := exec.CommandContext(ctx, h.Words[0], args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = stdin, &out, &errs, c.Dir
	cmd.Env = os.Environ()
	for k, v := range c.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return remote.Result{}, err
	}
	if stdout != nil {
		for line := range bytes.Lines(out.Bytes()) {
			stdout(bytes.TrimSuffix(line, []byte("\n")))
		}
		out.Reset()
	}
	return remote.Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), Status: cmd.ProcessState.ExitCode()}, nil
}

// Upload implements tasks.Shell.
func (h *LocalHost) Upload(_ context.Context, u remote.Upload) error {
	h.Uploads++
	content, err := io.ReadAll(io.NewSectionReader(u.Source, 0, u.Size))
	if err != nil {
		return err
	}
	return os.WriteFile(u.Path, content, u.Mode)
}

// ReadFile implements tasks.Shell.
func (h *LocalHost) ReadFile(_ context.Context, name string, limit int64) ([]byte, error) {
	b, err := os.ReadFile(name)
	return b[:min(int64(len(b)), limit)], err
}

// FakeLocal is the control node: files of a directory, and templates in which {{ name }} is all there is.
type FakeLocal struct {
	Dir               string
	Vars              map[string]any
	Checking, Diffing bool
	Secrets           []string
}

// Find implements tasks.Local.
func (l *FakeLocal) Find(_, name string) (fs.FS, string, error) {
	name = strings.TrimSuffix(name, "/")
	if _, err := os.Stat(filepath.Join(l.Dir, name)); err != nil {
		return nil, "", err
	}
	return os.DirFS(l.Dir), path.Clean(name), nil
}

// Decrypted implements tasks.Local: nothing is encrypted here.
func (l *FakeLocal) Decrypted(fsys fs.FS) fs.FS { return fsys }

// Sum implements tasks.Local.
func (l *FakeLocal) Sum(fsys fs.FS, name string) (string, int64, error) {
	b, err := fs.ReadFile(fsys, name)
	return fmt.Sprintf("%x", sha256.Sum256(b)), int64(len(b)), err
}

// Render implements tasks.Local.
func (l *FakeLocal) Render(_, text string, o tasks.RenderOptions) (string, error) {
	if _, set := l.Vars["ansible_managed"]; !set && o.File != nil {
		text = strings.ReplaceAll(text, "{{ ansible_managed }}", "Ansible managed")
	}
	for name, value := range l.Vars {
		text = strings.ReplaceAll(text, "{{ "+name+" }}", fmt.Sprint(value))
	}
	return text, nil
}

// Eval implements tasks.Local.
func (l *FakeLocal) Eval(expr string) (any, error) {
	if strings.HasPrefix(expr, "polarbook_offline ") {
		return l.Vars["polarbook_offline"] == true, nil
	}
	v, ok := l.Vars[expr]
	if !ok {
		return nil, fmt.Errorf("%q is undefined", expr)
	}
	return v, nil
}

// Condition implements tasks.Local.
func (l *FakeLocal) Condition(expr string) (bool, error) {
	v, err := l.Eval(expr)
	b, _ := v.(bool)
	return b, err
}

// Secret implements tasks.Local.
func (l *FakeLocal) Secret(value string) { l.Secrets = append(l.Secrets, value) }

// Mask implements tasks.Local.
func (l *FakeLocal) Mask(text string) string { return text }

// Check implements tasks.Local.
func (l *FakeLocal) Check() bool { return l.Checking }

// Diff implements tasks.Local.
func (l *FakeLocal) Diff() bool { return l.Diffing }

// known are the modules that the tests of a package may name.
var known []tasks.Module

// Knowing adds modules to those that tests may name. The tests of a family add its own once, before they begin.
func Knowing(modules []tasks.Module) { known = append(known, modules...) }

// ModuleNamed finds one of them.
func ModuleNamed(t *testing.T, name string) *tasks.Module {
	t.Helper()
	for i := range known {
		if known[i].Name == name {
			return &known[i]
		}
	}
	t.Fatalf("no module %s", name)
	return nil
}

// NewAction returns the action of a module with arguments, or ends the test.
func NewAction(t *testing.T, module string, args map[string]any, l tasks.Local) tasks.Action {
	t.Helper()
	a, err := ModuleNamed(t, module).New(args, l)
	if err != nil {
		t.Fatalf("%s %v: %v", module, args, err)
	}
	return a
}

// Work returns the work of which Ask or one of its like made an action, or ends the test.
func Work[W any](t *testing.T, a tasks.Action) W {
	t.Helper()
	has, ok := a.(interface{ Work() any })
	if !ok {
		t.Fatalf("%T is work itself", a)
	}
	w, ok := has.Work().(W)
	if !ok {
		t.Fatalf("%T is another's work", has.Work())
	}
	return w
}

// PlanOn asks the host and plans, as check mode does.
func PlanOn(t *testing.T, h *LocalHost, a tasks.Action) (tasks.Plan, error) {
	t.Helper()
	found := tasks.Found{}
	if script := a.Probe(); script != "" {
		r, err := h.Run(context.Background(), remote.Command{Script: script})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Stderr) > 0 {
			t.Logf("the probe wrote to stderr: %s", r.Stderr)
		}
		found.Result = r
	}
	found, err := tasks.Find(context.Background(), h, a, found)
	if err != nil {
		return tasks.Plan{}, err
	}
	return a.Plan(found)
}

// Attempt does a task once, as the engine does: what was found is compared with what is wanted, the change made, and
// what is there afterwards compared again. It returns the first plan.
func Attempt(t *testing.T, h *LocalHost, module string, args map[string]any, l tasks.Local) (tasks.Plan, tasks.Result, error) {
	t.Helper()
	a := NewAction(t, module, args, l)
	plan, err := PlanOn(t, h, a)
	if err != nil || !plan.Change {
		return plan, tasks.Result{Values: plan.Values}, err
	}
	result := tasks.Result{Changed: true, Values: plan.Values}
	if applier, ok := a.(tasks.Applier); ok {
		result, err = applier.Apply(context.Background(), h, plan)
		if result = plan.Complete(result); err != nil {
			return plan, result, err
		}
	} else {
		r, err := h.Run(context.Background(), remote.Command{Script: plan.Script, Stdin: plan.Stdin})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != 0 {
			return plan, result, &tasks.Failure{Msg: string(r.Stderr)}
		}
		if len(r.Stderr) > 0 {
			t.Logf("the change wrote to stderr: %s", r.Stderr)
		}
	}
	if plan.Event {
		return plan, result, nil
	}
	look := NewAction(t, module, args, l)
	if plan.Proof != nil {
		look = proving{look, plan.Proof}
	}
	again, err := PlanOn(t, h, look)
	if err != nil {
		return plan, result, fmt.Errorf("look again: %w", err)
	}
	if again.Change {
		t.Errorf("%s %v: a change is still wanted after it was made: %s\n%s", module, args, again.Msg, again.Script)
	}
	return plan, result, nil
}

// proving is an Action whose second look is judged by the plan of the first.
type proving struct {
	tasks.Action
	judge func(tasks.Found) (tasks.Plan, error)
}

func (p proving) Plan(found tasks.Found) (tasks.Plan, error) { return p.judge(found) }

// MustChange does a task that has to change something, MustNotChange one that must not.
func MustChange(t *testing.T, h *LocalHost, module string, args map[string]any, l tasks.Local) (tasks.Plan, tasks.Result) {
	t.Helper()
	plan, result, err := Attempt(t, h, module, args, l)
	if err != nil {
		t.Fatalf("%s %v: %v", module, args, err)
	}
	if !plan.Change {
		t.Fatalf("%s %v: nothing changed: %+v", module, args, plan)
	}
	return plan, result
}

// MustNotChange does a task that must not change anything.
func MustNotChange(t *testing.T, h *LocalHost, module string, args map[string]any, l tasks.Local) tasks.Plan {
	t.Helper()
	plan, _, err := Attempt(t, h, module, args, l)
	if err != nil {
		t.Fatalf("%s %v: %v", module, args, err)
	}
	if plan.Change {
		t.Fatalf("%s %v: changed: %s", module, args, plan.Msg)
	}
	return plan
}

// MustFail does a task that has to be refused with a message that holds text.
func MustFail(t *testing.T, h *LocalHost, module string, args map[string]any, l tasks.Local, text string) error {
	t.Helper()
	_, _, err := Attempt(t, h, module, args, l)
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("%s %v: error %v, want one that says %q", module, args, err, text)
	}
	return err
}

// Write writes a file with exactly that mode.
func Write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// Read returns the content of a file.
func Read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// MustContain fails unless a text contains another.
func MustContain(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%q does not say %q", text, want)
	}
}

// Sh runs a script here and returns what it printed.
func Sh(t *testing.T, script string) (string, error) {
	t.Helper()
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	return string(out), err
}

// MustWrite writes a file, with the directories above it.
func MustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Pretend puts commands first on PATH that keep their state in files under $STATE: what this machine has not.
func Pretend(t *testing.T, dir string, commands map[string]string) {
	t.Helper()
	for name, script := range commands {
		Write(t, dir+"/"+name, "#!/bin/sh\n"+script, 0o755)
	}
	t.Setenv("STATE", dir)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// Open lets other accounts into a test's directory.
func Open(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != "/" && d != "/tmp"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// Listing returns what a directory holds, with owners, modes and contents.
func Listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := Sh(t, "cd '"+dir+"' && find . -exec stat -c '%n %u:%g %a %F' {} + && cat file")
	if err != nil {
		t.Fatal(err, out)
	}
	return out
}

// Other is an account that is neither root nor known.
const Other = 61234

// Nobody is the account of that name, which every system has.
const Nobody = 65534

// MustOn runs a script on the host and returns what it printed.
func MustOn(t *testing.T, h *LocalHost, script string) string {
	t.Helper()
	r, err := h.Run(context.Background(), remote.Command{Script: script})
	if err != nil || r.Status != 0 {
		t.Fatalf("%s: %v, status %d: %s%s", script, err, r.Status, r.Stdout, r.Stderr)
	}
	return string(r.Stdout)
}
