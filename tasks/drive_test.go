package tasks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/remote"
)

// shells are the ones that /bin/sh may be on a host.
func shells() [][]string {
	var found [][]string
	for _, words := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(words[0]); err == nil {
			found = append(found, words)
		}
	}
	return found
}

// eachShell runs a test once for every kind of shell, in a directory of its own.
func eachShell(t *testing.T, test func(t *testing.T, h *localHost, dir string)) {
	t.Helper()
	for _, words := range shells() {
		t.Run(words[0], func(t *testing.T) {
			test(t, &localHost{words: words}, t.TempDir())
		})
	}
}

// localHost is this machine, reached through one kind of shell.
type localHost struct {
	words   []string
	etc     string // its own, when it has one
	uploads int
	said    []string
	itself  bool // it is its own peer
}

func (h *localHost) Name() string { return "here" }
func (h *localHost) Shell() Shell { return h }
func (h *localHost) As(context.Context, string) (Shell, error) {
	return h, nil
}
func (h *localHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
func (h *localHost) Peer(context.Context, string) (Host, error) {
	if h.itself {
		return h, nil
	}
	return nil, errors.New("there is one host")
}
func (h *localHost) Keep(_ string, build func() (any, error)) (any, error) { return build() }
func (h *localHost) Forget(string)                                         {}
func (h *localHost) Progress(string, int64, int64)                         {}
func (h *localHost) Say(line string)                                       { h.said = append(h.said, line) }

func (h *localHost) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	return h.Stream(ctx, c, bytes.NewReader(c.Stdin), nil, nil)
}

func (h *localHost) Stream(ctx context.Context, c remote.Command, stdin io.Reader, _, _ func([]byte)) (remote.Result, error) {
	args := append(append([]string{}, h.words[1:]...), "-c", c.Script)
	cmd := exec.CommandContext(ctx, h.words[0], args...)
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
	return remote.Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), Status: cmd.ProcessState.ExitCode()}, nil
}

func (h *localHost) Upload(_ context.Context, u remote.Upload) error {
	h.uploads++
	content, err := io.ReadAll(io.NewSectionReader(u.Source, 0, u.Size))
	if err != nil {
		return err
	}
	return os.WriteFile(u.Path, content, u.Mode)
}

func (h *localHost) ReadFile(_ context.Context, name string, limit int64) ([]byte, error) {
	b, err := os.ReadFile(name)
	return b[:min(int64(len(b)), limit)], err
}

// fakeLocal is the laptop: files of a directory, and templates in which {{ name }} is all there is.
type fakeLocal struct {
	dir         string
	vars        map[string]any
	check, diff bool
	secrets     []string
}

func (l *fakeLocal) Find(_, name string) (fs.FS, string, error) {
	name = strings.TrimSuffix(name, "/")
	if _, err := os.Stat(filepath.Join(l.dir, name)); err != nil {
		return nil, "", err
	}
	return os.DirFS(l.dir), path.Clean(name), nil
}

func (l *fakeLocal) Sum(fsys fs.FS, name string) (string, int64, error) {
	b, err := fs.ReadFile(fsys, name)
	return fmt.Sprintf("%x", sha256.Sum256(b)), int64(len(b)), err
}

func (l *fakeLocal) Render(_, text string, o RenderOptions) (string, error) {
	for name, value := range o.Vars {
		text = strings.ReplaceAll(text, "{{ "+name+" }}", fmt.Sprint(value))
	}
	for name, value := range l.vars {
		text = strings.ReplaceAll(text, "{{ "+name+" }}", fmt.Sprint(value))
	}
	return text, nil
}

func (l *fakeLocal) Eval(expr string) (any, error) {
	v, ok := l.vars[expr]
	if !ok {
		return nil, fmt.Errorf("%q is undefined", expr)
	}
	return v, nil
}

func (l *fakeLocal) Condition(expr string) (bool, error) {
	v, err := l.Eval(expr)
	b, _ := v.(bool)
	return b, err
}
func (l *fakeLocal) Secret(value string)     { l.secrets = append(l.secrets, value) }
func (l *fakeLocal) Mask(text string) string { return text }
func (l *fakeLocal) Check() bool             { return l.check }
func (l *fakeLocal) Diff() bool              { return l.diff }

// known are the modules that the tests of a package may name.
var known []Module

// knowing adds modules to those that tests may name. The tests of a family add its own once, before they begin.
func knowing(modules []Module) { known = append(known, modules...) }

// moduleNamed finds one of them.
func moduleNamed(t *testing.T, name string) *Module {
	t.Helper()
	for i := range known {
		if known[i].Name == name {
			return &known[i]
		}
	}
	t.Fatalf("no module %s", name)
	return nil
}

func newAction(t *testing.T, module string, args map[string]any, l Local) Action {
	t.Helper()
	a, err := moduleNamed(t, module).New(args, l)
	if err != nil {
		t.Fatalf("%s %v: %v", module, args, err)
	}
	return a
}

// planOn asks the host and plans, as check mode does.
func planOn(t *testing.T, h *localHost, a Action) (Plan, error) {
	t.Helper()
	found := Found{}
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
	if asker, ok := a.(Asker); ok {
		var err error
		if found, err = asker.Ask(context.Background(), h, found); err != nil {
			return Plan{}, err
		}
	}
	return a.Plan(found)
}

// attempt does a task once, as the engine does: what was found is compared with what is wanted, the change made, and
// what is there afterwards compared again. It returns the first plan.
func attempt(t *testing.T, h *localHost, module string, args map[string]any, l Local) (Plan, Result, error) {
	t.Helper()
	a := newAction(t, module, args, l)
	plan, err := planOn(t, h, a)
	if err != nil || !plan.Change {
		return plan, Result{Values: plan.Values}, err
	}
	result := Result{Changed: true, Values: plan.Values}
	if applier, ok := a.(Applier); ok {
		if result, err = applier.Apply(context.Background(), h, plan); err != nil {
			return plan, result, err
		}
	} else {
		r, err := h.Run(context.Background(), remote.Command{Script: plan.Script, Stdin: plan.Stdin})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != 0 {
			return plan, result, &Failure{Msg: string(r.Stderr)}
		}
		if len(r.Stderr) > 0 {
			t.Logf("the change wrote to stderr: %s", r.Stderr)
		}
	}
	if plan.Event {
		return plan, result, nil
	}
	again, err := planOn(t, h, newAction(t, module, args, l))
	if err != nil {
		return plan, result, fmt.Errorf("looking again: %w", err)
	}
	if again.Change {
		t.Errorf("%s %v: a change is still wanted after it was made: %s\n%s", module, args, again.Msg, again.Script)
	}
	return plan, result, nil
}

// mustChange does a task that has to change something, mustNotChange one that must not.
func mustChange(t *testing.T, h *localHost, module string, args map[string]any, l Local) (Plan, Result) {
	t.Helper()
	plan, result, err := attempt(t, h, module, args, l)
	if err != nil {
		t.Fatalf("%s %v: %v", module, args, err)
	}
	if !plan.Change {
		t.Fatalf("%s %v: nothing changed: %+v", module, args, plan)
	}
	return plan, result
}

func mustNotChange(t *testing.T, h *localHost, module string, args map[string]any, l Local) Plan {
	t.Helper()
	plan, _, err := attempt(t, h, module, args, l)
	if err != nil {
		t.Fatalf("%s %v: %v", module, args, err)
	}
	if plan.Change {
		t.Fatalf("%s %v: changed: %s", module, args, plan.Msg)
	}
	return plan
}

// mustFail does a task that has to be refused with a message that holds text.
func mustFail(t *testing.T, h *localHost, module string, args map[string]any, l Local, text string) error {
	t.Helper()
	_, _, err := attempt(t, h, module, args, l)
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("%s %v: error %v, want one that says %q", module, args, err, text)
	}
	return err
}

func write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustContain(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%q does not say %q", text, want)
	}
}

func sh(t *testing.T, script string) (string, error) {
	t.Helper()
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	return string(out), err
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pretend puts commands first on PATH that keep their state in files under $STATE: what this machine has not.
func pretend(t *testing.T, dir string, commands map[string]string) {
	t.Helper()
	for name, script := range commands {
		write(t, dir+"/"+name, "#!/bin/sh\n"+script, 0o755)
	}
	t.Setenv("STATE", dir)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// open lets other accounts into a test's directory.
func open(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != "/" && d != "/tmp"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// listing is what a directory holds, with owners, modes and contents.
func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := sh(t, "cd '"+dir+"' && find . -exec stat -c '%n %u:%g %a %F' {} + && cat file")
	if err != nil {
		t.Fatal(err, out)
	}
	return out
}

// other is an account that is neither root nor known.
const other = 61234

// nobody is the account of that name, which every system has.
const nobody = 65534
