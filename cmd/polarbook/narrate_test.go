package main

import (
	"testing"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

func TestWhatFailed(t *testing.T) {
	for _, c := range []struct {
		done event.HostDone
		want string
	}{
		{event.HostDone{Host: "node3", Status: event.Unreachable, Msg: "node3: unreachable: verify its host key: no"}, "node3: unreachable: verify its host key: no"},
		{event.HostDone{Host: "node3", Status: event.Failed, Msg: "the server is down", Hint: "start it"}, "node3: the server is down (start it)"},
	} {
		if got := whatFailed(c.done); got != c.want {
			t.Errorf("says %q, want %q", got, c.want)
		}
	}
}
