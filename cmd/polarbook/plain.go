package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

// plain prints a run line by line, for logs and pipes: no colours, no cursor, nothing that is taken back.
type plain struct {
	*narrator
	progress map[string]event.HostProgress // what was last said of a host's progress
	items    map[string]bool               // tasks of which items were shown, by task and host
}

func newPlain(n *narrator) *plain {
	return &plain{narrator: n, progress: map[string]event.HostProgress{}, items: map[string]bool{}}
}

// progressEvery keeps the log of a long upload short.
const progressEvery = 10 * time.Second

func (p *plain) Event(e event.Event) {
	switch e := e.(type) {
	case event.RunStarted:
		p.check = e.Check
	case event.PlayStarted:
		p.say(e.Time, "PLAY  %s (%s)", oneLine(e.Name), strings.Join(e.Hosts, ", "))
	case event.TaskStarted:
		p.tasks[e.ID] = e
		p.say(e.Time, "TASK  %s", oneLine(e.Name))
	case event.HostProgress:
		last := p.progress[e.Host]
		if again := last.What == e.What && last.Done == e.Done; again || e.Time.Sub(last.Time) < progressEvery && e.Done != e.Total {
			return
		}
		p.progress[e.Host] = e
		p.say(e.Time, "      %s: %s %s", e.Host, oneLine(e.What), portion(e.Done, e.Total))
	case event.HostSaid:
		p.say(e.Time, "      %s: %s", e.Host, oneLine(e.Line))
	case event.Retrying:
		p.say(e.Time, "      %s: attempt %d of %d: %s", e.Host, e.Attempt, e.Of, indentAfter(e.Msg, "         "))
	case event.HostDone:
		p.done(e)
	case event.RunEnded:
		fmt.Fprint(p.t.out, p.recap(e))
	}
}

// done says how a step ended. What was skipped is said only when asked for, and a loop's own line only when its items
// have not said it all.
func (p *plain) done(e event.HostDone) {
	key := fmt.Sprint(e.TaskID, " ", e.Host)
	if e.Status == event.Skipped && p.verbose == 0 {
		return
	}
	if e.InLoop {
		p.items[key] = true
	} else if p.items[key] && len(e.Warnings) == 0 && (e.Status == event.OK || e.Status == event.Changed) {
		return
	}
	if words := p.result(e); words != "" {
		first, rest, _ := strings.Cut(words, "\n")
		p.say(e.Time, "      %s", strings.TrimRight(first, " "))
		fmt.Fprint(p.t.out, indent(rest, "         "))
		return
	}
	detail := ""
	if e.InLoop {
		detail = " (" + oneLine(e.Item) + ")"
	}
	if e.Msg != "" && (e.Status == event.Changed || p.speaks(e)) {
		detail += ": " + indentAfter(e.Msg, "         ")
	}
	p.say(e.Time, "      %s %s%s", p.word(e.Status), place(e), detail)
}

func (p *plain) say(at time.Time, format string, args ...any) {
	fmt.Fprintf(p.t.out, "%s %s\n", at.Format("15:04:05"), fmt.Sprintf(format, args...))
}

func indent(s, by string) string {
	if s == "" {
		return ""
	}
	return by + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n"+by) + "\n"
}

// portion returns how much of something is done, for people.
func portion(done, total int64) string {
	if total <= 0 {
		return bytesText(done)
	}
	return fmt.Sprintf("%d%% (%s of %s)", min(100, 100*done/total), bytesText(done), bytesText(total))
}
