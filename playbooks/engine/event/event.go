// Package event holds what a run reports: typed events, the Emitter that masks every secret in them before any
// listener sees them, and two listeners, one JSON line an event (JSON) and the same in a file of the run's own (Journal).
//
// It knows neither the engine that emits nor the displays that listen.
package event

import (
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Listener is told what happens, in order, one event at a time: its method is never called twice at once, but from any
// goroutine. It must return soon, because the run waits for it, and it must emit nothing itself. Everything in an event has
// had its secrets masked. An event may be kept; its maps and slices must not be changed, other listeners have the same.
//
// A run begins with RunStarted and ends with RunEnded, also one that is stopped or finds its hosts locked.
type Listener interface{ Event(e Event) }

// Event is one of the types below.
type Event interface{ event() }

// RunStarted begins a run. Hosts are all that the plays name, after --limit.
type RunStarted struct {
	Time      time.Time
	ID        string // of the run, as the journal and the lock name it
	Playbooks []string
	Hosts     []string
	Check     bool
}

// PlayStarted begins a play (or a batch of one, with serial).
type PlayStarted struct {
	Time  time.Time
	Name  string
	Hosts []string
	Tasks int // how many tasks are known so far
	Pos   playbooks.Position
}

// HostConnected is emitted when a connection to a host stands.
type HostConnected struct {
	Time    time.Time
	Host    string
	Address string
}

// TaskStarted begins a task on all its hosts. ID tells tasks apart.
type TaskStarted struct {
	Time    time.Time
	ID      int
	Name    string // as Ansible shows it: "role : name"
	Module  string
	Handler bool
	Pos     playbooks.Position
	Hosts   []string
}

// HostStarted begins a step on one host. HostProgress and HostSaid are what goes on in it.
type HostStarted struct {
	Time   time.Time
	TaskID int
	Host   string
}

// HostProgress is work in hand in bytes; a Total of 0 is unknown.
type HostProgress struct {
	Time        time.Time
	TaskID      int
	Host        string
	What        string
	Done, Total int64
}

// HostSaid is one line about a long step.
type HostSaid struct {
	Time   time.Time
	TaskID int
	Host   string
	Line   string
}

// Status tells how a task, or an item of its loop, ended on a host.
type Status string

// The statuses, as Ansible's recap names them.
const (
	OK          Status = "ok"
	Changed     Status = "changed"
	Skipped     Status = "skipped"
	Failed      Status = "failed"
	Ignored     Status = "ignored" // failed, and ignore_errors said to go on
	Rescued     Status = "rescued" // a block's failure that its rescue took
	Unreachable Status = "unreachable"
)

// HostDone ends a task, or one item of its loop (InLoop), on a host.
type HostDone struct {
	Time      time.Time
	TaskID    int
	Host      string
	Delegated string // the host it ran on, when another
	Status    Status
	Item      string // the loop item's label
	InLoop    bool   // an item's result; the task's own follows
	Msg       string
	Hint      string
	Values    *ordered.Map // what `register` saw; nil with no_log
	Diff      []tasks.Diff
	Warnings  []string
	Attempts  int
	Elapsed   time.Duration
	NoLog     bool
	Unknown   string // check mode: what has to happen before this can be known
}

// Retrying is emitted when `until` did not hold yet and there are attempts left.
type Retrying struct {
	Time        time.Time
	TaskID      int
	Host        string
	Attempt, Of int
	Msg         string
}

// Recap is one host's counts.
type Recap struct {
	OK, Changed, Unreachable, Failed, Skipped, Rescued, Ignored int
	// RoundTrips, Sessions, Handshakes and bytes are the connection's.
	RoundTrips, Sessions, Handshakes int64
	BytesSent, BytesReceived         int64
}

// RunEnded ends a run.
type RunEnded struct {
	Time    time.Time
	Elapsed time.Duration
	Hosts   map[string]Recap
	// Aborted is true when the run was stopped; Pending holds what was left: the first task not run on each host.
	Aborted bool
	Pending map[string]string
	// Stats are what set_stats collected: a dict for each host by its name, and under RUN what is of no host; nil: nothing.
	Stats *ordered.Map
}

func (RunStarted) event()    {}
func (PlayStarted) event()   {}
func (HostConnected) event() {}
func (TaskStarted) event()   {}
func (HostStarted) event()   {}
func (HostProgress) event()  {}
func (HostSaid) event()      {}
func (HostDone) event()      {}
func (Retrying) event()      {}
func (RunEnded) event()      {}
