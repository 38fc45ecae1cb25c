package event

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

type odd struct {
	Name  string
	inner int //nolint:unused // the masker must pass over what it may not read
}

func TestMaskingReachesEverything(t *testing.T) {
	m := &Emitter{mask: func(s string) string { return strings.ReplaceAll(s, "x", "#") }}
	in := ordered.Sorted(map[string]any{
		"x": "ax", "list": []any{"x", map[string]any{"k": "x"}}, "strings": []string{"x"}, "bytes": []byte("x"),
		"struct": odd{Name: "x"}, "map": map[string]string{"a": "x"}, "n": 1, "nil": nil, "b": true, "f": 1.5, "error": fmt.Errorf("x"),
	})
	got := fmt.Sprint(m.values(in))
	if strings.ContainsAny(strings.ReplaceAll(got, "map[", ""), "x") {
		t.Errorf("something is not masked: %s", got)
	}
	if in.Value("x") != "ax" {
		t.Error("masking has changed the value itself")
	}
	d := m.masked(HostDone{Diff: []tasks.Diff{{Before: "x", After: "secret", Hidden: true}, {After: "ax"}}}).(HostDone)
	if d.Diff[0].After != "" || d.Diff[1].After != "a#" {
		t.Errorf("differences: %+v", d.Diff)
	}
}

// TestEveryEventHasJSON fails when an event is added without its encoding.
func TestEveryEventHasJSON(t *testing.T) {
	for _, e := range []Event{
		RunStarted{}, PlayStarted{}, HostConnected{}, TaskStarted{}, HostStarted{}, HostProgress{}, HostSaid{},
		HostDone{}, Retrying{}, RunEnded{},
	} {
		line, err := Encode(e)
		if err != nil || !bytes.Contains(line, []byte(`"type":"`)) || bytes.Contains(line, []byte("\n")) {
			t.Errorf("%T: %s %v", e, line, err)
		}
	}
}

// JSON has no such numbers, and a line that cannot be written would end the journal.
func TestNumbersThatJSONHasNot(t *testing.T) {
	m := &Emitter{mask: func(s string) string { return s }}
	done := m.masked(HostDone{Values: ordered.Of("msg", []any{math.NaN(), math.Inf(1), math.Inf(-1), 1.5})})
	line, err := Encode(done)
	if want := `["NaN","Infinity","-Infinity",1.5]`; err != nil || !strings.Contains(string(line), want) {
		t.Errorf("got %s, %v, want %s", line, err, want)
	}
}
