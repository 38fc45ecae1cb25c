package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/remote"
)

// live shows a run on a terminal: what is done scrolls by, one line a task, and below it stands what every host is
// doing now, drawn again a few times a second.
type live struct {
	*narrator
	mu      sync.Mutex
	began   time.Time
	open    []*liveTask // in the order they began
	drawn   int         // lines standing below
	asking  bool        // the screen is somebody else's
	kept    string      // what is to be printed once it is not
	ended   chan struct{}
	stopped sync.WaitGroup
}

type liveTask struct {
	event.TaskStarted
	hosts map[string]*liveHost
	words strings.Builder
}

type liveHost struct {
	place       string // of a finished one: its name, or that and where it ran
	began       time.Time
	status      event.Status // empty: at work, or waiting for its turn
	what        string
	done, total int64
	msg         string
}

func newLive(n *narrator) *live {
	l := &live{narrator: n, began: time.Now(), ended: make(chan struct{})}
	l.stopped.Go(func() {
		tick := time.NewTicker(150 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.mu.Lock()
				select {
				case <-l.ended: // while it waited for its turn: nothing is drawn below the recap
				default:
					l.redraw("")
				}
				l.mu.Unlock()
			case <-l.ended:
				return
			}
		}
	})
	return l
}

func (l *live) Event(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e := e.(type) {
	case event.RunStarted:
		l.check = e.Check
	case event.PlayStarted:
		l.redraw(l.flush() + "\n" + l.t.bold(oneLine(e.Name)) + l.t.faint("  "+strings.Join(e.Hosts, " ")) + "\n")
	case event.TaskStarted:
		done := l.flush()
		l.tasks[e.ID] = e
		t := &liveTask{TaskStarted: e, hosts: map[string]*liveHost{}}
		for _, h := range e.Hosts {
			t.hosts[h] = &liveHost{}
		}
		l.open = append(l.open, t)
		if done != "" {
			l.redraw(done)
		}
	case event.HostStarted:
		l.host(e.TaskID, e.Host).began = e.Time
	case event.HostProgress:
		h := l.host(e.TaskID, e.Host)
		h.what, h.done, h.total = e.What, e.Done, e.Total
	case event.HostSaid:
		if e.TaskID == 0 { // not of a task: about the host itself
			l.redraw(fmt.Sprintf("  %s: %s\n", e.Host, oneLine(e.Line)))
			return
		}
		h := l.host(e.TaskID, e.Host)
		h.what, h.done, h.total = oneLine(e.Line), 0, 0
	case event.Retrying:
		h := l.host(e.TaskID, e.Host)
		h.what = fmt.Sprintf("attempt %d of %d: %s", e.Attempt, e.Of, e.Msg)
	case event.HostDone:
		l.hostDone(e)
	case event.RunEnded:
		l.redraw(l.flushAll())
		close(l.ended)
		l.clear()
		fmt.Fprint(l.t.out, l.recap(e))
	}
}

func (l *live) hostDone(e event.HostDone) {
	t := l.task(e.TaskID)
	if t == nil {
		fmt.Fprint(l.t.out, l.result(e))
		return
	}
	t.words.WriteString(indent(l.result(e), "      "))
	if e.InLoop {
		return
	}
	h := l.host(e.TaskID, e.Host)
	h.place, h.status, h.what, h.done, h.total, h.msg = place(e), e.Status, "", 0, 0, e.Msg
}

func (l *live) task(id int) *liveTask {
	for _, t := range l.open {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func (l *live) host(id int, name string) *liveHost {
	t := l.task(id)
	if t == nil {
		return &liveHost{}
	}
	if t.hosts[name] == nil {
		t.hosts[name] = &liveHost{}
		t.Hosts = append(t.Hosts, name)
	}
	return t.hosts[name]
}

// flush takes the tasks that all their hosts have finished off the open ones and returns their lines.
func (l *live) flush() string {
	var b strings.Builder
	var open []*liveTask
	for _, t := range l.open {
		if t.finished() {
			b.WriteString(l.line(t))
		} else {
			open = append(open, t)
		}
	}
	l.open = open
	return b.String()
}

func (l *live) flushAll() string {
	s := l.flush()
	for _, t := range l.open {
		s += l.line(t)
	}
	l.open = nil
	return s
}

func (t *liveTask) finished() bool {
	for _, h := range t.hosts {
		if h.status == "" {
			return false
		}
	}
	return true
}

// line is a finished task: its mark, its name, and who did what.
func (l *live) line(t *liveTask) string {
	groups := map[event.Status][]string{}
	for _, name := range t.Hosts {
		if h := t.hosts[name]; h != nil && h.status != "" {
			groups[h.status] = append(groups[h.status], h.place)
		}
	}
	if len(groups[event.Skipped]) == len(t.Hosts) && l.verbose == 0 && t.words.Len() == 0 {
		return "" // no news
	}
	var parts []string
	for _, s := range []event.Status{event.Failed, event.Unreachable, event.Changed, event.OK, event.Rescued, event.Ignored, event.Skipped} {
		switch names := groups[s]; {
		case len(names) == 0:
		case len(names) == len(t.Hosts) && len(names) > 1 && (s == event.OK || s == event.Skipped):
			parts = append(parts, l.word(s))
		default:
			parts = append(parts, l.word(s)+" "+strings.Join(names, " "))
		}
	}
	h := t.hosts[t.Hosts[0]]
	found := len(t.Hosts) == 1 && h.status == event.OK && strings.HasPrefix(t.Module, "polardb_")
	if found && h.msg != "" && !strings.Contains(h.msg, "\n") {
		parts = append(parts, l.t.faint(h.msg))
	}
	mark := l.t.green("✓")
	switch {
	case len(groups[event.Failed])+len(groups[event.Unreachable]) > 0:
		mark = l.t.red("✗")
	case len(groups[event.Changed]) > 0:
		mark = l.t.yellow("●")
	case len(groups[event.Skipped]) == len(t.Hosts):
		mark = l.t.faint("·")
	}
	return fmt.Sprintf("  %s %-44s %s\n%s", mark, oneLine(t.Name), strings.Join(parts, "  "), t.words.String())
}

// redraw replaces what stands below by text that stays and the hosts at work now.
func (l *live) redraw(stays string) {
	if l.asking {
		l.kept += stays
		return
	}
	stays, l.kept = l.kept+stays, ""
	var b strings.Builder
	l.erase(&b)
	b.WriteString(stays)
	lines := l.now()
	for _, line := range lines {
		b.WriteString(clip(line, l.t.wide()-1) + "\n")
	}
	l.drawn = len(lines)
	fmt.Fprint(l.t.out, b.String())
}

// standBack keeps the display from drawing over a question and its answer.
func (l *live) standBack(o *engine.Options) {
	aside := func() (back func()) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.redraw(l.flush())
		l.clear()
		l.asking = true
		return func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.asking = false
		}
	}
	if ask := o.Prompt; ask != nil {
		o.Prompt = func(ctx context.Context, q engine.Question) (string, error) {
			defer aside()()
			return ask(ctx, q)
		}
	}
	if ask := o.Step; ask != nil {
		o.Step = func(ctx context.Context, task string) (bool, error) {
			defer aside()()
			return ask(ctx, task)
		}
	}
	if ask := o.UnknownKeys; ask != nil {
		o.UnknownKeys = func(ctx context.Context, unknown []*remote.UnknownHostKeyError) error {
			defer aside()()
			return ask(ctx, unknown)
		}
	}
}

func (l *live) clear() {
	var b strings.Builder
	l.erase(&b)
	l.drawn = 0
	fmt.Fprint(l.t.out, b.String())
}

func (l *live) erase(b *strings.Builder) {
	if l.drawn > 0 {
		fmt.Fprintf(b, "%s[%dA%s[J", ours, l.drawn, ours)
	}
}

// maxHosts bounds the lines below, so that they never scroll.
const maxHosts = 12

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// now are the lines about the hosts at work.
func (l *live) now() []string {
	var lines []string
	turn := spinner[int(time.Since(l.began)/(150*time.Millisecond))%len(spinner)]
	for _, t := range l.open {
		lines = append(lines, fmt.Sprintf("  %s %-44s %s", turn, oneLine(t.Name), took(time.Since(t.Time))))
		shown := 0
		for _, name := range t.Hosts {
			h := t.hosts[name]
			if h == nil || (h.status == "" && h.began.IsZero()) {
				continue
			}
			if shown++; shown > maxHosts {
				continue
			}
			state := string(h.status)
			if h.status == "" {
				state = h.what
				if h.total > 0 {
					state += " " + bar(h.done, h.total) + " " + portion(h.done, h.total)
				}
			}
			lines = append(lines, fmt.Sprintf("      %-16s %s", name, state))
		}
		if shown > maxHosts {
			lines = append(lines, fmt.Sprintf("      and %d more", shown-maxHosts))
		}
	}
	return lines
}

func bar(done, total int64) string {
	const width = 24
	full := int(min(done, total) * width / total)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// clip keeps a line on one line of the screen: a wrapped one would not be erased.
func clip(s string, width int) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	s = oneLine(s)
	if utf8.RuneCountInString(s) <= width || width < 1 {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}
