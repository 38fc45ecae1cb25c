package main

import (
	"fmt"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

type pingCmd struct {
	Pattern string `arg:"" optional:"" complete:"hosts" default:"all" help:"Connect to these hosts (a host pattern)."`
	hostOptions
	Output string `short:"o" enum:"text,json" default:"text" help:"Choose the output: text or json."`
}

func (c *pingCmd) Run(t *terminal, run runContext) error {
	w, err := c.prepare(t)
	if err != nil {
		return err
	}
	w.vars["ansible_become"] = c.Become
	p, err := w.loadInternal("ping.yml")
	if err != nil {
		return err
	}
	w.vars["polarbook_pattern"] = c.Pattern
	l := &pingListener{narrator: newNarrator(t, false, 0), json: c.Output == "json", began: time.Now()}
	return w.carryOut(run, p, l)
}

type pingListener struct {
	*narrator
	json  bool
	began time.Time
}

func (l *pingListener) Event(e event.Event) {
	switch e := e.(type) {
	case event.TaskStarted:
		l.tasks[e.ID] = e
	case event.HostDone:
		if l.json {
			_ = jsonLine(l.t, map[string]any{"host": e.Host, "status": e.Status, "msg": e.Msg, "seconds": e.Time.Sub(l.began).Seconds()})
			return
		}
		if e.Status == event.OK {
			fmt.Fprintf(l.t.out, "%-20s %s in %s\n", e.Host, l.word(e.Status), took(e.Time.Sub(l.began)))
			return
		}
		fmt.Fprint(l.t.out, l.result(e))
	}
}
