package site

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is polarbook when it has ended.
type Outcome struct {
	*ControlNode
	Args   []string
	Code   int // -1 when a signal ended it
	Stdout string
	Stderr string
	Events []Event
	Took   time.Duration
}

// Recap is one host's counts at the end of a run.
type Recap struct {
	OK            int   `json:"ok"`
	Changed       int   `json:"changed"`
	Unreachable   int   `json:"unreachable"`
	Failed        int   `json:"failed"`
	Skipped       int   `json:"skipped"`
	RoundTrips    int64 `json:"round_trips"`
	Sessions      int64 `json:"sessions"`
	BytesSent     int64 `json:"bytes_sent"`
	BytesReceived int64 `json:"bytes_received"`
}

// Exits wants the exit code, and shows the run where it is another.
func (o *Outcome) Exits(code int) *Outcome {
	o.T.Helper()
	if o.Code != code {
		o.T.Fatalf("polarbook %s: exit code %d, want %d\n%s", o.command(), o.Code, code, o.Story())
	}
	return o
}

// Says wants these texts in what the tasks said, with their hints and warnings, or in what a run without events
// printed. Names of tasks do not count: they are said whatever comes of the task.
func (o *Outcome) Says(texts ...string) *Outcome {
	o.T.Helper()
	for _, text := range texts {
		if !strings.Contains(o.said(), text) {
			o.T.Errorf("polarbook %s does not say %q\n%s", o.command(), text, o.Story())
		}
	}
	return o
}

// Changes lists what was changed, as "host: task", in the order in which it was.
func (o *Outcome) Changes() []string {
	names := map[int]string{}
	var all []string
	for _, e := range o.Events {
		switch {
		case e.Type == "task_started":
			names[e.TaskID] = e.Name
		case e.Type == "host_done" && e.Status == "changed" && e.Item == nil:
			all = append(all, e.Host+": "+names[e.TaskID])
		}
	}
	return all
}

// Order lists the hosts that a task changed, in the order in which it did. Any part of the task's name will do.
func (o *Outcome) Order(task string) []string {
	var hosts []string
	for _, c := range o.Changes() {
		if host, name, _ := strings.Cut(c, ": "); strings.Contains(name, task) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// Changed wants that the run changed something.
func (o *Outcome) Changed() *Outcome {
	o.T.Helper()
	if len(o.Changes()) == 0 {
		o.T.Errorf("polarbook %s changed nothing\n%s", o.command(), o.Story())
	}
	return o
}

// Unchanged wants that the run changed nothing anywhere, and that the hosts that are named took part to its end.
func (o *Outcome) Unchanged(hosts ...string) *Outcome {
	o.T.Helper()
	recaps := o.Recaps()
	changed := len(o.Changes()) > 0
	for _, r := range recaps {
		changed = changed || r.Changed > 0
	}
	apart := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool {
		r := recaps[h]
		return r.OK > 0 && r.Failed+r.Unreachable == 0
	})
	if changed || len(apart) > 0 {
		o.T.Fatalf("polarbook %s: want no change; changed was %q, and %q took no part: %+v\n%s",
			o.command(), o.Changes(), apart, recaps, o.Story())
	}
	return o
}

// Recaps returns the counts at the end, by host.
func (o *Outcome) Recaps() map[string]Recap {
	o.T.Helper()
	for _, e := range o.Events {
		if e.Type == "run_ended" {
			recaps := map[string]Recap{}
			if err := json.Unmarshal(e.Hosts, &recaps); err != nil {
				o.T.Fatal(err)
			}
			return recaps
		}
	}
	o.T.Fatalf("polarbook %s did not say how the run ended\n%s", o.command(), o.Story())
	return nil
}

// Step is a task and how long it took until the next.
type Step struct {
	Name string
	Took time.Duration
}

// Longest returns the tasks that took most of the time.
func (o *Outcome) Longest(n int) []Step {
	var all []Step
	var began time.Time
	for _, e := range o.Events {
		if (e.Type == "task_started" || e.Type == "run_ended") && len(all) > 0 {
			all[len(all)-1].Took = e.Time.Sub(began)
		}
		if e.Type == "task_started" {
			all, began = append(all, Step{Name: e.Name}), e.Time
		}
	}
	slices.SortStableFunc(all, func(a, b Step) int { return cmp.Compare(b.Took, a.Took) })
	return all[:min(n, len(all))]
}

// Printed returns all that it printed: standard output, then standard error.
func (o *Outcome) Printed() string { return o.Stdout + o.Stderr }

// Story returns the run to be read: what was changed, said and failed, the task that was the last, and the errors.
func (o *Outcome) Story() string {
	if len(o.Events) == 0 {
		return o.Printed()
	}
	var b strings.Builder
	task := ""
	for _, e := range o.Events {
		if e.Type == "task_started" {
			task = fmt.Sprintf("TASK %s (%s)\n", e.Name, e.Module)
		}
		if line := e.said(); line != "" {
			b.WriteString(task + "     " + line + "\n")
			task = ""
		}
	}
	return b.String() + task + o.Stderr
}

// said returns what the tasks said, a line each.
func (o *Outcome) said() string {
	if len(o.Events) == 0 {
		return o.Printed()
	}
	var b strings.Builder
	for _, e := range o.Events {
		b.WriteString(e.said() + "\n")
	}
	return b.String()
}

// said is empty for an event in which nobody says anything.
func (e Event) said() string {
	switch {
	case e.Type == "host_said":
		return e.Host + " says: " + e.Line
	case e.Type != "host_done" || e.Status == "skipped" || e.Status == "ok" && e.Msg == "" && len(e.Warnings) == 0:
		return ""
	}
	text := e.Host + " " + e.Status + " " + e.Msg
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	for _, w := range e.Warnings {
		text += "; warning: " + w
	}
	return text
}

// command returns the command line after the program's name.
func (o *Outcome) command() string { return strings.Join(o.Args, " ") }
