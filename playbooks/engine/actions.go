package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
)

// builtinAction does what the engine does itself for a task on a host.
func (s *taskRun) builtinAction(ctx context.Context, v *variables) *outcome {
	args, err := s.actionArguments(v)
	if err != nil {
		return s.failure(v, err)
	}
	switch s.action {
	case "include_vars":
		return s.includeVars(v, args)
	case "add_host":
		return s.addHost(v, args)
	case "group_by":
		return s.groupBy(v, args)
	case "pause":
		return s.pauseFor(ctx, v, args)
	case "set_stats":
		return s.setStats(v, args)
	case "wait_for_connection":
		return s.waitForConnection(ctx, v, args)
	case "validate_argument_spec":
		return s.validateArguments(v, args)
	}
	return s.failure(v, s.unregistered())
}

func (s *taskRun) actionArguments(v *variables) (map[string]any, error) {
	args := map[string]any{}
	for name, x := range s.t.Args {
		out, err := v.render(x.Raw)
		if err != nil {
			return nil, at(x.Pos, fmt.Errorf("%s: %w", name, err))
		}
		if out, keep := withoutOmitted(out); keep {
			args[name] = out
		}
	}
	return args, nil
}

func (s *taskRun) matches(argument, pattern, name string) (bool, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false, fmt.Errorf("%s: %w", argument, err)
	}
	return re.MatchString(name), nil
}

func (s *taskRun) includeVars(v *variables, args map[string]any) *outcome {
	read, files, err := s.includeVarsFrom(v, args)
	if err != nil {
		o := s.failure(v, fmt.Errorf("include_vars: %w", err))
		if files == nil {
			files = []any{}
		}
		none := ordered.New(0)
		if name := text(args["name"]); name != "" {
			none.Set(name, ordered.New(0))
		}
		o.values["ansible_facts"], o.values["ansible_included_var_files"] = none, files
		return o
	}
	if name := text(args["name"]); name != "" {
		read = ordered.Of(name, read)
	}
	s.p.r.noteSecrets(read)
	o := s.success(v, target{v.h, v}, tasks.Result{Values: map[string]any{"ansible_included_var_files": files}})
	o.values["ansible_facts"] = read
	o.learned = append(o.learned, learned{into: func(h *host) { h.includeVars(read) }})
	return o
}

func (s *taskRun) addHost(v *variables, args map[string]any) *outcome {
	name := text(args["name"])
	if name == "" {
		return s.failure(v, errors.New("add_host: name is required"))
	}
	vars := map[string]any{}
	for k, x := range args {
		if k != "name" && k != "groups" {
			vars[k] = untrusted(x)
		}
	}
	var groups []string
	for _, g := range asList(args["groups"]) {
		for _, one := range strings.Split(text(g), ",") {
			if one = strings.TrimSpace(one); one != "" {
				groups = append(groups, one)
			}
		}
	}
	s.p.r.o.Inventory.Grow()
	s.p.r.o.Inventory.AddHost(name, groups, vars)
	s.p.r.changes.Add(1)
	return s.success(v, target{v.h, v}, tasks.Result{Changed: true, Values: map[string]any{
		"add_host": map[string]any{"host_name": name, "groups": anys(groups), "host_vars": args}}})
}

func (s *taskRun) groupBy(v *variables, args map[string]any) *outcome {
	key := text(args["key"])
	if key == "" {
		return s.failure(v, errors.New("group_by: key is required"))
	}
	s.p.r.o.Inventory.Grow()
	key = strings.ReplaceAll(key, " ", "-")
	parents := []string{}
	if args["parents"] != nil {
		for _, p := range asList(args["parents"]) {
			for _, one := range strings.Split(text(p), ",") {
				parents = append(parents, strings.ReplaceAll(strings.TrimSpace(one), " ", "-"))
			}
		}
	}
	in := false
	for _, g := range v.h.inventoryHost().Groups() {
		in = in || g == key
	}
	if err := s.p.r.o.Inventory.AddGroup(key, []string{v.h.name}, parents); err != nil {
		return s.failure(v, fmt.Errorf("group_by: %w", err))
	}
	s.p.r.changes.Add(1)
	return s.success(v, target{v.h, v}, tasks.Result{Changed: !in, Values: map[string]any{"add_group": key, "parent_groups": anys(parents)}})
}

// pauseFor waits for a time or for the user, who alone can tell how long.
func (s *taskRun) pauseFor(ctx context.Context, v *variables, args map[string]any) *outcome {
	began := time.Now()
	var wait time.Duration
	timed := false
	for name, unit := range map[string]time.Duration{"minutes": time.Minute, "seconds": time.Second} {
		if args[name] == nil {
			continue
		}
		n, err := number(args[name])
		if err != nil {
			return s.failure(v, fmt.Errorf("pause: %s: %w", name, err))
		}
		timed = true
		wait += time.Duration(n * float64(unit))
	}
	quiet := false
	if echo, err := truth(args["echo"]); args["echo"] != nil && err == nil {
		quiet = !echo
	}
	values := map[string]any{"user_input": "", "echo": !quiet, "rc": 0, "stderr": "", "start": began.Format(clockFormat)}
	done := func() *outcome {
		took := time.Since(began)
		values["stop"], values["delta"] = time.Now().Format(clockFormat), int(took.Seconds())
		values["stdout"] = fmt.Sprintf("Paused for %.2f seconds", took.Seconds())
		if took >= time.Minute {
			values["stdout"] = fmt.Sprintf("Paused for %.2f minutes", took.Minutes())
		}
		return s.success(v, target{v.h, v}, tasks.Result{Values: values})
	}
	switch {
	case timed: // as in Ansible no less than a second
		if wait = max(wait, time.Second); !s.p.pause(ctx, wait) {
			v.h.wait(s.name)
			return &outcome{stopped: true}
		}
	case s.p.r.o.Prompt != nil:
		q := Question{Text: text(args["prompt"]), Pause: true}
		if q.Text == "" {
			q.Text = "Press enter to continue, Ctrl+C to interrupt"
		}
		q.Private = quiet
		answer, err := s.p.r.prompt(ctx, q)
		if err != nil {
			return s.failure(v, fmt.Errorf("pause: %w", err))
		}
		if q.Private {
			s.p.r.secret("", answer)
		}
		values["user_input"] = answer
	default:
		o := done()
		o.warnings = []string{"no terminal to prompt on: the run goes on without waiting"}
		return o
	}
	return done()
}

// clockFormat is how Python prints a time.
const clockFormat = "2006-01-02 15:04:05.000000"

// waitForConnection tries until the host can be reached and runs a script, or the time is over.
func (s *taskRun) waitForConnection(ctx context.Context, v *variables, args map[string]any) *outcome {
	seconds := func(name string, otherwise float64) (time.Duration, error) {
		n := otherwise
		if args[name] != nil {
			var err error
			if n, err = number(args[name]); err != nil {
				return 0, fmt.Errorf("wait_for_connection: %s: %w", name, err)
			}
		}
		return time.Duration(n * float64(time.Second)), nil
	}
	delay, err1 := seconds("delay", 0)
	timeout, err2 := seconds("timeout", 600)
	sleep, err3 := seconds("sleep", 1)
	connect, err4 := seconds("connect_timeout", 5)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return s.failure(v, err)
	}
	target, err := s.target(v)
	if err != nil {
		return s.failure(v, err)
	}
	began := time.Now()
	if !s.p.pause(ctx, delay) {
		v.h.wait(s.name)
		return &outcome{stopped: true}
	}
	var last error
	for {
		if last = s.responds(ctx, target, v.h, connect); last == nil {
			return s.success(v, target, tasks.Result{Values: map[string]any{"elapsed": int(time.Since(began).Seconds())}})
		}
		if time.Since(began)+sleep > timeout {
			return s.failure(v, &tasks.Failure{
				Msg:    fmt.Sprintf("no connection within %s; last attempt: %v", timeout, last),
				Values: map[string]any{"elapsed": int(time.Since(began).Seconds())},
			})
		}
		if !s.p.pause(ctx, sleep) {
			v.h.wait(s.name)
			return &outcome{stopped: true}
		}
	}
}

func (s *taskRun) responds(ctx context.Context, on target, told *host, limit time.Duration) error {
	h, err := s.p.handle(s, on, told, nil, false)
	if err != nil {
		return err
	}
	h.Hurry(limit)
	if err := h.Connect(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err = h.Shell().Run(ctx, remote.Command{Script: ":"})
	if err != nil {
		h.Reset()
	}
	return err
}

// connectsLate reports whether the play itself waits for its hosts to come up, so that they are not asked for before.
func (p *playRun) connectsLate() bool {
	late := false
	visit(sections(p.play), func(node playbooks.Node) bool {
		if t, ok := node.(*playbooks.Task); ok && builtinActionOf(t) == "wait_for_connection" {
			late = true
		}
		return true
	})
	return late
}
