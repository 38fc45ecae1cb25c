package locking

import (
	"strings"
	"testing"
)

func TestOneOperatorAtATime(t *testing.T) {
	p := newPlace(t)

	t.Run("the second is told of the first and changes nothing", func(t *testing.T) {
		first := p.start(t, "run", "hold.yml")
		first.says(t, "TASK")
		for _, who := range [][]string{{"run", "touch.yml"}, {"dba", "run", "touch.yml"}} {
			text := p.start(t, who...).wants(t, 5)
			for _, want := range []string{"node1 and node2 are locked by", "@", "hold.yml", "since", "(run ", "--lock-wait", "polarbook unlock"} {
				if !strings.Contains(text, want) {
					t.Errorf("%v: %q is not in\n%s", who, want, text)
				}
			}
			if strings.Contains(text, "TASK") {
				t.Errorf("%v: tasks were begun:\n%s", who, text)
			}
		}
		if out := p.on(t, "node1", "ls /root/touched 2>/dev/null || true"); out != "" {
			t.Errorf("the second has changed something: %s", out)
		}
	})

	t.Run("who only looks does not wait", func(t *testing.T) {
		first := p.start(t, "run", "hold.yml")
		first.says(t, "TASK")
		p.start(t, "ping").wants(t, 0)
		p.start(t, "run", "touch.yml", "--check").wants(t, 0)
		for _, reader := range [][]string{{"status"}, {"run", "status.yml"}, {"run", "check.yml"}} {
			o := p.start(t, reader...)
			<-o.ended // there is no cluster, so it ends with an error
			if o.code == 5 || strings.Contains(o.output.String(), "locked by") {
				t.Errorf("%v: %d\n%s", reader, o.code, o.output.String())
			}
		}
		select {
		case <-first.ended:
			t.Errorf("the first did not go on:\n%s", first.output.String())
		default:
		}
	})

	t.Run("a killed one leaves no lock, and who waits goes on", func(t *testing.T) {
		first := p.start(t, "dba", "run", "hold.yml")
		first.says(t, "TASK")
		second := p.start(t, "run", "touch.yml", "--lock-wait", "50")
		second.says(t, "waiting for its lock")
		if err := first.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		second.wants(t, 0)
	})

	t.Run("the wait has an end", func(t *testing.T) {
		first := p.start(t, "run", "hold.yml")
		first.says(t, "TASK")
		p.start(t, "run", "touch.yml", "--lock-wait", "2").wants(t, 5)
	})

	t.Run("of two that begin at once one works", func(t *testing.T) {
		one, two := p.start(t, "run", "short.yml"), p.start(t, "run", "short.yml")
		<-one.ended
		<-two.ended
		if one.code+two.code != 5 || one.code*two.code != 0 {
			t.Errorf("they ended with %d and %d:\n%s\n%s", one.code, two.code, one.output.String(), two.output.String())
		}
	})

	t.Run("a lock can be looked at and cleared", func(t *testing.T) {
		if text := p.start(t, "unlock").wants(t, 0); !strings.Contains(text, "No host is locked") {
			t.Error(text)
		}
		first := p.start(t, "run", "hold.yml")
		first.says(t, "TASK")
		text := p.start(t, "dba", "unlock", "--yes").wants(t, 5)
		for _, want := range []string{"node1", "node2", "hold.yml", "at work", "--force"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		if text := p.start(t, "unlock", "--force").wants(t, 6); !strings.Contains(text, "nothing was cleared") {
			t.Error(text)
		}
		// As if its laptop had not been heard of for an hour.
		for _, host := range []string{"node1", "node2"} {
			p.on(t, host, "touch -d '1 hour ago' /run/polarbook/lock.beat")
		}
		if text := p.start(t, "unlock", "node1", "--yes").wants(t, 0); !strings.Contains(text, "node1: cleared") {
			t.Error(text)
		}
		if text := first.wants(t, 5); !strings.Contains(text, "the lock on node1 was cleared or lost") {
			t.Error(text)
		}
		p.start(t, "run", "touch.yml").wants(t, 0)
	})

	t.Run("what a laptop's own dead run holds does not keep it out", func(t *testing.T) {
		first := p.start(t, "run", "hold.yml")
		first.says(t, "TASK")
		node1 := p.lab.Host("node1")
		if err := node1.Unplug(); err != nil { // so that the host is not told
			t.Fatal(err)
		}
		_ = first.cmd.Process.Kill()
		<-first.ended
		if err := node1.Plug(); err != nil {
			t.Fatal(err)
		}
		p.start(t, "run", "touch.yml").wants(t, 0)
	})

	t.Run("a lock that went with its connection is taken again", func(t *testing.T) {
		p.write(t, "cut.yml", `
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
		first := p.start(t, "run", "cut.yml")
		first.says(t, "changed node1 (1)")
		if p.on(t, "node1", "cat /root/holder") == p.on(t, "node1", "sed -n s/^pid=//p /run/polarbook/lock") {
			t.Error("the connection was not cut")
		}
		p.start(t, "run", "touch.yml").wants(t, 5)
	})
}

func TestWhatIsOwedAndWhatIsAsked(t *testing.T) {
	p := newPlace(t)

	t.Run("a handler owed by a killed run is run by the next", func(t *testing.T) {
		p.write(t, "owe.yml", `
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
		first := p.start(t, "dba", "run", "owe.yml", "-e", `{"linger": true}`)
		first.says(t, "TASK  Linger")
		if err := first.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-first.ended
		second := p.start(t, "dba", "run", "owe.yml", "--lock-wait", "30").wants(t, 0)
		if !strings.Contains(second, "an earlier run was interrupted") {
			t.Error(second)
		}
		p.start(t, "dba", "run", "owe.yml").wants(t, 0)
		for _, host := range []string{"node1", "node2"} {
			if out := p.on(t, host, "cat /root/restarts; ls /var/lib/polarbook/owed"); strings.TrimSpace(out) != "restarted" {
				t.Errorf("%s: %q", host, out)
			}
		}
	})

	t.Run("nothing is destroyed before somebody said yes", func(t *testing.T) {
		p.write(t, "confirm.yml", `
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
		gone := func() bool { return p.on(t, "node1", "ls /root/destroyed 2>/dev/null || true") != "" }
		text := p.start(t, "run", "confirm.yml").wants(t, 6)
		for _, want := range []string{"no terminal", "cluster shop, hosts node1, node2: its data is removed"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		p.start(t, "run", "confirm.yml", "--yes", "-e", `{"always": true}`).wants(t, 6)
		if text := p.start(t, "run", "confirm.yml", "--yes", "-e", "confirm=shoe").wants(t, 2); !strings.Contains(text, `"shoe" was given`) {
			t.Error(text)
		}
		p.start(t, "run", "confirm.yml", "--check").wants(t, 0)
		if gone() {
			t.Fatal("destroyed without a yes")
		}
		p.start(t, "run", "confirm.yml", "-e", "confirm=shop").wants(t, 0)
		if !gone() {
			t.Fatal("given, and not done")
		}
		p.on(t, "node1", "rm /root/destroyed")
		p.start(t, "run", "confirm.yml", "--yes").wants(t, 0)
		if !gone() {
			t.Fatal("yes to all, and not done")
		}
	})
}
