package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ünïcödé 漢字 ✓\n\ttabbed": "plain, ünïcödé 漢字 ✓\n\ttabbed",
		"\x1b]52;c;aGk=\a":              `\x1b]52;c;aGk=\x07`, "a\rb\b\x00\x7f": `a\x0db\x08\x00\u007f`,
		"\u009b2J": `\u009b2J`, "\x9b2J": `\x9b2J`, "a\u202eb\u2066c\u200f\u061c": `a\u202eb\u2066c\u200f\u061c`,
		"\u2028\ufeff\U000e0041": `\u2028\ufeff\udb40\udc41`, "\xc3": `\xc3`, "\xff\xfe": `\xff\xfe`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q -> %q, want %q", text, got, want)
		}
	}
}

// harmless wants that a terminal obeys nothing in a text but polarbook's colours and cursor moves.
func harmless(text string) error {
	for _, allowed := range []string{"[0m", "[1m", "[2m", "[31m", "[32m", "[33m", "[J", "[H", "[2J"} {
		text = strings.ReplaceAll(text, "\x1b"+allowed, "")
	}
	for n := range 60 {
		text = strings.ReplaceAll(text, fmt.Sprintf("\x1b[%dA", n), "")
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("no UTF-8: %q", text)
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r <= 0x9f || obeyed(r)) {
			return fmt.Errorf("%U in %q", r, text)
		}
	}
	return nil
}

func FuzzVisible(f *testing.F) {
	f.Add("\x1b[2J\u009b\u202e\xff")
	f.Add("a\u2029b\U000e0041")
	f.Fuzz(func(t *testing.T, text string) {
		if err := harmless(written(strings.ReplaceAll(text, ours, ""))); err != nil {
			t.Error(err)
		}
		if again := visible(visible(text)); again != visible(text) {
			t.Errorf("%q and then %q", visible(text), again)
		}
		if strings.ContainsAny(oneLine(text), "\n\t") {
			t.Errorf("more than a line: %q", oneLine(text))
		}
	})
}

// TestSinks sends what a hostile host may say through everything that shows a run.
func TestSinks(t *testing.T) {
	const evil = "x\x1b]52;c;aGk=\a\x1b[2J\u009b1m\u202e\x00\x7f\xff\r\nRECAP     ok  changed\nnode1     9   0\nok: everything\n\x1b[1mRECAP"
	now := time.Now()
	events := []event.Event{
		event.RunStarted{Time: now},
		event.PlayStarted{Time: now, Name: evil, Hosts: []string{"node1"}},
		event.TaskStarted{Time: now, ID: 1, Name: evil, Module: "debug", Hosts: []string{"node1"}},
		event.HostStarted{Time: now, TaskID: 1, Host: "node1"},
		event.HostSaid{Time: now, Host: "node1", Line: evil},
		event.HostSaid{Time: now, TaskID: 1, Host: "node1", Line: evil},
		event.HostProgress{Time: now, TaskID: 1, Host: "node1", What: evil, Done: 1, Total: 2},
		event.Retrying{Time: now, TaskID: 1, Host: "node1", Attempt: 1, Of: 2, Msg: evil},
	}
	for _, status := range []event.Status{
		event.OK, event.Changed, event.Failed, event.Unreachable, event.Ignored, event.Rescued, event.Skipped,
	} {
		events = append(events,
			event.HostDone{Time: now, TaskID: 1, Host: "node1", Status: status, InLoop: true, Item: evil, Msg: evil, Hint: evil, Unknown: evil},
			event.HostDone{Time: now, TaskID: 1, Host: "node1", Status: status, Msg: evil, Hint: evil, Warnings: []string{evil},
				Values: ordered.Of("stderr", evil, "stdout", evil, evil, evil, "list", []any{evil}),
				Diff:   []tasks.Diff{{Before: evil, After: evil + "more", BeforeHeader: evil, AfterHeader: evil}, {Hidden: true, BeforeHeader: evil}}},
			event.HostDone{Time: now, TaskID: 7, Host: "node1", Status: status, Msg: evil},
		)
	}
	events = append(events, event.RunEnded{Time: now, Hosts: map[string]event.Recap{"node1": {Failed: 1}}, Aborted: true,
		Pending: map[string]string{"node1": evil}})
	show := func(name string, verbose int, listener func(*terminal) event.Listener) {
		t.Run(fmt.Sprint(name, verbose), func(t *testing.T) {
			var out, errs bytes.Buffer
			term := &terminal{out: &legible{w: &out}, err: &legible{w: &errs}, tty: name == "live", wide: func() int { return 80 }}
			l := listener(term)
			for _, e := range events {
				l.Event(e)
			}
			report(term, fmt.Errorf("%s", evil))
			report(term, playbooks.Errors{})
			for _, text := range []string{out.String(), errs.String()} {
				if err := harmless(text); err != nil {
					t.Error(err)
				}
			}
			if !strings.Contains(out.String(), `\x1b]52`) && !strings.Contains(out.String(), `\u001b]52`) {
				t.Errorf("it is not shown at all:\n%s", out.String())
			}
			recaps := 0
			for line := range strings.Lines(strings.NewReplacer("\x1b[1m", "", "\x1b[31m", "", "\x1b[0m", "").Replace(out.String() +
				errs.String())) {
				if strings.HasPrefix(line, "RECAP") || strings.HasPrefix(line, "node1 ") && !strings.HasPrefix(line, "node1 (") {
					recaps++
				}
				if name == "json" && json.Valid([]byte(line)) != (line[0] == '{') {
					t.Errorf("no JSON: %s", line)
				}
			}
			if want := map[string]int{"live": 2, "plain": 2, "ping": 3}[name]; recaps != want {
				t.Errorf("%d lines that look like a recap's, want %d:\n%s", recaps, want, out.String())
			}
		})
	}
	for _, verbose := range []int{0, 1, 3} {
		show("live", verbose, func(term *terminal) event.Listener { return newLive(newNarrator(term, true, verbose)) })
		show("plain", verbose, func(term *terminal) event.Listener { return newPlain(newNarrator(term, true, verbose)) })
		show("ping", verbose, func(term *terminal) event.Listener {
			return &pingListener{narrator: newNarrator(term, true, verbose)}
		})
	}
	show("json", 0, func(term *terminal) event.Listener { return event.NewJSON(term.out) })
}
