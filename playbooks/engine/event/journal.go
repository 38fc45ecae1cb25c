package event

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks"
)

// JSON writes each event as one line of JSON: a mapping whose `type` names the event (run_started, host_done, ...),
// times as RFC 3339 with fractions, durations in seconds. Fields without a value are left out.
type JSON struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewJSON returns a listener that writes to w. A writer that fails is written to no more.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Event writes one line.
func (j *JSON) Event(e Event) {
	line, err := Encode(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return
	}
	if err == nil {
		_, err = j.w.Write(append(line, '\n'))
	}
	j.err = err
}

// Err returns what writing failed with, nil when it did not.
func (j *JSON) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Journal is a run written down: JSON lines in a file that only its owner can read. Its text is masked like every
// event. What a host says while it works and progress are left to the display.
type Journal struct {
	*JSON
	file *os.File
	path string
	size *counted
}

// maximumJournal is the size from which on a journal holds how tasks ended and no more what came of them.
const maximumJournal = 128 << 20

// counted is a writer that knows how much went through it.
type counted struct {
	w io.Writer
	atomic.Int64
}

func (c *counted) Write(data []byte) (int, error) {
	n, err := c.w.Write(data)
	c.Add(int64(n))
	return n, err
}

// shortened returns what is left of an event when the journal has become too large; nothing of what is said by the way.
func shortened(e Event) (Event, bool) {
	switch e := e.(type) {
	case HostSaid, HostStarted, Retrying:
		return nil, false
	case HostDone:
		e.Values, e.Diff, e.Hint, e.Unknown = nil, nil, "", ""
		if len(e.Msg) > 500 {
			e.Msg = strings.ToValidUTF8(e.Msg[:500], "") + "…"
		}
		if len(e.Item) > 500 {
			e.Item = strings.ToValidUTF8(e.Item[:500], "") + "…"
		}
		e.Warnings = []string{"results are left out from here on: this journal has become too large"}
		return e, true
	}
	return e, true
}

// NewJournal makes the journal of a run in a directory, which it makes too: DIR/ID.jsonl, mode 0600.
func NewJournal(dir, id string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the journal: %w", err)
	}
	path := filepath.Join(dir, filepath.Base(id)+".jsonl")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the journal: %w", err)
	}
	size := &counted{w: f}
	return &Journal{JSON: NewJSON(size), file: f, path: path, size: size}, nil
}

// Path returns where the journal is.
func (j *Journal) Path() string { return j.path }

// Event writes one line; the end of the run is on disk when it returns.
func (j *Journal) Event(e Event) {
	switch e.(type) {
	case HostProgress:
		return // many a second, and of no use afterwards
	}
	if j.size.Load() > maximumJournal {
		var told bool
		if e, told = shortened(e); !told {
			return
		}
	}
	j.JSON.Event(e)
	if _, end := e.(RunEnded); end {
		if err := j.file.Sync(); err != nil {
			j.mu.Lock()
			if j.err == nil {
				j.err = err
			}
			j.mu.Unlock()
		}
	}
}

// Close ends the journal.
func (j *Journal) Close() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("close the journal: %w", err)
	}
	return j.Err()
}

// Encode returns an event as JSON, on one line. Only an event of a type that it does not know is an error.
func Encode(e Event) ([]byte, error) {
	fields := map[string]any{}
	set := func(name string, x any, given bool) {
		if given {
			fields[name] = x
		}
	}
	begin := func(kind string, t time.Time) {
		fields["type"], fields["time"] = kind, t.UTC().Format(time.RFC3339Nano)
	}
	task := func(id int, host string) {
		set("task_id", id, id != 0)
		fields["host"] = host
	}
	switch e := e.(type) {
	case RunStarted:
		begin("run_started", e.Time)
		fields["id"], fields["playbooks"], fields["hosts"], fields["check"] = e.ID, e.Playbooks, e.Hosts, e.Check
	case PlayStarted:
		begin("play_started", e.Time)
		fields["name"], fields["hosts"], fields["tasks"] = e.Name, e.Hosts, e.Tasks
		set("pos", where(e.Pos), e.Pos.Line > 0)
	case HostConnected:
		begin("host_connected", e.Time)
		fields["host"], fields["address"] = e.Host, e.Address
	case TaskStarted:
		begin("task_started", e.Time)
		fields["task_id"], fields["name"], fields["module"], fields["hosts"] = e.ID, e.Name, e.Module, e.Hosts
		set("handler", true, e.Handler)
		set("pos", where(e.Pos), e.Pos.Line > 0)
	case HostStarted:
		begin("host_started", e.Time)
		task(e.TaskID, e.Host)
	case HostProgress:
		begin("host_progress", e.Time)
		task(e.TaskID, e.Host)
		fields["what"], fields["done"], fields["total"] = e.What, e.Done, e.Total
	case HostSaid:
		begin("host_said", e.Time)
		task(e.TaskID, e.Host)
		fields["line"] = e.Line
	case Retrying:
		begin("retrying", e.Time)
		task(e.TaskID, e.Host)
		fields["attempt"], fields["of"] = e.Attempt, e.Of
		set("msg", e.Msg, e.Msg != "")
	case HostDone:
		begin("host_done", e.Time)
		task(e.TaskID, e.Host)
		fields["status"], fields["elapsed"] = e.Status, e.Elapsed.Seconds()
		set("delegated", e.Delegated, e.Delegated != "")
		set("item", e.Item, e.InLoop)
		set("msg", e.Msg, e.Msg != "")
		set("hint", e.Hint, e.Hint != "")
		set("values", e.Values, e.Values != nil)
		set("diff", diffs(e.Diff), len(e.Diff) > 0)
		set("warnings", e.Warnings, len(e.Warnings) > 0)
		set("attempts", e.Attempts, e.Attempts > 1)
		set("no_log", true, e.NoLog)
		set("unknown", e.Unknown, e.Unknown != "")
	case RunEnded:
		begin("run_ended", e.Time)
		hosts := map[string]any{}
		for name, r := range e.Hosts {
			hosts[name] = recapFields(r)
		}
		fields["elapsed"], fields["hosts"] = e.Elapsed.Seconds(), hosts
		set("aborted", true, e.Aborted)
		set("pending", e.Pending, len(e.Pending) > 0)
		set("stats", e.Stats, e.Stats != nil)
	default:
		return nil, fmt.Errorf("there is no JSON for the event %T", e)
	}
	return json.Marshal(fields)
}

func where(p playbooks.Position) string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

func recapFields(r Recap) map[string]any {
	return map[string]any{
		"ok": r.OK, "changed": r.Changed, "unreachable": r.Unreachable, "failed": r.Failed, "skipped": r.Skipped,
		"rescued": r.Rescued, "ignored": r.Ignored, "round_trips": r.RoundTrips, "sessions": r.Sessions,
		"handshakes": r.Handshakes, "bytes_sent": r.BytesSent, "bytes_received": r.BytesReceived,
	}
}

func diffs(in []tasks.Diff) []map[string]any {
	var out []map[string]any
	for _, d := range in {
		one := map[string]any{"before": d.Before, "after": d.After}
		if d.BeforeHeader != "" {
			one["before_header"] = d.BeforeHeader
		}
		if d.AfterHeader != "" {
			one["after_header"] = d.AfterHeader
		}
		if d.Hidden {
			one["hidden"] = true
		}
		out = append(out, one)
	}
	return out
}
