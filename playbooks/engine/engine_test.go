package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates"
)

// The modules of these tests. Each is the least that shows one ability of the contract.

type echoArgs struct {
	Msg     any    `arg:"msg"`
	Changed bool   `arg:"changed"`
	Secret  string `arg:"password,secret"`
	Expr    string `arg:"expr,raw"`
	Mode    string `arg:"mode" default:"plain"`
}

// echo plans nothing but what it is told, without a host.
type echo struct {
	a *echoArgs
	l tasks.Local
}

func (e *echo) Probe() string { return "" }
func (e *echo) Plan(tasks.Found) (tasks.Plan, error) {
	values := map[string]any{"msg": e.a.Msg, "mode": e.a.Mode}
	if e.a.Expr != "" {
		x, err := e.l.Eval(e.a.Expr)
		if err != nil {
			return tasks.Plan{}, err
		}
		values["value"] = x
	}
	return tasks.Plan{Change: e.a.Changed, Values: values}, nil
}
func (e *echo) Apply(_ context.Context, _ tasks.Host, p tasks.Plan) (tasks.Result, error) {
	return tasks.Result{Changed: true}, nil
}

type failArgs struct {
	Msg string `arg:"msg" default:"failed as asked"`
}
type failing struct{ a *failArgs }

func (f *failing) Probe() string { return "" }
func (f *failing) Plan(tasks.Found) (tasks.Plan, error) {
	if f.a.Msg == "panic" {
		panic("as asked")
	}
	return tasks.Plan{}, &tasks.Failure{Msg: f.a.Msg, Hint: "do not fail", Values: map[string]any{"rc": 7, "stdout": "a\nb"}}
}

type shellArgs struct {
	Cmd string `arg:"cmd,required"`
}
type shell struct{ a *shellArgs }

func (s *shell) Probe() string { return "" }
func (s *shell) Plan(tasks.Found) (tasks.Plan, error) {
	return tasks.Plan{Change: true, Event: true, Script: s.a.Cmd}, nil
}

// early wants a change that it cannot make before something else has been.
type earlyArgs struct{}
type early struct{}

func (early) Probe() string { return "" }
func (early) Plan(tasks.Found) (tasks.Plan, error) {
	return tasks.Plan{Change: true, Unknown: "the engine is not there yet", Msg: "start it"}, nil
}

// content is a file with a text: a state that can be probed, changed and proved.
type contentArgs struct {
	Path   string `arg:"path,required"`
	Text   string `arg:"text"`
	Broken bool   `arg:"broken"`
	Told   bool   `arg:"told"` // the change fails, and what it wrote is the result's as it is
}
type content struct{ a *contentArgs }

func (c *content) Probe() string { return "cat " + remote.Quote(c.a.Path) + " 2>/dev/null || :" }
func (c *content) Plan(f tasks.Found) (tasks.Plan, error) {
	have := string(f.Stdout)
	p := tasks.Plan{Values: map[string]any{"path": c.a.Path, "kept": ""}}
	if have == c.a.Text {
		return p, nil
	}
	p.Change = true
	p.Made = map[string]any{"kept": c.a.Path + "~"}
	p.Msg = "content differs"
	p.Diff = []tasks.Diff{{Before: have, After: c.a.Text, AfterHeader: c.a.Path}}
	p.Script = "cat > " + remote.Quote(c.a.Path)
	p.Stdin = []byte(c.a.Text)
	if c.a.Told {
		p.Script, p.Output = "cat >/dev/null; echo no; echo not so >&2; exit 3", true
	}
	if c.a.Broken {
		p.Script = "cat > /dev/null"
	}
	return p, nil
}

type factArgs struct {
	All map[string]any `arg:",rest"`
}
type facts struct{ a *factArgs }

func (f *facts) Probe() string                        { return "" }
func (f *facts) Plan(tasks.Found) (tasks.Plan, error) { return tasks.Plan{Change: true}, nil }
func (f *facts) Apply(context.Context, tasks.Host, tasks.Plan) (tasks.Result, error) {
	return tasks.Result{Values: map[string]any{"ansible_facts": f.a.All}}, nil
}

// peer asks another host for a file.
type peerArgs struct {
	Host string `arg:"host,required"`
	Path string `arg:"path,required"`
}
type peer struct{ a *peerArgs }

func (p *peer) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (remote.Result, error) {
	other, err := h.Peer(ctx, p.a.Host)
	if err != nil {
		return remote.Result{}, err
	}
	return other.Shell().Run(ctx, remote.Command{Script: "cat " + remote.Quote(p.a.Path)})
}
func (p *peer) Plan(found remote.Result) (tasks.Plan, error) {
	return tasks.Plan{Values: map[string]any{"content": string(found.Stdout)}}, nil
}

var testModules = []tasks.Module{
	tasks.Define(tasks.Module{Name: "echo", Collections: []string{"ansible.builtin"}, FreeForm: "msg"},
		func(a *echoArgs, l tasks.Local) (tasks.Action, error) { return &echo{a, l}, nil }),
	tasks.Define(tasks.Module{Name: "fail"}, func(a *failArgs, l tasks.Local) (tasks.Action, error) { return &failing{a}, nil }),
	tasks.Define(tasks.Module{Name: "shell", FreeForm: "cmd"}, func(a *shellArgs, l tasks.Local) (tasks.Action, error) {
		return &shell{a}, nil
	}),
	tasks.Define(tasks.Module{Name: "early"}, func(*earlyArgs, tasks.Local) (tasks.Action, error) { return early{}, nil }),
	tasks.Define(tasks.Module{Name: "content", Network: func(values map[string]any, _ tasks.Local, planned bool) string {
		switch text, _ := values["text"].(string); {
		case text == "fetched", text == "fetched where it lacks" && planned:
			return "fetch it"
		}
		return ""
	}}, func(a *contentArgs, l tasks.Local) (tasks.Action, error) { return &content{a}, nil }),
	tasks.Define(tasks.Module{Name: "set_fact", AnyArgs: true}, func(a *factArgs, l tasks.Local) (tasks.Action, error) {
		return &facts{a}, nil
	}),
	tasks.Define(tasks.Module{Name: "setup", AnyArgs: true}, func(a *factArgs, l tasks.Local) (tasks.Action, error) {
		found := map[string]any{"ansible_distribution": "Debian"}
		for name, x := range a.All {
			found[name] = x
		}
		return &facts{&factArgs{found}}, nil
	}),
	tasks.Define(tasks.Module{Name: "peer"}, func(a *peerArgs, l tasks.Local) (tasks.Action, error) { return tasks.Ask(&peer{a}), nil }),
}

func testLookup(name string) (*tasks.Module, bool) {
	name = strings.TrimPrefix(name, "ansible.builtin.")
	for i := range testModules {
		if testModules[i].Name == name {
			return &testModules[i], true
		}
	}
	if name == "assert" {
		return all.Lookup(name)
	}
	return nil, false
}

// recorder writes events down as lines a person can compare.
type recorder struct {
	mu     sync.Mutex
	lines  []string
	events []event.Event
}

func (r *recorder) Event(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	switch e := e.(type) {
	case event.PlayStarted:
		r.lines = append(r.lines, fmt.Sprintf("play %s [%s]", e.Name, strings.Join(e.Hosts, " ")))
	case event.TaskStarted:
		kind := "task"
		if e.Handler {
			kind = "handler"
		}
		r.lines = append(r.lines, kind+" "+e.Name)
	case event.Retrying:
		r.lines = append(r.lines, fmt.Sprintf("  %s retry %d/%d", e.Host, e.Attempt, e.Of))
	case event.HostDone:
		line := fmt.Sprintf("  %s %s", e.Host, e.Status)
		if e.InLoop {
			line += " item=" + e.Item
		}
		if e.Delegated != "" {
			line += " on=" + e.Delegated
		}
		if m, ok := e.Values.Get("msg"); ok && m != nil {
			line += ": " + text(m)
		} else if e.Msg != "" {
			line += ": " + e.Msg
		}
		if e.Unknown != "" {
			line += " unknown=" + e.Unknown
		}
		r.lines = append(r.lines, line)
	case event.RunEnded:
		for _, h := range keys(e.Hosts) {
			c := e.Hosts[h]
			r.lines = append(r.lines, fmt.Sprintf("%s ok=%d changed=%d unreachable=%d failed=%d skipped=%d rescued=%d ignored=%d",
				h, c.OK, c.Changed, c.Unreachable, c.Failed, c.Skipped, c.Rescued, c.Ignored))
		}
	}
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n") + "\n"
}

// bench is one run of a playbook on hosts that are all this machine.
type bench struct {
	t     *testing.T
	dir   string
	o     Options
	rec   *recorder
	inv   *inventory.Inventory
	hosts []string
	load  playbooks.Options

	mu    sync.Mutex
	conns map[string]*fakeConn
	dead  map[string]error
}

// fakeConn is the local machine under a host's name; it can be lost.
type fakeConn struct {
	session.Connection
	done chan struct{}
	once sync.Once
	runs []string
	mu   sync.Mutex
	name string
}

func (c *fakeConn) Done() <-chan struct{} { return c.done }
func (c *fakeConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.Connection.Close()
}
func (c *fakeConn) User() string { return "tester" }
func (c *fakeConn) Shell(ctx context.Context, b remote.Become) (tasks.Shell, error) {
	s, err := c.Connection.Shell(ctx, remote.Become{})
	if b.Method != "" && b.Password == "hopeless" {
		return nil, &remote.BecomeError{Host: c.name, Method: b.Method, User: b.User, Err: errors.New("it is wrong")}
	}
	return fakeShell{s, c, b}, err
}

type fakeShell struct {
	tasks.Shell
	c *fakeConn
	b remote.Become
}

func (s fakeShell) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	s.c.mu.Lock()
	who := ""
	if s.b.Method != "" {
		who = s.b.User + ": "
	}
	s.c.runs = append(s.c.runs, who+c.Script)
	s.c.mu.Unlock()
	if strings.Contains(c.Script, "LOSE") {
		_ = s.c.Close()
		return remote.Result{}, &remote.UnreachableError{Host: s.c.name, Doing: "the connection is gone", Err: errors.New("reset by peer")}
	}
	return s.Shell.Run(ctx, c)
}

func (c *fakeConn) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return nil, errors.New("not here")
}

func newBench(t *testing.T, hosts ...string) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), rec: &recorder{}, inv: inventory.New(), hosts: hosts,
		conns: map[string]*fakeConn{}, dead: map[string]error{}}
	for _, h := range hosts {
		b.inv.AddHost(h, nil, map[string]any{"dir": b.dir})
	}
	b.o = Options{
		Inventory: b.inv, Secrets: &inventory.Secrets{}, Listeners: []event.Listener{b.rec}, Lookup: testLookup,
		Templates: templates.New(templates.Options{Filters: polardb.Filters, Read: os.ReadFile}), Connect: b.connect, RunID: "test",
		Forks: 1, // hosts in a known order
	}
	b.load = playbooks.Options{Dir: b.dir, Lookup: testLookup, Builtin: fstest.MapFS{}}
	return b
}

func (b *bench) connect(_ context.Context, c remote.Config) (session.Connection, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.dead[c.Name]; err != nil {
		return nil, err
	}
	l, err := session.Local(c.Name)
	if err != nil {
		return nil, err
	}
	f := &fakeConn{Connection: l, done: make(chan struct{}), name: c.Name}
	b.conns[c.Name] = f
	return f, nil
}

func (b *bench) file(name, body string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) run(playbook string) (*Report, error) {
	b.t.Helper()
	b.file("site.yml", playbook)
	book, err := playbooks.Load("site.yml", b.load)
	if err != nil {
		b.t.Fatalf("loading: %v", err)
	}
	b.o.Playbooks = []*playbooks.Playbook{book}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return Run(ctx, b.o)
}

// want compares what happened with lines, both without their indentation at the left margin.
func (b *bench) want(want string) {
	b.t.Helper()
	got := b.rec.text()
	if trim(got) != trim(want) {
		b.t.Errorf("got:\n%s\nwant:\n%s", trim(got), trim(want))
	}
}

func trim(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func (b *bench) wantKind(err error, kind Kind) {
	b.t.Helper()
	var e *Error
	switch {
	case kind == 0 && err == nil:
	case errors.As(err, &e) && e.Kind == kind:
	default:
		b.t.Errorf("got the error %v, want kind %d", err, kind)
	}
}
