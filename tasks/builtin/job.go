package builtin

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// note is what is known of a job before it runs, kept with it on the host for whoever asks later what came of it.
type note struct {
	Module string `json:"module"`
	Cmd    any    `json:"cmd"`
	Strip  bool   `json:"strip_empty_ends"`
	// Skipped is what creates or removes say; "": the command is run.
	Skipped string `json:"skipped,omitempty"`
}

// newJobID returns the id of a job, in Ansible's form.
func newJobID() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000_000_000))
	if err != nil {
		panic("draw a number: " + err.Error()) // never, says its documentation
	}
	return fmt.Sprintf("j%012d.%d", n, os.Getpid())
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
	id = newJobID()
	return id, remote.Command{Stdin: p.Stdin, Script: scripts.Script("job_start", script.Values{
		"id": id, "text": text, "note": string(said), "limit": limit, "free": free, "run": scripts.Text("job_run"),
	})}, nil
}

// jobFound is how a job is doing.
type jobFound struct {
	File    []byte `answer:"file,required"`
	Gone    bool   `answer:"gone"`
	Lost    bool   `answer:"lost"`
	Running bool   `answer:"running"`
	Note    []byte `answer:"note"`
	Status  int    `answer:"rc"`
	Began   int64  `answer:"began"`
	Ended   int64  `answer:"ended"`
	Late    bool   `answer:"late"`
	Out     []byte `answer:"out"`
	Err     []byte `answer:"err"`
	OutSize int64  `answer:"size_out"`
	ErrSize int64  `answer:"size_err"`
}

// result is what came of a job that has ended.
func (j *jobFound) result() (tasks.Result, error) {
	var n note
	if err := json.Unmarshal(j.Note, &n); err != nil {
		return tasks.Result{}, fmt.Errorf("read what was noted of the job: %w", err)
	}
	if n.Skipped != "" {
		return tasks.Result{Msg: n.Skipped, Values: map[string]any{
			"cmd": n.Cmd, "rc": 0, "stdout": n.Skipped, "stdout_lines": []any{n.Skipped}, "stderr": "", "stderr_lines": []any{},
		}}, nil
	}
	ran := remote.Result{
		Status: j.Status, Stdout: j.Out, Stderr: j.Err, StdoutCut: j.OutSize - int64(len(j.Out)), StderrCut: j.ErrSize - int64(len(j.Err)),
	}
	return commandResult(ran, n.Cmd, time.Unix(j.Began, 0), time.Unix(j.Ended, 0), n.Strip)
}

// eraseJob is the command that forgets a job; stop: it is ended first.
func eraseJob(id string, stop bool) remote.Command {
	return remote.Command{Script: scripts.Script("job_erase", script.Values{"id": id, "stop": stop})}
}

// EndJob implements tasks.Detacher.
func (a *commandAction) EndJob(id string) remote.Command { return eraseJob(id, true) }
