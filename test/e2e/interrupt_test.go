package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

const slowPlaybook = `
- hosts: polardb
  gather_facts: false
  tasks:
    - name: A step in hand
      shell: "echo begun >/tmp/begun; sleep {{ seconds }}; echo finished >/tmp/finished"
    - name: The step after
      shell: echo next >/tmp/next
`

// TestInterrupt sends what Ctrl-C sends.
func TestInterrupt(t *testing.T) {
	s := newSite(t, "root", bookworm("node1", "node2", "node3"), nil)
	s.file("slow.yml", slowPlaybook)
	files := func(name string) string { return s.on(name, "cd /tmp; ls begun finished next 2>/dev/null; true") }

	s.subtest(t, "once finishes the step", func(t *testing.T) {
		o := s.interrupt("slow.yml", "3", 1).exit(6)
		for _, n := range s.names() {
			if got := files(n); got != "begun\nfinished\n" {
				t.Errorf("on %s there is %q, want the step in hand finished and the next one not begun", n, got)
			}
			if o.pending()[n] != "The step after" {
				t.Errorf("pending on %s is %q", n, o.pending()[n])
			}
			s.on(n, "rm -f /tmp/begun /tmp/finished")
		}
	})
	s.subtest(t, "twice stops at once", func(t *testing.T) {
		o := s.interrupt("slow.yml", "3600", 2).exit(6)
		for _, n := range s.names() {
			if o.pending()[n] != "A step in hand" {
				t.Errorf("pending on %s is %q", n, o.pending()[n])
			}
			s.eventually("the step is dead on "+n, func() error {
				if left := s.on(n, "pgrep -f '^sleep 3600' || true"); left != "" {
					return fmt.Errorf("there is process %s", left)
				}
				return nil
			})
			if got := files(n); got != "begun\n" {
				t.Errorf("on %s there is %q", n, got)
			}
		}
	})
	s.subtest(t, "a new cluster, interrupted", func(t *testing.T) {
		r := s.start(func(r *running, e event) {
			if e.Type == "task_started" && strings.Contains(e.Name, "A copy of the leader") {
				_ = r.command.Process.Signal(syscall.SIGINT)
			}
		}, "run", "new-cluster.yml", "--output", "json")
		o := r.wait().exit(6)
		for _, n := range s.names() {
			if o.pending()[n] == "" {
				t.Errorf("nothing is said of what is pending on %s:\n%s", n, o.story())
			}
		}
		s.run(0, "new-cluster.yml")
		s.whole()
		s.run(0, "new-cluster.yml").unchanged(s.names()...)
		s.tidy()
	})
}

// interrupt runs a playbook and interrupts it as many times once every host has begun the first task.
func (s *site) interrupt(playbook, seconds string, times int) *outcome {
	s.t.Helper()
	begun, all := 0, make(chan struct{})
	r := s.start(func(_ *running, e event) {
		if e.Type == "host_started" {
			if begun++; begun == len(s.members) {
				close(all)
			}
		}
	}, "run", playbook, "--output", "json", "-e", "seconds="+seconds)
	select {
	case <-all:
	case <-r.read:
		s.t.Fatal(r.wait().story())
	}
	// The script has begun when its first file is there.
	for _, n := range s.names() {
		s.eventually("the step has begun on "+n, func() error {
			_, err := s.lab.Host(n).Exec(context.Background(), "ls /tmp/begun")
			return err
		})
	}
	for range times {
		_ = r.command.Process.Signal(syscall.SIGINT)
		time.Sleep(200 * time.Millisecond) // two signals at once are one
	}
	return r.wait()
}

// pending is what the run said is left, by host.
func (o *outcome) pending() map[string]string {
	o.t.Helper()
	for _, e := range o.events {
		if e.Type == "run_ended" {
			if !e.Aborted {
				o.t.Error("the run does not say that it was aborted")
			}
			return e.Pending
		}
	}
	o.t.Errorf("the run did not say how it ended\n%s", o.story())
	return nil
}
