// Package locking tests that one operator at a time works on hosts: two of polarbook as it is shipped against real SSH
// hosts, one of them killed, cleared away or made to wait. It also holds what a run that was killed still owes a host,
// and that nothing is destroyed before somebody said yes.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package locking

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
)

// place is two hosts, the program, and a directory with playbooks and the inventory of root.
type place struct {
	lab              *lab.Lab
	dir, program     string
	inventory, asDBA string
}

// limit bounds whatever a test waits for.
const limit = 60 * time.Second

func newPlace(t *testing.T) *place {
	lab.Require(t)
	p := &place{dir: t.TempDir()}
	p.program = filepath.Join(p.dir, "polarbook")
	build := exec.Command("go", "build", "-o", p.program, "github.com/polarbook/polarbook/cmd/polarbook")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	p.lab = lab.New(t, lab.Options{Hosts: []lab.Spec{{Name: "node1"}, {Name: "node2"}}})
	p.inventory = p.write(t, "inventory.yml", p.hosts("root", ""))
	p.asDBA = p.write(t, "dba.yml", p.hosts("dba", "    ansible_become_password: "+p.lab.Password()+"\n"))
	p.write(t, "hold.yml", `
- name: Hold
  hosts: all
  gather_facts: false
  tasks:
    - command: sleep 0.3
      loop: "{{ range(200) }}"
`)
	p.write(t, "touch.yml", `
- name: Touch
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - command: touch /root/touched
`)
	p.write(t, "short.yml", `
- name: Short
  hosts: all
  gather_facts: false
  tasks:
    - command: sleep 4
`)
	return p
}

func (p *place) hosts(user, vars string) string {
	text := fmt.Sprintf("polardb:\n  vars:\n    ansible_user: %s\n    ansible_ssh_private_key_file: %s\n%s  hosts:\n", user, p.lab.KeyFile(), vars)
	for _, h := range p.lab.Hosts() {
		text += fmt.Sprintf("    %s: {ansible_host: %s}\n", h.Name, h.Address)
	}
	return text
}

func (p *place) write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// operator is a polarbook at work.
type operator struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	code   int
	output output
}

// output is what it has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (p *place) start(t *testing.T, args ...string) *operator {
	t.Helper()
	o := &operator{ended: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	inventory := p.inventory
	if args[0] == "dba" {
		inventory, args = p.asDBA, args[1:]
	}
	o.cmd = exec.CommandContext(ctx, p.program, append(args, "-i", inventory, "--known-hosts", p.lab.KnownHosts())...)
	o.cmd.Dir = p.dir
	o.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(p.dir, "state"), "HOME="+p.dir, "USER=anna", "SUDO_USER=")
	o.cmd.Stdout, o.cmd.Stderr = &o.output, &o.output
	if err := o.cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(o.ended)
		defer cancel()
		err := o.cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			o.code = exit.ExitCode()
		}
	}()
	t.Cleanup(func() {
		_ = o.cmd.Process.Kill()
		<-o.ended
	})
	return o
}

// says waits until it has printed something.
func (o *operator) says(t *testing.T, what string) {
	t.Helper()
	for end := time.Now().Add(limit); !strings.Contains(o.output.String(), what); time.Sleep(20 * time.Millisecond) {
		select {
		case <-o.ended:
			t.Fatalf("it ended with %d before it said %q:\n%s", o.code, what, o.output.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("it does not say %q:\n%s", what, o.output.String())
		}
	}
}

// wants waits for the end, and for its code.
func (o *operator) wants(t *testing.T, code int) string {
	t.Helper()
	<-o.ended
	if o.code != code {
		t.Fatalf("it ended with %d and not with %d:\n%s", o.code, code, o.output.String())
	}
	return o.output.String()
}

func (p *place) on(t *testing.T, host, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := p.lab.Host(host).Exec(ctx, script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
