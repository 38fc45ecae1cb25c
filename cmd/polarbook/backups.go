package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

type backupsCmd struct {
	hostOptions
	Output string `short:"o" enum:"text,json" default:"text" help:"Choose the output: text, or json (one object)."`
}

func (c *backupsCmd) Run(t *terminal, run runContext) error {
	w, err := c.prepare(t)
	if err != nil {
		return err
	}
	p, err := w.load("backups.yml")
	if err != nil {
		return err
	}
	l := &backupsListener{}
	err = w.carryOut(run, p, l)
	if err != nil && len(l.found)+len(l.failures) == 0 {
		return err
	}
	c.show(t, l)
	return err
}

func (c *backupsCmd) show(t *terminal, l *backupsListener) {
	slices.SortStableFunc(l.found, func(a, b any) int {
		return strings.Compare(text(field(b, "taken"))+text(field(a, "host")), text(field(a, "taken"))+text(field(b, "host")))
	})
	if c.Output == "json" {
		_ = jsonLine(t, map[string]any{"backups": append([]any{}, l.found...), "schedules": append([]any{}, l.schedules...),
			"failures": append([]string{}, l.failures...), "warnings": append([]string{}, l.warnings...)})
		return
	}
	rows := [][]string{{"NAME", "HOST", "CLUSTER", "TAKEN (UTC)", "NODE", "SIZE", "LSN", "WHOLE"}}
	for _, b := range l.found {
		whole := "yes"
		if field(b, "whole") != true {
			whole = "no: " + text(field(b, "reason"))
		}
		rows = append(rows, []string{text(field(b, "name")), text(field(b, "host")), text(field(b, "cluster")), text(field(b, "taken")),
			text(field(b, "source")), sizeOf(b), text(field(b, "lsn")), whole})
	}
	if len(l.found) == 0 {
		fmt.Fprintln(t.out, "no backups")
	} else {
		head, rest, _ := strings.Cut(table(rows), "\n")
		fmt.Fprintln(t.out, t.bold(head)+"\n"+rest)
	}
	for _, s := range l.schedules {
		c.showSchedule(t, s)
	}
	for _, failure := range l.failures {
		fmt.Fprintln(t.out, t.red("no answer:")+" "+indentAfter(failure, "  "))
	}
	for _, w := range l.warnings {
		fmt.Fprintln(t.out, t.yellow("warning:")+" "+indentAfter(w, "  "))
	}
}

// showSchedule prints how a host gets on with the backups that it takes by itself.
func (c *backupsCmd) showSchedule(t *terminal, s any) {
	says := "none yet"
	switch result := text(field(s, "result")); result {
	case "":
	case "ok":
		says = "took " + text(field(s, "name"))
	case "elsewhere":
		says = text(field(s, "began")) + ": " + text(field(s, "said"))
	default:
		says = t.red(text(field(s, "began")) + ": " + result + ": " + text(field(s, "said")))
	}
	if field(s, "active") != true {
		says += t.red(" (its timer does not run)")
	}
	fmt.Fprintf(t.out, "scheduled on %s, cluster %s: %s\n", text(field(s, "host")), text(field(s, "cluster")), says)
}

// sizeOf shows how much lies there, and how much is restored from it where it is compressed.
func sizeOf(b any) string {
	size := bytesOf(field(b, "bytes"))
	if with := text(field(b, "compressed")); with != "" {
		size += fmt.Sprintf(" (%s of %s)", with, bytesOf(field(b, "data")))
	}
	return size
}

// bytesOf shows a size as a person reads it.
func bytesOf(v any) string {
	var n float64
	if _, err := fmt.Sscan(fmt.Sprint(v), &n); err != nil {
		return ""
	}
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 1000 {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") + " " + unit
		}
		n /= 1000
	}
	return fmt.Sprintf("%.1f TB", n)
}

// backupsListener keeps the backups of all hosts, and which hosts did not answer.
type backupsListener struct {
	schedules          []any
	found              []any
	failures, warnings []string
}

func (l *backupsListener) Event(e event.Event) {
	d, ok := e.(event.HostDone)
	if !ok {
		return
	}
	for _, w := range d.Warnings {
		l.warnings = append(l.warnings, d.Host+": "+w)
	}
	if list, ok := d.Values.Value("schedules").([]any); ok && d.Status == event.OK {
		l.schedules = append(l.schedules, list...)
	}
	if list, ok := d.Values.Value("backups").([]any); ok && d.Status == event.OK {
		l.found = append(l.found, list...)
	}
	if d.Status == event.Failed || d.Status == event.Unreachable {
		l.failures = append(l.failures, whatFailed(d))
	}
}
