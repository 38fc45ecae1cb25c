package main

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/remote"
)

type unlockCmd struct {
	Pattern string `arg:"" optional:"" complete:"hosts" default:"all" help:"Look at these hosts (a host pattern)."`
	hostOptions
	Yes   bool `short:"y" help:"Do not ask before clearing what a dead connection left."`
	Force bool `help:"Clear the locks of runs that are at work too, which stops them."`
}

// deadAfter is for how long a host has heard nothing of a control node that is taken for dead: three heartbeats.
const deadAfter = 45 * time.Second

func (c *unlockCmd) Run(t *terminal, run runContext) error {
	w, err := c.prepare(t)
	if err != nil {
		return err
	}
	p, err := w.loadInternal("unlock.yml")
	if err != nil {
		return err
	}
	o, err := w.engineOptions(run)
	if err != nil {
		return err
	}
	o.Playbooks = []*playbooks.Playbook{p}
	ask := func(pattern, script string) (map[string]string, error) {
		l := &unlockListener{t: t, said: map[string]string{}}
		o.ExtraVars = maps.Clone(w.vars)
		maps.Copy(o.ExtraVars, map[string]any{
			"polarbook_pattern": pattern, "polarbook_script": script, "ansible_become": true, "ansible_become_user": "root",
		})
		o.Listeners = []event.Listener{l}
		_, err := engine.Run(run, o)
		return l.said, err
	}
	said, unreached := ask(c.Pattern, remote.HolderScript(""))
	holders := map[string]remote.Holder{}
	for host, text := range said {
		if h, held := remote.ParseHolder(text); held {
			holders[host] = h
		}
	}
	if len(holders) == 0 {
		if unreached == nil {
			fmt.Fprintln(t.out, "No host is locked.")
		}
		return unreached
	}
	abandoned, left := c.show(t, holders)
	if len(abandoned) == 0 {
		return &exit{code: exitLocked, err: fmt.Errorf("%s at work; --force clears the lock all the same and stops it", strings.Join(left, ", "))}
	}
	if !c.Yes {
		if !t.asks() {
			return &exit{code: exitAborted, err: errors.New("nothing was cleared: no terminal to prompt on; use --yes")}
		}
		answer, err := t.ask(run, "Clear the locks of "+strings.Join(sortedKeys(abandoned), ", ")+"? Type yes: ")
		if err != nil {
			return err
		}
		if answer != "yes" {
			return &exit{code: exitAborted, err: errors.New("nothing was cleared")}
		}
	}
	runs := map[string][]string{}
	for _, host := range sortedKeys(abandoned) {
		runs[abandoned[host].Run] = append(runs[abandoned[host].Run], host)
	}
	for _, id := range sortedKeys(runs) {
		rest, err := ask(strings.Join(runs[id], ","), remote.ReleaseScript("", id))
		if err != nil {
			return err
		}
		for _, host := range runs[id] {
			if _, what, waits := strings.Cut(rest[host], "waits="); waits {
				fmt.Fprintf(t.out, "%s: cleared; what must not be cut goes on there, and the next run waits for: %s of run %s\n",
					host, oneLine(what), oneLine(id))
				continue
			}
			fmt.Fprintf(t.out, "%s: cleared\n", host)
		}
	}
	if len(left) > 0 {
		return &exit{code: exitLocked, err: fmt.Errorf("%s at work and left alone", strings.Join(left, ", "))}
	}
	return unreached
}

// show prints all holders and parts those whose locks may be cleared from those who are at work.
func (c *unlockCmd) show(t *terminal, holders map[string]remote.Holder) (abandoned map[string]remote.Holder, left []string) {
	abandoned = map[string]remote.Holder{}
	rows := [][]string{{"HOST", "LOCKED BY", "PLAYBOOK", "RUN", "SINCE", "CONTROL NODE"}}
	for _, host := range sortedKeys(holders) {
		h := holders[host]
		state := "at work"
		dead := h.Silent >= deadAfter
		if dead {
			state = "not heard of for " + took(h.Silent)
		}
		if h.Ending {
			dead, state = true, "gone; the host is ending what it left"
			if h.Waits != "" {
				state = "gone; waits for: " + oneLine(h.Waits)
			}
		}
		since := h.Since.Local().Format("2006-01-02 15:04:05")
		rows = append(rows, []string{host, oneLine(h.User), oneLine(h.Playbook), oneLine(h.Run), since, state})
		if dead || c.Force {
			abandoned[host] = h
		} else {
			left = append(left, host+": "+oneLine(h.User)+" is")
		}
	}
	fmt.Fprintln(t.out, table(rows))
	return abandoned, left
}

// unlockListener keeps what the script said on each host.
type unlockListener struct {
	t    *terminal
	said map[string]string
}

func (l *unlockListener) Event(e event.Event) {
	d, ok := e.(event.HostDone)
	if !ok {
		return
	}
	switch d.Status {
	case event.Failed, event.Unreachable:
		fmt.Fprintf(l.t.err, "%s: %s\n", d.Host, indentAfter(d.Msg, "    "))
	default:
		l.said[d.Host] = text(d.Values.Value("stdout"))
	}
}
