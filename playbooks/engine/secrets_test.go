package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

// TestNoSecretShows runs tasks that let their secrets out wherever they can, and looks at everything listeners get.
func TestNoSecretShows(t *testing.T) {
	b := newBench(t)
	b.inv.AddHost("a", nil, map[string]any{"dir": b.dir, "ansible_become_password": "S3cret-become", "part": "S3cret-",
		"db_password": "{{ part }}templated"})
	dir := filepath.Join(b.dir, "journal")
	j, err := event.NewJournal(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	b.o.Listeners = append(b.o.Listeners, j, event.NewJSON(&out))
	b.o.ExtraVars = map[string]any{"api_token": "S3cret-extra"}
	_, err = b.run(`
- hosts: a
  gather_facts: false
  vars:
    replication_password: S3cret-play
    users: [{name: u, password: S3cret-nested}]
  tasks:
    - name: "named {{ replication_password }}"
      echo: {password: S3cret-arg, msg: "{{ replication_password }} {{ api_token }} {{ users }} S3cret-arg"}
    - shell: echo {{ db_password }} S3cret-become; exit 1
      ignore_errors: true
    - content: {path: "{{ dir }}/f", text: "password={{ db_password }}"}
      diff: true
    - echo: "{{ item }}"
      loop: ["{{ db_password }}"]
    - fail: {msg: "{{ db_password }}"}
      register: r
      until: false
      retries: 1
      delay: 0
      ignore_errors: true
    - echo: hidden words
      no_log: true
      loop: [unlabelled]
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"events": fmt.Sprintf("%+v", b.rec.events), "JSON": out.String(), "journal": string(written)} {
		for _, secret := range []string{
			"S3cret-become", "S3cret-templated", "S3cret-play", "S3cret-nested", "S3cret-arg", "S3cret-extra", "hidden words", "unlabelled",
		} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in the %s", secret, name)
			}
		}
	}
	if info, err := os.Stat(j.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the journal: %v, %v", info.Mode(), err)
	}
	var last map[string]any
	lines := strings.Split(strings.TrimSpace(string(written)), "\n")
	for _, line := range lines {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(last["time"])); err != nil || last["type"] == nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if last["type"] != "run_ended" {
		t.Errorf("the journal ends with %v", last)
	}
}

// A result that is registered under a secret name is one in what it brought, not in the words of its command.
func TestRegisteredSecret(t *testing.T) {
	b := newBench(t, "a")
	withCommands(t, b)
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - command: expr 100000 + 1
      register: api_token
    - echo: {msg: "expr {{ api_token.stdout }} {{ api_token.stdout_lines }}"}
`); err != nil {
		t.Fatal(err)
	}
	events := fmt.Sprintf("%+v", b.rec.events)
	if strings.Contains(events, "100001") || !strings.Contains(events, "[expr 100000 + 1]") ||
		!strings.Contains(events, "msg:expr ******** ['********']") {
		t.Errorf("%s", events)
	}
}
