package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestRecoveryIsNoted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: what root alone can write is believed, so it needs root")
	}
	a := testNode(t)
	// A directory that everybody may write to lies above the tests' own.
	a.state = "/var/lib/polarbook-test"
	t.Cleanup(func() { _ = os.RemoveAll(a.state) })
	look := func(action tasks.Action) tasks.Plan {
		t.Helper()
		out, err := taskstest.Sh(t, action.Probe())
		if err != nil {
			t.Fatal(err, out)
		}
		p, err := action.Plan(probeText(out))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	do := func(args recoveryArgs, change bool) {
		t.Helper()
		args.NodeArgs = *a
		p := look(&recoveryAction{&args})
		if p.Change != change {
			t.Fatalf("%+v: change is %t", args, p.Change)
		}
		h := &taskstest.LocalHost{Words: []string{"sh"}}
		if answer, err := h.Run(t.Context(), remote.Command{Script: p.Script, Stdin: p.Stdin}); err != nil || answer.Status != 0 {
			t.Fatal(err, string(answer.Stderr))
		}
	}
	noted := func() map[string]any {
		t.Helper()
		facts, _ := look(&factsAction{&factsArgs{NodeArgs: *a}}).Values["ansible_facts"].(map[string]any)
		state, _ := facts["polardb_state"].(map[string]any)
		note, _ := state["recovery"].(map[string]any)
		return note
	}
	begun := recoveryArgs{
		State:    "begun",
		Survivor: "node2",
		Lost:     []string{"node3", "node1"},
		Weights:  map[string]any{"node1": 7, "node2": "5"},
		Ahead:    []string{"node4"},
	}
	if note := noted(); len(note) > 0 {
		t.Errorf("before: %v", note)
	}
	do(begun, true)
	do(begun, false)
	note := noted()
	weights, _ := note["weights"].(map[string]any)
	if note["survivor"] != "node2" || weights["node1"] != 7 || note["command"] != "polarbook run recover-majority.yml -e 'lost=node3,node1'" {
		t.Errorf("noted is %v", note)
	}
	if info, err := os.Stat(a.recovery()); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v: everybody may read it, and root alone write", info, err)
	}
	begun.Survivor = "node5"
	do(begun, true)
	do(recoveryArgs{State: "finished"}, true)
	do(recoveryArgs{State: "finished"}, false)
	if note := noted(); len(note) > 0 {
		t.Errorf("afterwards: %v", note)
	}
}

func TestRecoveryIsReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		`recovery={"cluster":"demo","survivor":"node2","lost":["node1"],"weights":{"node1":5},"ahead":null}`: "",
		"":                                  "",
		`recovery_fault=is no regular file`: "FILE is no regular file",
		`recovery=`:                         "does not write there",
		`recovery={"survivor":"node2"}`:     "does not write there",
		`recovery={"cluster":"d","survivor":"node2"} {}`:             "does not write there",
		`recovery={"cluster":"d","survivor":"node2","more":1}`:       "does not write there",
		`recovery={"cluster":"d","survivor":"a\u001bb"}`:             "holds a name that is not a node's",
		`recovery={"cluster":"d","survivor":"a","lost":["b\u0007"]}`: "holds a name that is not a node's",
		"recovery=" + strings.Repeat(" ", 70000):                     "is longer",
	} {
		n, err := parseRecovery([]byte(text), "FILE")
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, %v, want %q", text, n, err, want)
		}
	}
}
