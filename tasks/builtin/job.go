package builtin

import (
	"encoding/json"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/job"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
)

// note is what is known of a job before it runs, kept with it on the host for whoever asks later what came of it.
type note struct {
	Module string `json:"module"`
	Cmd    any    `json:"cmd"`
	Strip  bool   `json:"strip_empty_ends"`
	// Skipped is what creates or removes say; "": the command is run.
	Skipped string `json:"skipped,omitempty"`
}

// Detach implements tasks.Detacher.
func (a *commandAction) Detach(p tasks.Plan, limit int, free bool) (id string, start remote.Command, err error) {
	n := note{Module: a.module, Cmd: a.shown, Strip: a.input.StripEnds}
	text := p.Script
	if !p.Change {
		n.Skipped, text = p.Msg, ":"
	}
	said, err := json.Marshal(n)
	if err != nil {
		return "", remote.Command{}, fmt.Errorf("note the job: %w", err)
	}
	id = job.ID()
	return id, job.Start(job.Request{ID: id, Script: text, Stdin: p.Stdin, Limit: limit, Free: free, Note: string(said)}), nil
}

// commandJob is what came of a command's job that has ended.
func commandJob(j *job.State) (tasks.Result, error) {
	var n note
	if err := json.Unmarshal(j.Note, &n); err != nil {
		return tasks.Result{}, fmt.Errorf("read what was noted of the job: %w", err)
	}
	if n.Skipped != "" {
		return tasks.Result{Msg: n.Skipped, Values: map[string]any{
			"cmd": n.Cmd, "rc": 0, "stdout": n.Skipped, "stdout_lines": []any{n.Skipped}, "stderr": "", "stderr_lines": []any{},
		}}, nil
	}
	began, ended := j.Times()
	return commandResult(j.Result(), n.Cmd, began, ended, n.Strip)
}

// notedJob is the state that somebody has noted of a job which is none of a command: polarbook, for a module that it works at from
// the control node, or Ansible. running is true when it has not ended.
func notedJob(text []byte) (r tasks.Result, running bool, err error) {
	read, err := ordered.DecodeJSON(text)
	values, isDict := read.(*ordered.Map)
	if err != nil || !isDict {
		return r, true, nil // as in Ansible: it is being written
	}
	if values.Has("started") && !yes(values.Value("finished")) {
		return r, true, nil
	}
	r.Values = map[string]any{}
	for name, x := range values.All() {
		switch name {
		case "failed", "started", "finished", "invocation":
		case "changed":
			r.Changed = yes(x)
		case "skipped":
			r.Skipped = yes(x)
		case "warnings":
			list, _ := x.([]any)
			for _, w := range list {
				r.Warnings = append(r.Warnings, fmt.Sprint(w))
			}
		default:
			r.Values[name] = convert.Numbers(x)
		}
	}
	r.Msg, _ = r.Values["msg"].(string)
	if !yes(values.Value("failed")) {
		return r, false, nil
	}
	r.Values["changed"] = r.Changed
	return r, false, &tasks.Failure{Msg: r.Msg, Values: r.Values}
}

// yes reports whether a value of JSON is true or another number than 0: Ansible's programs write either.
func yes(x any) bool {
	n, isNumber := x.(json.Number)
	return x == true || isNumber && n != "0"
}

// EndJob implements tasks.Detacher.
func (a *commandAction) EndJob(id string) remote.Command { return job.Erase(id, true) }
