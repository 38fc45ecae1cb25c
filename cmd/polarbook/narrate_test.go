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

func TestReadable(t *testing.T) {
	for value, want := range map[any]string{"a < b": "a < b", true: "true", 5: "5"} {
		if got := readable(value); got != want {
			t.Errorf("%v is %s", value, got)
		}
	}
	if got, want := readable([]any{"<f+++ a & b", map[string]any{"x": nil}}), "[\n  \"<f+++ a & b\",\n  {\n    \"x\": null\n  }\n]"; got != want {
		t.Errorf("a list is %s, not %s", got, want)
	}
}
