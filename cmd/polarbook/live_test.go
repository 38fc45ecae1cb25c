package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

// Who did it is said on a terminal too, not only whose task it was.
func TestLiveDelegated(t *testing.T) {
	var out bytes.Buffer
	l := newLive(newNarrator(&terminal{out: &out, tty: true}, false, 0))
	now := time.Now()
	for _, e := range []event.Event{
		event.RunStarted{Time: now},
		event.TaskStarted{Time: now, ID: 1, Name: "There", Hosts: []string{"a", "b"}},
		event.HostDone{Time: now, TaskID: 1, Host: "a", Delegated: "c", Status: event.Changed},
		event.HostDone{Time: now, TaskID: 1, Host: "b", Delegated: "b", Status: event.Changed},
		event.RunEnded{Time: now},
	} {
		l.Event(e)
	}
	if got := out.String(); !strings.Contains(got, "changed") || !strings.Contains(got, "a->c b\n") {
		t.Errorf("got %q, want it to say a->c b", got)
	}
}
