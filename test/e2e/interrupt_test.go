package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
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

// TestInterrupt sends SIGINT, as Ctrl-C does.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "e2e", Specs: site.Hosts("node1", "node2", "node3")})
	s.File("slow.yml", slowPlaybook)
	files := func(name string) string { return s.On(name, "cd /tmp; ls begun finished next 2>/dev/null; true") }

	s.Subtest(t, "once finishes the step", func(t *testing.T) {
		o := interrupt(s, "slow.yml", "3", 1).Exits(6)
		for _, n := range s.Names() {
			if got := files(n); got != "begun\nfinished\n" {
				t.Errorf("on %s there is %q, want the step in hand finished and the next one not begun", n, got)
			}
			if pending(o)[n] != "The step after" {
				t.Errorf("pending on %s is %q", n, pending(o)[n])
			}
			s.On(n, "rm -f /tmp/begun /tmp/finished")
		}
	})
	s.Subtest(t, "twice stops at once", func(t *testing.T) {
		o := interrupt(s, "slow.yml", "3600", 2).Exits(6)
		for _, n := range s.Names() {
			if pending(o)[n] != "A step in hand" {
				t.Errorf("pending on %s is %q", n, pending(o)[n])
			}
			s.Eventually("the step is dead on "+n, func() error {
				if left := s.On(n, "pgrep -f '^sleep 3600' || true"); left != "" {
					return fmt.Errorf("there is process %s", left)
				}
				return nil
			})
			if got := files(n); got != "begun\n" {
				t.Errorf("on %s there is %q", n, got)
			}
		}
	})
	s.Subtest(t, "a new cluster, interrupted", func(t *testing.T) {
		// The first copy is complete, and contains the leader's consensus meta.
		task, copied := "", ""
		r := s.Start(func(r *site.Running, e site.Event) {
			switch {
			case e.Type == "task_started":
				task = e.Name
			case e.Type == "host_started" && strings.Contains(task, "Copy the leader") && e.Host != s.Names()[0] && copied == "":
				copied = e.Host
				r.Signal(syscall.SIGINT)
			}
		}, "run", "new-cluster.yml", "--output", "json")
		o := r.Wait().Exits(6)
		for _, n := range s.Names() {
			if pending(o)[n] == "" {
				t.Errorf("nothing is said of what is pending on %s:\n%s", n, o.Story())
			}
		}
		if got := s.On(copied, "sed -n 's/^step=//p' "+s.Marker(copied)); strings.TrimSpace(got) != "data" {
			t.Errorf("%s was interrupted after the step %q", copied, got)
		}
		s.Run(0, "new-cluster.yml")
		s.Whole()
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
		tidy(s)
	})
}

// interrupt runs a playbook and interrupts it that many times once every host has begun the first task.
func interrupt(s *site.Site, playbook, seconds string, times int) *site.Outcome {
	s.T.Helper()
	begun, all, names := 0, make(chan struct{}), s.Names()
	r := s.Start(func(_ *site.Running, e site.Event) {
		if e.Type == "host_started" {
			if begun++; begun == len(names) {
				close(all)
			}
		}
	}, "run", playbook, "--output", "json", "-e", "seconds="+seconds)
	select {
	case <-all:
	case <-r.Done():
		s.T.Fatal(r.Wait().Story())
	}
	// The script has begun when its first file is there.
	for _, n := range names {
		s.Eventually("the step has begun on "+n, func() error {
			_, err := s.Lab.Host(n).Exec(context.Background(), "ls /tmp/begun")
			return err
		})
	}
	for range times {
		r.Signal(syscall.SIGINT)
		time.Sleep(200 * time.Millisecond) // two signals at once are one
	}
	return r.Wait()
}

// pending returns, by host, what the run said is left to do.
func pending(o *site.Outcome) map[string]string {
	o.T.Helper()
	for _, e := range o.Events {
		if e.Type == "run_ended" {
			if !e.Aborted {
				o.T.Error("the run does not say that it was aborted")
			}
			return e.Pending
		}
	}
	o.T.Errorf("the run did not say how it ended\n%s", o.Story())
	return nil
}
