package builtin

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type scriptArgs struct {
	Cmd        string `arg:"cmd,required" alias:"_raw_params" doc:"A script of this machine's, looked up in files/ as for copy, and its arguments, as a shell reads them."`
	Creates    string `arg:"creates,path" doc:"File on the host; when it exists, the task is skipped."`
	Removes    string `arg:"removes,path" doc:"File on the host; when it does not exist, the task is skipped."`
	Chdir      string `arg:"chdir" doc:"Directory on the host to run in: an absolute path."`
	Executable string `arg:"executable" doc:"Program that runs the script, such as python3; by default the one that its first line names."`
	Decrypt    bool   `arg:"decrypt" default:"true" doc:"Decrypt a script that is encrypted with Ansible Vault."`
}

var scriptModule = tasks.Define(tasks.Module{
	Name: "script", Collections: []string{"ansible.builtin"}, FreeForm: "cmd",
	Summary: "Run a script of this machine on hosts",
	Notes: []string{
		"The script goes to a directory in the home of the task's user that nobody else may enter, and is removed when it has run.",
		"It reports changed whenever it was run. --check does not run it: with creates or removes it says that a run would, and is skipped " +
			"otherwise.",
		"stdout and stderr are kept apart. Ansible asks for a terminal, and has what both say in stdout.",
	},
	Returns: []tasks.Return{
		{Name: "stdout", Type: "str", Doc: "what it wrote"}, {Name: "stderr", Type: "str", Doc: "what it wrote to standard error"},
		{Name: "rc", Type: "int", Doc: "exit status"},
		{Name: "stdout_lines", Type: "list", Doc: "stdout by lines"}, {Name: "stderr_lines", Type: "list", Doc: "stderr by lines"},
	},
	Examples: `
- script: prepare.sh --disk /dev/sdb
  args: {creates: /srv/prepared}
- script: {cmd: report.py, executable: python3, chdir: /var/log}
`,
}, func(a *scriptArgs, l tasks.Local) (tasks.Action, error) {
	if onWindows {
		a.Cmd = slashed(a.Cmd)
	}
	words, err := script.SplitWords(a.Cmd)
	switch {
	case err != nil:
		return nil, &tasks.ArgError{Module: "script", Arg: "cmd", Problem: "cannot be read: " + err.Error()}
	case len(words) == 0:
		return nil, &tasks.ArgError{Module: "script", Arg: "cmd", Problem: "is empty"}
	case a.Chdir != "" && !strings.HasPrefix(a.Chdir, "/"):
		return nil, &tasks.ArgError{Module: "script", Arg: "chdir", Problem: "has to be an absolute path, not " + a.Chdir}
	}
	fsys, file, err := l.Find("files", words[0])
	if err != nil {
		return nil, fmt.Errorf("script: cmd: %w", err)
	}
	if a.Decrypt {
		fsys = l.Decrypted(fsys)
	}
	s := &scriptAction{scriptArgs: *a, name: words[0], asking: l.Check()}
	if s.content, err = fs.ReadFile(fsys, file); err != nil {
		return nil, fmt.Errorf("script: cmd: %w", err)
	}
	return tasks.ProbeApply(s), nil
})

// slashed is a command line whose program is named as Windows names files, with that name as shells read it.
func slashed(line string) string {
	line = strings.TrimLeft(line, " \t\n")
	end := strings.IndexAny(line, " \t\n")
	if end < 0 {
		end = len(line)
	}
	return strings.ReplaceAll(line[:end], `\`, "/") + line[end:]
}

type scriptAction struct {
	scriptArgs
	name    string
	content []byte
	asking  bool
}

func (s *scriptAction) conditions() conditions {
	return conditions{Creates: s.Creates, Removes: s.Removes, exact: true}
}

// Probe looks for what creates and removes name, and where the script may lie.
func (s *scriptAction) Probe() string {
	return s.conditions().probe() + scripts.Script("script_home", nil)
}

// Plan hands on the directory that the script is to lie in.
func (s *scriptAction) Plan(found tasks.Found) (tasks.Plan, string, error) {
	var met conditionsFound
	var said struct {
		Home []byte `answer:"home"`
	}
	if err := found.Decode(&met); err != nil {
		return tasks.Plan{}, "", err
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, "", err
	}
	switch {
	case s.Creates != "" && met.Creates:
		return tasks.Plan{Msg: s.Creates + " exists, matching creates option", Values: map[string]any{"skipped": true}}, "", nil
	case s.Removes != "" && !met.Removes:
		return tasks.Plan{Msg: s.Removes + " does not exist, matching removes option", Values: map[string]any{"skipped": true}}, "", nil
	case s.asking && s.Creates == "" && s.Removes == "":
		const why = "what the script changes is known only after it has run"
		return tasks.Plan{Unknown: why, Msg: why, Values: map[string]any{"skipped": true}}, "", nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: "run " + path.Base(s.name)}, string(said.Home), nil
}

// Apply sends the script, runs it and removes it.
func (s *scriptAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, home string) (tasks.Result, error) {
	dir := strings.TrimSuffix(home, "/") + "/.polarbook-script-" + rand.Text()
	at := dir + "/" + path.Base(s.name)
	line := strings.ReplaceAll(strings.TrimSpace(s.Cmd), s.name, at)
	if s.Executable != "" {
		line = s.Executable + " " + line
	}
	command := remote.Command{
		Script: scripts.Script("script_run", script.Values{"dir": dir, "at": at, "chdir": s.Chdir, "line": line}), Cut: true, Keep: commandKeep,
	}
	began := time.Now()
	var ran remote.Result
	var err error
	if len(s.content) > 64<<10 {
		ran, err = h.Shell().Stream(ctx, command, bytes.NewReader(s.content), nil, nil)
	} else {
		command.Stdin = s.content
		ran, err = h.Shell().Run(ctx, command)
	}
	if err != nil {
		return tasks.Result{}, err
	}
	result, err := commandResult(ran, nil, began, time.Now(), false)
	values := result.Values
	if f, ok := err.(*tasks.Failure); ok { //nolint:errorlint // it is made there
		values = f.Values
	}
	for _, name := range []string{"cmd", "start", "end", "delta"} {
		delete(values, name)
	}
	return result, err
}
