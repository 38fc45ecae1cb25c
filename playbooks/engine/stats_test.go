package engine

import (
	"encoding/json"
	"testing"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

// atTheEnd is how a run ended.
type atTheEnd struct{ event.RunEnded }

func (a *atTheEnd) Event(e event.Event) {
	if e, ok := e.(event.RunEnded); ok {
		a.RunEnded = e
	}
}

// TestStats: what comes of them is what Ansible prints with show_custom_stats.
func TestStats(t *testing.T) {
	b := newBench(t, "a", "b")
	var ended atTheEnd
	b.o.Listeners = append(b.o.Listeners, &ended)
	_, err := b.run(`
- hosts: a,b
  gather_facts: false
  strategy: linear
  tasks:
    - set_stats: {data: {n: 1, l: [x], d: {x: 1}, t: ab, f: 0.5}}
      register: r
    - echo: "{{ r.ansible_stats }}"
      run_once: true
    - set_stats: {data: {n: 2, l: [b]}, per_host: true}
    - set_stats: {data: {n: "{{ item }}"}, per_host: true}
      loop: [3, 4]
      when: inventory_hostname == 'a'
    - set_stats: {data: {n: word, d: {y: 2}}, aggregate: true}
      run_once: true
    - set_stats: {data: {t: other, db_password: hunter2}, aggregate: false}
      run_once: true
    - set_stats: {data: {1x: 2}}
      ignore_errors: true
    - set_stats: {data: "{{ 'x' }}"}
      ignore_errors: true
    - set_stats: {data: {lost: 1}}
      when: false
`)
	b.wantKind(err, 0)
	got, err := json.Marshal(ended.Stats)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":{"n":9,"l":["b"]},"b":{"n":2,"l":["b"]},"RUN":{"n":2,"l":["x","x"],"d":{"x":1,"y":2},"t":"other","f":1,"db_password":"` +
		`********"}}`
	if string(got) != want {
		t.Errorf("collected\n%s\nwant\n%s", got, want)
	}
	b = newBench(t, "a")
	b.o.Listeners = append(b.o.Listeners, &ended)
	_, err = b.run("- hosts: a\n  gather_facts: false\n  tasks:\n    - echo: x\n")
	b.wantKind(err, 0)
	if ended.Stats != nil {
		t.Errorf("collected %v", ended.Stats)
	}
}
