package builtin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/pytext"
)

// conditions let a command be skipped on a second run.
type conditions struct {
	Creates string `arg:"creates,path" doc:"File or pattern; when it exists, the command is not run."`
	Removes string `arg:"removes,path" doc:"File or pattern; when it does not exist, the command is not run."`
	Chdir   string `arg:"chdir,path" doc:"Directory to run in. Relative creates and removes are looked for there."`
	exact   bool   // creates and removes are names, and no patterns: so are those of Ansible's script, uri and unarchive
	quoted  bool   // what is said has the path in quotes
}

type commandInput struct {
	Stdin        *string `arg:"stdin" doc:"Standard input of the command."`
	StdinNewline bool    `arg:"stdin_add_newline" default:"true" doc:"End stdin with a newline."`
	StripEnds    bool    `arg:"strip_empty_ends" default:"true" doc:"Drop empty lines at the end of stdout and stderr."`
}

type commandArgs struct {
	conditions
	commandInput
	Cmd       string `arg:"cmd" alias:"_raw_params" doc:"The command and its arguments. No shell: no pipes; $NAME and ~ are replaced."`
	Argv      []any  `arg:"argv" doc:"The command and its arguments as a list, instead of cmd."`
	Variables bool   `arg:"expand_argument_vars" default:"true" doc:"Replace $NAME in arguments."`
	Warn      bool   `arg:"warn" default:"false" doc:"Accepted for old playbooks' sake."`
}

type shellArgs struct {
	conditions
	commandInput
	Cmd        string `arg:"cmd,required" alias:"_raw_params" doc:"What the shell is to run."`
	Executable string `arg:"executable,path" default:"/bin/sh" doc:"Path of another shell."`
	Warn       bool   `arg:"warn" default:"false" doc:"Accepted for old playbooks' sake."`
}

var commandReturns = []tasks.Return{
	{Name: "stdout", Type: "str", Doc: "what it wrote"}, {Name: "stderr", Type: "str", Doc: "what it wrote to standard error"},
	{Name: "rc", Type: "int", Doc: "exit status"}, {Name: "cmd", Type: "any", Doc: "what was run: a list for command, text for shell"},
	{Name: "start", Type: "str", Doc: "when it began, by this machine's clock"}, {Name: "end", Type: "str", Doc: "when it ended"},
	{Name: "delta", Type: "str", Doc: "how long it took"},
	{Name: "stdout_lines", Type: "list", Doc: "stdout by lines"}, {Name: "stderr_lines", Type: "list", Doc: "stderr by lines"},
}

var commandModule = tasks.Define(tasks.Module{
	Name: "command", Collections: []string{"ansible.builtin"}, FreeForm: "cmd",
	Summary: "Run a command",
	Notes: []string{
		"It reports changed whenever it was run; changed_when overrides that, and creates and removes make it idempotent.",
		"--check cannot know what the command would do, and does not run it.",
		"The first 768 KiB of stdout and of stderr are kept; a warning reports how much more there was. The command still runs to its end. " +
			"To get more, write it to a file on the host.",
	},
	Returns: commandReturns,
	Examples: `
- command: lsblk --json
  register: disks
  changed_when: false
- command:
    argv: [/opt/polardb/bin/initdb, --pgdata, /var/lib/my data]
    creates: /var/lib/my data/PG_VERSION
`,
}, func(a *commandArgs, l tasks.Local) (tasks.Action, error) {
	words := make([]string, len(a.Argv))
	for i, given := range a.Argv { // as in Ansible a list among them is printed
		word, err := convert.Text(given)
		if given != nil && err != nil {
			word = convert.Repr(given)
		}
		words[i] = word
	}
	if a.Cmd != "" {
		if a.Argv != nil {
			return nil, &tasks.ArgError{Module: "command", Arg: "argv", Problem: "and cmd exclude each other"}
		}
		var err error
		if words, err = script.SplitWords(a.Cmd); err != nil {
			return nil, &tasks.ArgError{Module: "command", Arg: "cmd", Problem: "cannot be read: " + err.Error()}
		}
	}
	if len(words) == 0 {
		return nil, &tasks.ArgError{Module: "command", Arg: "cmd", Problem: "is required, or argv"}
	}
	line := "exec"
	shown := make([]any, len(words))
	for i, w := range words {
		shown[i] = w
		if a.Variables {
			line += " " + script.Expanded(w)
		} else {
			line += " " + remote.Quote(w)
		}
	}
	return &commandAction{
		module:     "command",
		conditions: a.conditions,
		input:      a.commandInput,
		script:     line,
		shown:      shown,
		asking:     l.Check(),
	}, nil
})

var shellModule = tasks.Define(tasks.Module{
	Name: "shell", Collections: []string{"ansible.builtin"}, FreeForm: "cmd",
	Summary: "Run a line or script of the shell",
	Notes:   commandModule.Notes,
	Returns: commandReturns,
	Examples: `
- shell: grep -c processor /proc/cpuinfo | tr -d ' '
  register: processors
  changed_when: false
- shell: |
    set -e
    cd /srv
    tar cf - data | gzip > data.tar.gz
  args:
    creates: /srv/data.tar.gz
    executable: /bin/bash
`,
}, func(a *shellArgs, l tasks.Local) (tasks.Action, error) {
	if strings.TrimSpace(a.Cmd) == "" {
		return nil, &tasks.ArgError{Module: "shell", Arg: "cmd", Problem: "is empty"}
	}
	return &commandAction{module: "shell", conditions: a.conditions, input: a.commandInput, shown: a.Cmd, asking: l.Check(),
		script: "exec " + string(script.Path(a.Executable)) + " -c " + remote.Quote(a.Cmd)}, nil
})

type commandAction struct {
	module     string
	conditions conditions
	input      commandInput
	script     string
	shown      any
	asking     bool
}

// Probe looks for what creates and removes name; without them there is nothing to know.
func (a *commandAction) Probe() string { return a.conditions.probe() }

func (c conditions) probe() string {
	word := script.Pattern
	if c.exact {
		word = script.Path
	}
	if c.Creates == "" && c.Removes == "" {
		return ""
	}
	text := script.Preamble
	if c.Chdir != "" {
		text += "cd " + string(script.Path(c.Chdir)) + " 2>/dev/null || exit 0\n"
	}
	for _, c := range []struct{ name, pattern string }{{"creates", c.Creates}, {"removes", c.Removes}} {
		if c.pattern != "" {
			text += fmt.Sprintf("for f in %s; do if [ -e \"$f\" ] || [ -L \"$f\" ]; then echo %s; break; fi; done\n",
				string(word(c.pattern)), c.name)
		}
	}
	return text
}

// conditionsFound is the answer of the probe of conditions.
type conditionsFound struct {
	Creates bool `answer:"creates"`
	Removes bool `answer:"removes"`
}

// skip returns why a command need not run; empty when it has to.
func (c conditions) skip(found conditionsFound) string {
	quote := map[bool]string{true: "'"}[c.quoted]
	switch {
	case c.Creates != "" && found.Creates:
		return "skipped, since " + quote + c.Creates + quote + " exists"
	case c.Removes != "" && !found.Removes:
		return "skipped, since " + quote + c.Removes + quote + " does not exist"
	}
	return ""
}

func (a *commandAction) Plan(found tasks.Found) (tasks.Plan, error) {
	if a.Probe() != "" {
		var said conditionsFound
		if err := found.Decode(&said); err != nil {
			return tasks.Plan{}, err
		}
		if why := a.conditions.skip(said); why != "" {
			return tasks.Plan{Msg: why, Values: map[string]any{
				"cmd": a.shown, "rc": 0, "stdout": why, "stdout_lines": []any{why}, "stderr": "", "stderr_lines": []any{},
			}}, nil
		}
	} else if a.asking {
		const why = "what the command changes is known only after it has run"
		values := a.unrun()
		values["skipped"] = true
		return tasks.Plan{Unknown: why, Msg: why, Values: values}, nil
	}
	p := tasks.Plan{Change: true, Event: true, Msg: "run a command", Script: a.script}
	if a.asking {
		p.Values = a.unrun()
	}
	if a.conditions.Chdir != "" {
		p.Script = "cd " + string(script.Path(a.conditions.Chdir)) + " || exit 1\n" + a.script
	}
	if a.input.Stdin != nil {
		p.Stdin = []byte(*a.input.Stdin)
		if a.input.StdinNewline && !strings.HasSuffix(*a.input.Stdin, "\n") {
			p.Stdin = append(p.Stdin, '\n')
		}
	}
	return p, nil
}

// unrun is all that a run would return, empty, so that what looks at it after a check can.
func (a *commandAction) unrun() map[string]any {
	return map[string]any{"cmd": a.shown, "rc": 0, "stdout": "", "stdout_lines": []any{}, "stderr": "", "stderr_lines": []any{}}
}

// commandKeep limits, in bytes, what is kept of a command's stdout, and of its stderr. Each goes into a register, a result, a journal
// and the events, as text and by lines, which takes many times its length in memory.
const commandKeep = 768 << 10

// Apply runs the command and hands back all that it said; an exit status other than 0 is a failure with the same values.
func (a *commandAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	began := time.Now()
	r, err := h.Shell().Run(ctx, remote.Command{Script: p.Script, Stdin: p.Stdin, Cut: true, Keep: commandKeep})
	if err != nil {
		return tasks.Result{}, err
	}
	result, err := commandResult(r, a.shown, began, time.Now(), a.input.StripEnds)
	if a.module == "command" && (r.Status == 126 || r.Status == 127) {
		result.Changed = false // it could not be run
	}
	return result, err
}

func commandResult(r remote.Result, shown any, began, ended time.Time, strip bool) (tasks.Result, error) {
	const stamp = "2006-01-02 15:04:05.000000"
	values := map[string]any{
		"cmd":   shown,
		"rc":    r.Status,
		"start": began.Format(stamp),
		"end":   ended.Format(stamp),
		"delta": pythonDelta(ended.Sub(began)),
	}
	for name, out := range map[string][]byte{"stdout": r.Stdout, "stderr": r.Stderr} {
		text := strings.ToValidUTF8(string(out), "�")
		if strip {
			text = strings.TrimRight(text, "\r\n")
		}
		values[name], values[name+"_lines"] = text, pytext.Lines(text, false)
	}
	var warnings []string
	for _, w := range []string{wasCut("stdout", r.Stdout, r.StdoutCut), wasCut("stderr", r.Stderr, r.StderrCut)} {
		if w != "" {
			warnings = append(warnings, w)
		}
	}
	if r.Status != 0 {
		f := &tasks.Failure{Msg: fmt.Sprintf("the command ended with status %d", r.Status), Values: values}
		if said := pytext.Lines(strings.TrimSpace(string(r.Stderr)), false); len(said) > 0 {
			last, _ := said[len(said)-1].(string)
			if len(last) > longestSaid {
				last = strings.ToValidUTF8(last[:longestSaid], "") + "…"
			}
			f.Msg += ": " + last
		}
		if len(warnings) > 0 {
			f.Msg += "; " + strings.Join(warnings, "; ")
			values["warnings"] = convert.AnyTexts(warnings)
		}
		switch r.Status {
		case 127:
			f.Hint = "127 means that it was not found: give its whole path, or install it"
		case 126:
			f.Hint = "126 means that it may not be executed by this user"
		}
		return tasks.Result{Changed: true}, f // it has run, and nobody knows how far it came
	}
	return tasks.Result{Changed: true, Values: values, Warnings: warnings}, nil
}

// longestSaid limits, in bytes, what a failure quotes of a command's last line.
const longestSaid = 2000

// wasCut returns a warning about how much is missing of what a command wrote; empty when nothing is.
func wasCut(name string, kept []byte, cut int64) string {
	switch {
	case cut > 0:
		return fmt.Sprintf("%s is not whole: its first %d bytes are kept, and about %d more were dropped", name, len(kept), cut)
	case cut < 0:
		return fmt.Sprintf("%s is not whole: its first %d bytes are kept, and what came after them was dropped", name, len(kept))
	}
	return ""
}

// pythonDelta writes a duration as Python's timedelta: 0:00:01.500000.
func pythonDelta(d time.Duration) string {
	return fmt.Sprintf("%d:%02d:%02d.%06d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Microseconds()%1e6)
}
