package foreign

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/ordered"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

var scripts = script.Load(scriptFiles, script.Shared)

// MaxSize bounds a module's file: it is kept while the playbook runs, and sent each time that it is run.
const MaxSize = 64 << 20

// Module makes a module of a file's content. name is what tasks call it, file the name of its file, which it has on the host too.
// The error is a *RefusedError where it cannot be run.
func Module(name, file string, content []byte) (tasks.Module, error) {
	how, interpreter, err := read(content)
	if err != nil {
		return tasks.Module{}, err
	}
	p := &program{name: name, file: path.Base(file), content: content, style: how, interpreter: interpreter}
	return tasks.Define(tasks.Module{
		Name: name, Collections: []string{"ansible.legacy"}, AnyArgs: true,
		Summary: "A module of your own, from " + file,
		Returns: []tasks.Return{{Name: "changed", Type: "bool", Doc: "what the module says"}},
	}, func(a *args, l tasks.Local) (tasks.Action, error) { return p.action(a.Given, l) }), nil
}

type args struct {
	Given map[string]any `arg:",rest"`
}

// program is a module's file.
type program struct {
	name, file  string
	content     []byte
	style       style
	interpreter []string // with its arguments; nil: of a binary
}

// heedsCheck reports whether the module knows of check mode: one that does not name the argument cannot look at it.
func (p *program) heedsCheck() bool { return bytes.Contains(p.content, []byte("_ansible_check_mode")) }

func (p *program) action(given map[string]any, l tasks.Local) (tasks.Action, error) {
	a := &action{program: p, check: l.Check(), args: ordered.New(len(given) + len(fixed) + 4)}
	hidden := false
	if task, known := l.(tasks.TaskTeller); known {
		var err error
		if hidden, err = task.NoLog(); err != nil {
			return nil, fmt.Errorf("no_log: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) { // the order of Ansible 2.19
		a.args.Set(name, ordered.From(given[name]))
	}
	version, err := l.Eval("ansible_version.full")
	if err != nil {
		return nil, err
	}
	told := ordered.Of("_ansible_check_mode", a.check, "_ansible_no_log", hidden, "_ansible_diff", l.Diff(),
		"_ansible_version", version, "_ansible_module_name", p.name)
	for _, f := range fixed {
		x := f.value
		if own, has := told.Get(f.name); has {
			x = own
		}
		a.args.Set(f.name, x)
	}
	a.interpreter, err = p.interpreterFor(l)
	if err != nil {
		return nil, err
	}
	return tasks.AskApply(a), nil
}

// fixed are the arguments that Ansible adds, in its order; nil: they follow from the task, or from the host.
var fixed = []struct {
	name  string
	value any
}{
	{"_ansible_check_mode", nil},
	{"_ansible_no_log", nil},
	{"_ansible_debug", false},
	{"_ansible_diff", nil},
	{"_ansible_verbosity", 0},
	{"_ansible_version", nil},
	{"_ansible_module_name", nil},
	{"_ansible_syslog_facility", "LOG_USER"},
	{"_ansible_selinux_special_fs", []any{"fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"}},
	{"_ansible_socket", nil},
	{"_ansible_shell_executable", "/bin/sh"},
	{"_ansible_keep_remote_files", false},
	{"_ansible_tmpdir", nil},
	{"_ansible_remote_tmp", "~/.ansible/tmp"},
	{"_ansible_ignore_unknown_opts", false},
	{"_ansible_target_log_info", nil},
	{"_ansible_tracebacks_for", []any{}},
}

// interpreterFor is what runs the module: what its first line says, unless a variable, ansible_bash_interpreter for bash, says
// otherwise.
func (p *program) interpreterFor(l tasks.Local) ([]string, error) {
	if p.style == binary {
		return nil, nil
	}
	variable := "ansible_" + path.Base(p.interpreter[0]) + "_interpreter"
	if strings.Trim(variable, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return p.interpreter, nil // python3.11: no variable has such a name
	}
	x, err := l.Eval(variable + " | default('', true)")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	text, _ := x.(string)
	text = strings.TrimSpace(text)
	if text == "" || isPython(p.interpreter) && strings.HasPrefix(text, "auto") {
		return p.interpreter, nil
	}
	instead, err := remote.SplitWords(text)
	if err != nil || len(instead) == 0 {
		return nil, fmt.Errorf("%s: %q is not the path of a program", variable, text)
	}
	return append(instead, p.interpreter[1:]...), nil
}

// isPython reports whether it is the name without a version, for which whatever Python the host has is looked for.
func isPython(interpreter []string) bool {
	return len(interpreter) > 0 && path.Base(interpreter[0]) == "python"
}

type action struct {
	*program
	args        *ordered.Map
	interpreter []string
	check       bool
}

// found is what is known before the run, or in check mode what the run said.
type found struct {
	home, interpreter string
	ran               *answer
}

// Probe looks for the place of the module and for its interpreter.
func (a *action) Probe() string {
	first, python := "", ""
	if len(a.interpreter) > 0 {
		first = a.interpreter[0]
	}
	if isPython(a.program.interpreter) && slices.Equal(a.interpreter, a.program.interpreter) {
		python = "yes"
	}
	return scripts.Script("foreign_probe", script.Values{"interpreter": first, "python": python})
}

// Ask runs a module in check mode, where it does as it is told: then it only reads.
func (a *action) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (found, error) {
	var said struct {
		Home        []byte `answer:"home"`
		Interpreter []byte `answer:"interpreter"`
	}
	if err := probed.Decode(&said); err != nil {
		return found{}, err
	}
	f := found{home: string(said.Home), interpreter: string(said.Interpreter)}
	if !a.check || !a.heedsCheck() || a.lacksInterpreter(f) {
		return f, nil
	}
	ran, err := a.run(ctx, h, f)
	f.ran = ran
	return f, err
}

func (a *action) lacksInterpreter(f found) bool { return len(a.interpreter) > 0 && f.interpreter == "" }

func (a *action) Plan(f found) (tasks.Plan, found, error) {
	switch {
	case a.lacksInterpreter(f):
		p, err := tasks.NotYet(a.check, fmt.Sprintf("%s needs %s, which the host does not have", a.file, a.interpreter[0]),
			fmt.Sprintf("install it, or set ansible_%s_interpreter", path.Base(a.program.interpreter[0])))
		return p, f, err
	case f.ran != nil:
		r, err := f.ran.result()
		if err != nil {
			return tasks.Plan{}, f, err
		}
		if r.Skipped {
			r.Values["skipped"] = true
		}
		return tasks.Plan{Change: r.Changed, Event: true, Msg: r.Msg, Values: r.Values, Diff: r.Diff, Warnings: r.Warnings}, f, nil
	case a.check:
		const why = "the module does not look at _ansible_check_mode, so it is not run in check mode"
		return tasks.Plan{Unknown: why, Msg: why, Values: map[string]any{"skipped": true}}, f, nil
	}
	return tasks.Plan{Change: true, Event: true}, f, nil
}

func (a *action) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, f found) (tasks.Result, error) {
	ran, err := a.run(ctx, h, f)
	if err != nil {
		return tasks.Result{}, err
	}
	return ran.result()
}

// smallInput goes with the script, what is larger in a stream of its own.
const smallInput = 64 << 10

// keepOutput bounds what is kept of what a module says.
const keepOutput = 8 << 20

// run sends the module and its arguments, runs it and removes both.
func (a *action) run(ctx context.Context, h tasks.Host, f found) (ran *answer, err error) {
	dir := strings.TrimSuffix(f.home, "/") + "/.polarbook-module-" + strings.ToLower(rand.Text())
	content, given, err := a.input(dir)
	if err != nil {
		return nil, err
	}
	if a.style != jsonArgs {
		placed, err := send(ctx, h.Shell(), remote.Command{Script: scripts.Script("foreign_args", script.Values{"dir": dir})}, []byte(given))
		if err == nil && placed.Status != 0 {
			err = &tasks.Failure{Msg: "the module's arguments cannot be put on the host: " + strings.TrimSpace(string(placed.Stderr))}
		}
		if err != nil {
			return nil, err
		}
	}
	at := dir + "/" + a.file
	line := []string{at}
	if len(a.interpreter) > 0 {
		line = slices.Concat([]string{f.interpreter}, a.interpreter[1:], line)
	}
	if a.style != jsonArgs {
		line = append(line, dir+"/args")
	}
	command := remote.Command{Cut: true, Keep: keepOutput, Script: scripts.Script("foreign_run",
		script.Values{"dir": dir, "at": at, "line": script.Words(line)})}
	out, err := send(ctx, h.Shell(), command, content)
	if err != nil {
		a.remove(ctx, h, dir)
		return nil, err
	}
	return &answer{Result: out, file: a.file}, nil
}

// input is what the host gets: the module and its arguments.
func (a *action) input(dir string) (content []byte, given string, err error) {
	all := a.args.Clone()
	all.Set("_ansible_tmpdir", dir+"/")
	if a.style == oldStyle {
		return a.content, pairs(all), nil
	}
	if given, err = convert.JSON(all); err != nil {
		return nil, "", fmt.Errorf("the arguments of %s: %w", a.name, err)
	}
	if a.style == jsonArgs {
		return bytes.ReplaceAll(a.content, replacedByArgs, []byte(given)), "", nil
	}
	return a.content, given, nil
}

// remove removes what a run that was cut off may have left.
func (a *action) remove(ctx context.Context, h tasks.Host, dir string) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	var lost *remote.UnreachableError
	if _, err := h.Shell().Run(late, remote.Command{Script: "rm -rf -- " + remote.Quote(dir)}); err != nil && !errors.As(err, &lost) {
		h.Say("cannot remove " + dir + ": " + err.Error())
	}
}

// send runs a script with an input of any size.
func send(ctx context.Context, shell tasks.Shell, c remote.Command, input []byte) (remote.Result, error) {
	if len(input) > smallInput {
		return shell.Stream(ctx, c, bytes.NewReader(input), nil, nil)
	}
	c.Stdin = input
	return shell.Run(ctx, c)
}
