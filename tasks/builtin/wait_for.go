package builtin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/pattern"
)

type waitForArgs struct {
	Host           string           `arg:"host" default:"127.0.0.1" doc:"Address of the port, as the host sees it."`
	Port           int              `arg:"port" doc:"TCP port to wait for."`
	Path           string           `arg:"path,path" doc:"File to wait for."`
	State          string           `arg:"state" default:"started" choices:"absent drained present started stopped" doc:"started: the port takes connections; stopped: it refuses them; drained: nobody is connected; present and absent: the file. Each pair may stand for the other."`
	Timeout        int              `arg:"timeout" default:"300" doc:"Seconds after which to give up; without port and path, seconds to wait."`
	ConnectTimeout int              `arg:"connect_timeout" default:"5" doc:"Seconds for one attempt to connect."`
	Delay          int              `arg:"delay" default:"0" doc:"Seconds before the first look."`
	Sleep          int              `arg:"sleep" default:"1" doc:"Seconds between looks."`
	SearchRegex    string           `arg:"search_regex" doc:"Expression that the file, or what the port's server sends, has to match."`
	ExcludeHosts   []string         `arg:"exclude_hosts" doc:"With drained: addresses whose connections do not count."`
	ActiveStates   []string         `arg:"active_connection_states" default:"ESTABLISHED,FIN_WAIT1,FIN_WAIT2,SYN_RECV,SYN_SENT,TIME_WAIT" doc:"With drained: states that count as connected."`
	Msg            argument.Message `arg:"msg" doc:"Message when it gives up."`
}

var waitForModule = tasks.Define(tasks.Module{
	Name: "wait_for", Collections: []string{"ansible.builtin"},
	Summary: "Wait for a port or a file",
	Notes: []string{
		"The connection is made through SSH, from the host, which needs nothing for it. " +
			"Where sshd forbids forwarding, the host's bash, nc or python3 is used instead.",
		"--check does not wait.",
	},
	Returns: []tasks.Return{
		{Name: "elapsed", Type: "int", Doc: "seconds waited"},
		{Name: "match_groups", Type: "list", Doc: "what groups in search_regex matched"},
		{Name: "match_groupdict", Type: "dict", Doc: "the same by name"},
		{Name: "state", Type: "str", Doc: "as asked for; of a path what is there: file, directory or link"},
	},
	Examples: `
- wait_for: {port: 5432, timeout: 60}
- wait_for: {path: /run/polardb.pid, state: absent}
- wait_for: {path: /var/log/polardb.log, search_regex: 'ready to accept (\w+)'}
`,
}, func(a *waitForArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "wait_for", Arg: arg, Problem: problem}
	}
	switch {
	case a.Port != 0 && a.Path != "":
		return refuse("path", "and port exclude each other")
	case a.Port < 0 || a.Port > 65535:
		return refuse("port", fmt.Sprintf("is %d, which is not a port", a.Port))
	case a.State == "drained" && a.Port == 0:
		return refuse("port", "is required for state: drained")
	case len(a.ExcludeHosts) > 0 && a.State != "drained":
		return refuse("exclude_hosts", "is for state: drained alone")
	case a.Timeout < 0 || a.Sleep < 0 || a.Delay < 0 || a.ConnectTimeout <= 0:
		return refuse("timeout", "and the other times cannot be negative")
	}
	for _, state := range a.ActiveStates {
		if !slices.Contains(connectionStates, state) {
			return refuse("active_connection_states", fmt.Sprintf("has %q; there are %s", state, strings.Join(connectionStates, ", ")))
		}
	}
	w := &waitFor{waitForArgs: *a, asking: l.Check()}
	if a.SearchRegex != "" {
		re, err := files.Pattern("wait_for", "search_regex", a.SearchRegex, pattern.Flags{MultiLine: true, ASCII: true})
		if err != nil {
			return nil, err
		}
		// As with Ansible nothing is searched when something is to be gone.
		if a.State == "started" || a.State == "present" {
			w.search = re
		}
	}
	return tasks.Know(w), nil
})

// connectionStates are those of TCP that can be counted.
var connectionStates = []string{"ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "SYN_RECV", "SYN_SENT", "TIME_WAIT"}

type waitFor struct {
	waitForArgs
	search *pattern.Pattern
	asking bool
}

// Plan needs no host: what matters is what will be.
func (w *waitFor) Plan() (tasks.Plan, error) {
	if w.asking {
		const why = "--check does not wait"
		return tasks.Plan{Unknown: why, Msg: why, Values: map[string]any{"skipped": true}}, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: "wait for " + w.what()}, nil
}

func (w *waitFor) what() string {
	switch {
	case w.Path != "" && w.search != nil:
		return fmt.Sprintf("%q in %s", w.SearchRegex, w.Path)
	case w.Path != "":
		return w.Path + " to be " + w.State
	case w.Port != 0 && w.search != nil:
		return fmt.Sprintf("%q from %s", w.SearchRegex, w.address())
	case w.Port != 0:
		return w.address() + " to be " + w.State
	}
	return fmt.Sprintf("%d seconds", w.Timeout)
}

func (w *waitFor) address() string { return net.JoinHostPort(w.Host, strconv.Itoa(w.Port)) }

// sight is the result of one look: whether it is as wanted, what was seen, what kind of file that is, and what an expression
// matched.
type sight struct {
	done  bool
	seen  string
	kind  string
	match []any
}

// Apply looks again and again until what is wanted is there or the time is up.
func (w *waitFor) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan) (tasks.Result, error) {
	began := time.Now()
	if w.Port == 0 && w.Path == "" {
		if err := tasks.Sleep(ctx, time.Duration(w.Timeout)*time.Second); err != nil {
			return tasks.Result{}, err
		}
		return tasks.Result{Values: w.values(sight{}, w.Timeout)}, nil
	}
	if err := tasks.Sleep(ctx, time.Duration(w.Delay)*time.Second); err != nil {
		return tasks.Result{}, err
	}
	h.Say(fmt.Sprintf("waiting up to %d s for %s", w.Timeout, w.what()))
	deadline := began.Add(time.Duration(w.Timeout) * time.Second)
	for {
		s, err := w.look(ctx, h)
		if err != nil {
			return tasks.Result{}, err
		}
		elapsed := int(time.Since(began).Seconds())
		if s.done {
			return tasks.Result{Values: w.values(s, elapsed)}, nil
		}
		if !time.Now().Before(deadline) {
			msg, _ := w.Msg.Or("msg", fmt.Sprintf("waited %d s for %s; last seen: %s", elapsed, w.what(), s.seen))
			return tasks.Result{}, &tasks.Failure{Msg: msg, Values: map[string]any{"elapsed": elapsed}}
		}
		if err := tasks.Sleep(ctx, min(time.Duration(w.Sleep)*time.Second, time.Until(deadline))); err != nil {
			return tasks.Result{}, err
		}
	}
}

func (w *waitFor) values(s sight, elapsed int) map[string]any {
	values := map[string]any{
		"elapsed": elapsed, "state": w.State, "match_groups": []any{}, "match_groupdict": map[string]any{},
		"path": nil, "port": nil, "search_regex": nil,
	}
	if w.Path != "" {
		values["path"] = w.Path
		if s.kind != "" {
			values["state"] = s.kind // as Ansible's
		}
	} else if w.Port != 0 {
		values["port"] = w.Port
	}
	if w.SearchRegex != "" {
		values["search_regex"] = w.SearchRegex
	}
	if w.search != nil {
		groups, named := []any{}, map[string]any{}
		for i, name := range w.search.Names() {
			if i > 0 && i < len(s.match) {
				groups = append(groups, s.match[i])
				if name != "" {
					named[name] = s.match[i]
				}
			}
		}
		values["match_groups"], values["match_groupdict"] = groups, named
	}
	return values
}

func (w *waitFor) look(ctx context.Context, h tasks.Host) (sight, error) {
	switch {
	case w.Path != "":
		return w.lookAtFile(ctx, h)
	case w.State == "drained":
		return w.lookAtConnections(ctx, h)
	}
	open, said, err := w.connect(ctx, h)
	if err != nil {
		return sight{}, err
	}
	wantOpen := w.State == "started" || w.State == "present"
	s := sight{done: open == wantOpen, seen: "no connection"}
	if open {
		s.seen = "it takes connections"
	}
	if open && w.search != nil {
		if s.match, err = groupsOf(w.search, said); err != nil {
			return sight{}, err
		}
		s.done, s.seen = s.match != nil, fmt.Sprintf("it says %q", shortened(said))
	}
	return s, nil
}

// groupsOf returns the first match and its groups, nil for a group that took no part; nil: nothing matches.
func groupsOf(p *pattern.Pattern, text string) ([]any, error) {
	m, err := p.Find(text)
	if m == nil || err != nil {
		return nil, err
	}
	groups := make([]any, len(m)/2)
	for i := range groups {
		if m[2*i] >= 0 {
			groups[i] = text[m[2*i]:m[2*i+1]]
		}
	}
	return groups, nil
}

func (w *waitFor) lookAtFile(ctx context.Context, h tasks.Host) (sight, error) {
	values := script.Values{"p": script.Path(w.Path)}
	if w.search != nil {
		values["limit"] = files.EditLimit
	}
	r, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("wait_for_file", values)})
	if err != nil {
		return sight{}, err
	}
	first, text, _ := strings.Cut(string(r.Stdout), "\n")
	kind, there := strings.CutPrefix(first, "there ")
	s := sight{done: there == (w.State == "started" || w.State == "present"), seen: "it is not there"}
	if there {
		s.kind = kind
	}
	if there {
		s.seen = "it is there"
	}
	if w.search == nil {
		return s, nil
	}
	if s.match, err = groupsOf(w.search, text); err != nil {
		return sight{}, err
	}
	if s.done = s.match != nil; there && !s.done {
		s.seen = "nothing of the kind in it"
	}
	return s, nil
}

// connect tries once. What cannot be tried at all is an error; a refusal is an answer.
func (w *waitFor) connect(ctx context.Context, h tasks.Host) (open bool, said string, err error) {
	limit := time.Duration(w.ConnectTimeout) * time.Second
	attempt, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := h.Dial(attempt, "tcp", w.address())
	if err == nil {
		defer conn.Close()
		if w.search != nil {
			said = w.listen(conn, limit)
		}
		return true, said, nil
	}
	if ctx.Err() != nil {
		return false, "", ctx.Err()
	}
	if !errors.Is(err, remote.ErrNoForwarding) {
		// Refused, or the connection to the host itself is gone: then this fails.
		_, err := h.Shell().Run(ctx, remote.Command{Script: ":"})
		return false, "", err
	}
	if w.search != nil {
		return false, "", &tasks.Failure{
			Msg:  "search_regex needs a connection through SSH, which this host's sshd forbids",
			Hint: "set AllowTcpForwarding to yes or local in its sshd_config",
		}
	}
	r, err := h.Shell().Run(ctx, remote.Command{
		Script: scripts.Script("wait_for_port", script.Values{"h": w.Host, "p": w.Port, "t": w.ConnectTimeout}),
	})
	if err != nil {
		return false, "", err
	}
	if r.Status > 1 {
		return false, "", files.ScriptFailed(r)
	}
	return r.Status == 0, "", nil
}

// listen reads what a server says until it matches, the server ends or the time for one attempt is up.
func (w *waitFor) listen(conn net.Conn, limit time.Duration) string {
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	stop := time.AfterFunc(limit, func() { conn.Close() })
	defer stop.Stop()
	var said []byte
	buffer := make([]byte, 4096)
	for len(said) < files.EditLimit {
		n, err := conn.Read(buffer)
		said = append(said, buffer[:n]...)
		if err != nil {
			break
		}
		if m, err := w.search.Find(string(said)); m != nil || err != nil {
			break
		}
	}
	return string(said)
}

func (w *waitFor) lookAtConnections(ctx context.Context, h tasks.Host) (sight, error) {
	r, err := h.Shell().Run(ctx, remote.Command{Script: "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null\n:\n"})
	if err != nil {
		return sight{}, err
	}
	n := 0
	for _, c := range script.ParseConnections(string(r.Stdout)) {
		local := c.Local == w.Host || c.Local == "0.0.0.0" || c.Local == "::" || w.Host == "0.0.0.0"
		if local && c.Port == w.Port && slices.Contains(w.ActiveStates, c.State) && !slices.Contains(w.ExcludeHosts, c.Remote) {
			n++
		}
	}
	return sight{done: n == 0, seen: fmt.Sprintf("%d connections", n)}, nil
}

func shortened(text string) string {
	if len(text) > 100 {
		return text[:100] + "…"
	}
	return text
}
