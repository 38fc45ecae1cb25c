package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
)

// narrator writes what both displays say alike: results that need words, diffs, and the recap.
type narrator struct {
	t       *terminal
	diff    bool
	verbose int
	check   bool // nothing is changed
	tasks   map[int]event.TaskStarted
}

func newNarrator(t *terminal, diff bool, verbose int) *narrator {
	return &narrator{t: t, diff: diff, verbose: verbose, tasks: map[int]event.TaskStarted{}}
}

// word is a status in its colour.
func (n *narrator) word(s event.Status) string {
	switch s {
	case event.Changed:
		return n.t.yellow(string(s))
	case event.OK:
		return n.t.green(string(s))
	case event.Failed, event.Unreachable:
		return n.t.red(string(s))
	}
	return n.t.faint(string(s))
}

// place is the host of a result and, where the task was delegated, the one it ran on.
func place(e event.HostDone) string {
	if e.Delegated != "" && e.Delegated != e.Host {
		return e.Host + "->" + e.Delegated
	}
	return e.Host
}

// result returns what is to be said of a result beyond its status; empty when that is enough.
func (n *narrator) result(e event.HostDone) string {
	var b strings.Builder
	who := place(e)
	if e.InLoop {
		who += " (" + oneLine(e.Item) + ")"
	}
	switch e.Status {
	case event.Failed, event.Unreachable, event.Ignored, event.Rescued:
		task := n.tasks[e.TaskID]
		fmt.Fprintf(&b, "%s %s: %s\n", n.word(e.Status), n.t.bold(who), indentAfter(sayOnce(e), "    "))
		if err := text(e.Values.Value("stderr")); err != "" && !strings.Contains(e.Msg, err) {
			fmt.Fprintf(&b, "    stderr: %s\n", indentAfter(last(err, 15), "    "))
		}
		if e.Hint != "" && !strings.Contains(e.Msg, e.Hint) {
			fmt.Fprintf(&b, "    %s %s\n", n.t.bold("what to do:"), indentAfter(e.Hint, "    "))
		}
		if task.Pos.Line != 0 && e.Status == event.Failed {
			fmt.Fprintf(&b, "    %s\n", n.t.faint(fmt.Sprintf("%s:%d:%d, task %q", task.Pos.File, task.Pos.Line, task.Pos.Column, task.Name)))
		}
	case event.Changed, event.OK:
		if e.Unknown != "" {
			fmt.Fprintf(&b, "%s %s: not known before the run: %s\n", n.word(e.Status), who, indentAfter(e.Unknown, "    "))
		} else if shown := n.debugged(e); shown != "" {
			fmt.Fprintf(&b, "%s %s: %s\n", n.word(e.Status), who, below(shown))
		} else if n.verbose > 0 && e.Msg != "" || strings.Contains(e.Msg, "\n") {
			fmt.Fprintf(&b, "%s %s: %s\n", n.word(e.Status), who, below(e.Msg))
		}
		if n.verbose > 1 && !e.NoLog {
			for _, key := range e.Values.Keys() {
				fmt.Fprintf(&b, "    %s: %s\n", oneLine(key), indentAfter(fmt.Sprint(e.Values.Value(key)), "    "))
			}
		}
	}
	if b.Len() == 0 && (len(e.Warnings) > 0 || n.diff && len(e.Diff) > 0) {
		fmt.Fprintf(&b, "%s %s: %s\n", n.word(e.Status), who, below(e.Msg))
	}
	for _, w := range e.Warnings {
		fmt.Fprintf(&b, "%s %s: %s\n", n.t.yellow("warning"), who, indentAfter(w, "    "))
	}
	if n.diff {
		for _, d := range e.Diff {
			b.WriteString(n.diffText(who, d))
		}
	}
	return b.String()
}

// debugged returns what a debug task shows: its purpose is to be read.
func (n *narrator) debugged(e event.HostDone) string {
	if n.tasks[e.TaskID].Module != "debug" || e.NoLog {
		return ""
	}
	if least, ok := e.Values.Value("verbosity").(int); ok && least > n.verbose {
		return ""
	}
	if msg, ok := e.Values.Get("msg"); ok {
		return readable(msg)
	}
	var parts []string
	for _, name := range e.Values.Keys() {
		if name != "changed" && name != "failed" && name != "verbosity" {
			parts = append(parts, name+" = "+readable(e.Values.Value(name)))
		}
	}
	return strings.Join(parts, "\n")
}

// readable is a value as text: strings as they are, everything else as JSON.
func readable(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return asJSON(value, "  ")
}

// asJSON is a value as JSON that people read: <, > and & stay what they are.
func asJSON(value any, indent string) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// sayOnce is the message without the host and the status that stand before it.
func sayOnce(e event.HostDone) string {
	msg := strings.TrimPrefix(e.Msg, e.Host+": ")
	if e.Status == event.Unreachable {
		msg = strings.TrimPrefix(msg, "unreachable: ")
	}
	return msg
}

// whatFailed is what a command says of a host that failed where no run is told: the host, once, the message and the hint.
func whatFailed(e event.HostDone) string {
	msg := e.Host + ": " + strings.TrimPrefix(e.Msg, e.Host+": ")
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	return msg
}

// speaks reports whether even a result that changed nothing is worth its message: what PolarDB's own modules found is what a
// run on a cluster is asked for ("node2 leads already").
func (n *narrator) speaks(e event.HostDone) bool {
	return e.Status == event.OK && strings.HasPrefix(n.tasks[e.TaskID].Module, "polardb_")
}

// diffText is a difference as diff -u shows it.
func (n *narrator) diffText(who string, d tasks.Diff) string {
	before, after := d.BeforeHeader, d.AfterHeader
	if before == "" {
		before = "before"
	}
	if after == "" {
		after = "after"
	}
	before, after = oneLine(before), oneLine(after)
	if d.Hidden {
		return fmt.Sprintf("--- %s (%s)\n+++ %s: not shown, it holds secrets\n", before, who, after)
	}
	unified := udiff.Unified(before+" ("+who+")", after, ensureNewline(d.Before), ensureNewline(d.After))
	var b strings.Builder
	for line := range strings.Lines(unified) {
		switch {
		case strings.HasPrefix(line, "+"):
			line = n.t.green(strings.TrimSuffix(line, "\n")) + "\n"
		case strings.HasPrefix(line, "-"):
			line = n.t.red(strings.TrimSuffix(line, "\n")) + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

func ensureNewline(s string) string {
	if s != "" && !strings.HasSuffix(s, "\n") {
		return s + "\n"
	}
	return s
}

// recap is the last thing that a run prints.
func (n *narrator) recap(e event.RunEnded) string {
	if len(e.Hosts) == 0 {
		return "" // it ended before its first play
	}
	var b strings.Builder
	rows := [][]string{{"RECAP", "ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored"}}
	for _, name := range sortedKeys(e.Hosts) {
		r := e.Hosts[name]
		row := []string{name}
		for _, count := range []int{r.OK, r.Changed, r.Unreachable, r.Failed, r.Skipped, r.Rescued, r.Ignored} {
			row = append(row, fmt.Sprint(count))
		}
		rows = append(rows, row)
	}
	lines := strings.Split(table(rows), "\n")
	b.WriteString("\n" + n.t.bold(lines[0]) + "\n")
	for i, line := range lines[1:] {
		r := e.Hosts[rows[i+1][0]]
		switch {
		case r.Failed > 0 || r.Unreachable > 0:
			line = n.t.red(line)
		case r.Changed > 0:
			line = n.t.yellow(line)
		default:
			line = n.t.green(line)
		}
		b.WriteString(line + "\n")
	}
	if n.verbose > 0 {
		for _, name := range sortedKeys(e.Hosts) {
			r := e.Hosts[name]
			fmt.Fprintf(&b, "%s: %d round trips, %d sessions, %s sent, %s received\n",
				name, r.RoundTrips, r.Sessions, bytesText(r.BytesSent), bytesText(r.BytesReceived))
		}
	}
	b.WriteString(n.stats(e))
	fmt.Fprintf(&b, "in %s\n", took(e.Elapsed))
	if n.check {
		b.WriteString("nothing was changed: --check counts as changed what a run would change\n")
	}
	if e.Aborted {
		b.WriteString(n.t.yellow("stopped before the end") + "; the same command goes on from there\n")
		for _, host := range sortedKeys(e.Pending) {
			fmt.Fprintf(&b, "  %s would have gone on with: %s\n", host, oneLine(e.Pending[host]))
		}
	}
	return b.String()
}

// stats is what set_stats collected, a line for each host's and one for the run's.
func (n *narrator) stats(e event.RunEnded) string {
	if e.Stats == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(n.t.bold("STATS") + "\n")
	for of, values := range e.Stats.All() {
		fmt.Fprintf(&b, "%s: %s\n", of, oneLine(asJSON(values, "")))
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// below puts a text of several lines, a table perhaps, on lines of its own.
func below(s string) string {
	if !strings.Contains(s, "\n") {
		return s
	}
	return "\n  " + indentAfter(s, "  ")
}

// indentAfter indents every line but the first.
func indentAfter(s, by string) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+by)
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// last keeps the last lines of a text.
func last(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(all) <= lines {
		return strings.Join(all, "\n")
	}
	return "…\n" + strings.Join(all[len(all)-lines:], "\n")
}
