package locking

import (
	"strings"
	"testing"
)

func TestOneOperatorAtATime(t *testing.T) {
	s := newPlace(t)

	s.Case(t, "the second is told of the first and changes nothing", func(t *testing.T) {
		begin(s, "run", "hold.yml")
		for _, who := range [][]string{{"run", "touch.yml"}, {"dba", "run", "touch.yml"}} {
			o := ends(s, 5, who...).Says("node1 and node2 are locked by", "@", "hold.yml", "since", "(run ", "--lock-wait", "polarbook unlock")
			if strings.Contains(o.Printed(), "TASK") {
				t.Errorf("%v: tasks were begun:\n%s", who, o.Printed())
			}
		}
		if out := s.On("node1", "ls /root/touched 2>/dev/null || true"); out != "" {
			t.Errorf("the second has changed something: %s", out)
		}
	})

	s.Case(t, "who only looks does not wait", func(t *testing.T) {
		first := begin(s, "run", "hold.yml")
		ends(s, 0, "ping")
		ends(s, 0, "run", "touch.yml", "--check")
		for _, reader := range [][]string{{"status"}, {"run", "status.yml"}, {"run", "check.yml"}} {
			o := start(s, reader...).Wait() // there is no cluster, so it ends with an error
			if o.Code == 5 || strings.Contains(o.Printed(), "locked by") {
				t.Errorf("%v: %d\n%s", reader, o.Code, o.Printed())
			}
		}
		select {
		case <-first.Done():
			t.Errorf("the first did not go on:\n%s", first.Printed())
		default:
		}
	})

	s.Case(t, "a killed one leaves no lock, and who waits goes on", func(t *testing.T) {
		first := begin(s, "dba", "run", "hold.yml")
		second := start(s, "run", "touch.yml", "--lock-wait", "50")
		second.Await("waiting for its lock")
		first.Kill()
		second.Wait().Exits(0)
	})

	s.Case(t, "the wait has an end", func(t *testing.T) {
		begin(s, "run", "hold.yml")
		ends(s, 5, "run", "touch.yml", "--lock-wait", "2")
	})

	s.Case(t, "of two that begin at once one works", func(t *testing.T) {
		first, second := start(s, "run", "short.yml"), start(s, "run", "short.yml")
		one, two := first.Wait(), second.Wait()
		if one.Code+two.Code != 5 || one.Code*two.Code != 0 {
			t.Errorf("they ended with %d and %d:\n%s\n%s", one.Code, two.Code, one.Printed(), two.Printed())
		}
	})

	s.Case(t, "a lock can be looked at and cleared", func(t *testing.T) {
		ends(s, 0, "unlock").Says("No host is locked")
		first := begin(s, "run", "hold.yml")
		ends(s, 5, "dba", "unlock", "--yes").Says("node1", "node2", "hold.yml", "at work", "--force")
		ends(s, 6, "unlock", "--force").Says("nothing was cleared")
		// As if its control node had not been heard of for an hour.
		for _, host := range []string{"node1", "node2"} {
			s.On(host, "touch -d '1 hour ago' /run/polarbook/lock.beat")
		}
		ends(s, 0, "unlock", "node1", "--yes").Says("node1: cleared")
		first.Wait().Exits(5).Says("the lock on node1 was cleared or lost")
		ends(s, 0, "run", "touch.yml")
	})

	s.Case(t, "what a control node's own dead run holds does not keep it out", func(t *testing.T) {
		first := begin(s, "run", "hold.yml")
		node1 := s.Lab.Host("node1")
		if err := node1.Unplug(); err != nil { // so that the host is not told
			t.Fatal(err)
		}
		first.Kill()
		first.Wait()
		if err := node1.Plug(); err != nil {
			t.Fatal(err)
		}
		ends(s, 0, "run", "touch.yml")
	})

	s.Case(t, "a lock that went with its connection is taken again", func(t *testing.T) {
		s.File("cut.yml", `
- name: Cut
  hosts: all
  gather_facts: false
  tasks:
    - shell: |
        sed -n s/^pid=//p /run/polarbook/lock >/root/holder
        (sleep 1; kill -9 "$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$(cat /root/holder)/status")") >/dev/null 2>&1 &
    - pause: {seconds: 3}
    - command: "true"
      ignore_unreachable: true
    - name: Go on
      command: sleep 0.3
      loop: "{{ range(200) }}"
`)
		first := start(s, "run", "cut.yml")
		first.Await("changed node1 (1)")
		if s.On("node1", "cat /root/holder") == s.On("node1", "sed -n s/^pid=//p /run/polarbook/lock") {
			t.Error("the connection was not cut")
		}
		ends(s, 5, "run", "touch.yml")
	})
}

func TestWhatIsOwedAndWhatIsAsked(t *testing.T) {
	s := newPlace(t)

	s.Case(t, "a handler owed by a killed run is run by the next", func(t *testing.T) {
		s.File("owe.yml", `
- name: Owe
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - copy: {content: "x = 1\n", dest: /etc/owe.conf}
      notify: Restart
    - name: Linger
      command: sleep 40
      when: linger | default(false)
  handlers:
    - name: Restart
      shell: echo restarted >>/root/restarts
`)
		first := start(s, "dba", "run", "owe.yml", "-e", `{"linger": true}`)
		first.Await("TASK  Linger")
		first.Kill()
		first.Wait()
		ends(s, 0, "dba", "run", "owe.yml", "--lock-wait", "30").Says("an earlier run was interrupted")
		ends(s, 0, "dba", "run", "owe.yml")
		for _, host := range []string{"node1", "node2"} {
			if out := s.On(host, "cat /root/restarts; ls /var/lib/polarbook/owed"); strings.TrimSpace(out) != "restarted" {
				t.Errorf("%s: %q", host, out)
			}
		}
	})

	s.Case(t, "nothing is destroyed before somebody said yes", func(t *testing.T) {
		s.File("confirm.yml", `
- name: Confirm
  hosts: all
  gather_facts: false
  tasks:
    - polardb_confirm:
        msg: its data is removed
        cluster: shop
        hosts: "{{ ansible_play_hosts }}"
        word: shop
        given: "{{ confirm | default('') }}"
        always: "{{ always | default(false) }}"
      run_once: true
    - command: touch /root/destroyed
`)
		gone := func() bool { return s.On("node1", "ls /root/destroyed 2>/dev/null || true") != "" }
		ends(s, 6, "run", "confirm.yml").Says("no terminal", "cluster shop, hosts node1, node2: its data is removed")
		ends(s, 6, "run", "confirm.yml", "--yes", "-e", `{"always": true}`)
		ends(s, 2, "run", "confirm.yml", "--yes", "-e", "confirm=shoe").Says(`"shoe" was given`)
		ends(s, 0, "run", "confirm.yml", "--check")
		if gone() {
			t.Fatal("destroyed without a yes")
		}
		ends(s, 0, "run", "confirm.yml", "-e", "confirm=shop")
		if !gone() {
			t.Fatal("given, and not done")
		}
		s.On("node1", "rm /root/destroyed")
		ends(s, 0, "run", "confirm.yml", "--yes")
		if !gone() {
			t.Fatal("yes to all, and not done")
		}
	})
}
