package job

import (
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

var scripts = script.Load(scriptFiles, script.Shared)

// ID returns the id of a new job, in Ansible's form.
func ID() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000_000_000))
	if err != nil {
		panic("draw a number: " + err.Error()) // never, says its documentation
	}
	return fmt.Sprintf("j%012d.%d", n, os.Getpid())
}

// Request is a job to be started.
type Request struct {
	ID string
	// Script is run by /bin/sh with Stdin, and ended after Limit seconds.
	Script string
	Stdin  []byte
	Limit  int
	// Free: it belongs to nobody and outlives the run. Others outlive the connection, and are ended by the next run that locks the
	// host when theirs is gone.
	Free bool
	// Note is kept with the job for whoever asks what came of it.
	Note string
}

// Start returns the command that starts a job, and does nothing about one of this id that was started before. Started reads its
// answer.
func Start(r Request) remote.Command {
	return remote.Command{Stdin: r.Stdin, Job: !r.Free, Script: scripts.Script("job_start", script.Values{
		"id": r.ID, "text": r.Script, "note": r.Note, "limit": r.Limit, "free": r.Free, "run": scripts.Text("job_run"),
	})}
}

// Started returns the path on the host that notes a job, from the answer of Start, Place and Write.
func Started(r remote.Result) (file string, err error) {
	if r.Status != 0 {
		said := strings.TrimSpace(string(r.Stderr))
		return "", fmt.Errorf("the job was not started: %s (exit status %d)", said[strings.LastIndex(said, "\n")+1:], r.Status)
	}
	var noted struct {
		File []byte `answer:"file,required"`
	}
	if err := script.Decode(r.Stdout, &noted); err != nil {
		return "", err
	}
	return string(noted.File), nil
}

// Place returns the command that says where a job is, or would be, noted.
func Place(id string) remote.Command {
	return remote.Command{Script: scripts.Script("job_where", script.Values{"id": id})}
}

// Write returns the command that notes on the host, as Ansible does, a job that is done on this side: state is JSON. After limit
// seconds without another Write it counts as lost; 0: never.
func Write(id, state string, limit int) remote.Command {
	return remote.Command{Stdin: []byte(state), Script: scripts.Script("job_write", script.Values{"id": id, "limit": limit})}
}

// Look returns the script that asks how a job is doing; State reads its answer. keep bounds in bytes how much of each output is
// handed on.
func Look(id string, keep int64) string {
	return scripts.Script("job_look", script.Values{"id": id, "keep": keep})
}

// Erase returns the command that forgets a job; stop: it is ended first.
func Erase(id string, stop bool) remote.Command {
	return remote.Command{Script: scripts.Script("job_erase", script.Values{"id": id, "stop": stop})}
}

// State is how a job is doing, as the script of Look answers.
type State struct {
	File    []byte `answer:"file,required"` // the path that notes it
	Gone    bool   `answer:"gone"`          // there is none of this id
	Lost    bool   `answer:"lost"`          // it was ended without a result
	Running bool   `answer:"running"`
	Written []byte `answer:"state"` // what Write, or Ansible, noted: it is none of Start's
	Note    []byte `answer:"note"`
	Status  int    `answer:"rc"`
	Began   int64  `answer:"began"`
	Ended   int64  `answer:"ended"`
	Late    bool   `answer:"late"` // it was ended at the end of its time
	Out     []byte `answer:"out"`
	Err     []byte `answer:"err"`
	OutSize int64  `answer:"size_out"`
	ErrSize int64  `answer:"size_err"`
}

// Result is what a job of Start's that has ended wrote and its status.
func (s *State) Result() remote.Result {
	return remote.Result{
		Status: s.Status, Stdout: s.Out, Stderr: s.Err, StdoutCut: s.OutSize - int64(len(s.Out)), StderrCut: s.ErrSize - int64(len(s.Err)),
	}
}

// Times are when it began and ended, by the host's clock.
func (s *State) Times() (began, ended time.Time) { return time.Unix(s.Began, 0), time.Unix(s.Ended, 0) }

// ErrLost means that a job has ended and nobody knows how.
var ErrLost = errors.New("the job has ended without a result: it was killed, or the host has been restarted")
