package engine

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/remote"
)

func TestHostsThatCannotBeReachedAreSaidAtOnceAndLeftOut(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.dead["b"] = &remote.UnreachableError{Host: "b", Address: "b:22", Doing: "connect", Err: errors.New("refused")}
	b.dead["c"] = &remote.ChangedHostKeyError{Host: "c", Address: "c:22", Key: newKey(t)}
	report, err := b.run(`
- hosts: all
  gather_facts: false
  tasks:
    - echo: one
- hosts: all
  gather_facts: false
  tasks:
    - echo: two
`)
	b.wantKind(err, HostUnreachable)
	if fmt.Sprint(report.Unreachable) != "[b c]" {
		t.Errorf("unreachable: %v", report.Unreachable)
	}
	got := b.rec.text()
	for _, want := range []string{
		"b unreachable: b: unreachable: connect (b:22): refused", "c unreachable: the host key of c", "play all [a]\ntask echo\n  a ok: two",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "unreachable: "); strings.Count(got, "b unreachable: ") != 1 || n < 2 {
		t.Errorf("each host is to be reported once:\n%s", got)
	}
}

func TestAnUnreachableHostTakesTheOthersAlongWhereErrorsAreFatal(t *testing.T) {
	for name, keyword := range map[string]string{
		"any_errors_fatal": "any_errors_fatal: true", "max_fail_percentage": "max_fail_percentage: 30",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "a", "b", "c")
			b.dead["b"] = &remote.UnreachableError{Host: "b", Address: "b:22", Doing: "connect", Err: errors.New("refused")}
			_, err := b.run("- hosts: all\n  gather_facts: false\n  " + keyword + "\n  tasks:\n    - echo: never\n- hosts: all\n" +
				"  gather_facts: false\n  tasks:\n    - echo: never\n")
			b.wantKind(err, HostUnreachable)
			b.want(`
play all [a b c]
 b unreachable: b: unreachable: connect (b:22): refused
a ok=0 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
b ok=0 changed=0 unreachable=1 failed=0 skipped=0 rescued=0 ignored=0
c ok=0 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`)
		})
	}
}

func TestAHostThatIsLostIsUnreachable(t *testing.T) {
	b := newBench(t, "a", "b")
	_, err := b.run(`
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - shell: ": {{ 'LOSE' if inventory_hostname == 'a' else '' }}"
      rescue:
        - echo: not for lost hosts
    - echo: next
`)
	b.wantKind(err, HostUnreachable)
	b.want(`
play all [a b]
task shell
 a unreachable: a: unreachable: the connection is gone: reset by peer
 b changed
task echo
 b ok: next
a ok=0 changed=0 unreachable=1 failed=0 skipped=0 rescued=0 ignored=0
b ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`)
}

func TestIgnoreUnreachableConnectsAnew(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: all
  gather_facts: false
  tasks:
    - shell: ": LOSE"
      ignore_unreachable: true
    - shell: "true"
    - wait_for_connection: {timeout: 5}
`)
	b.wantKind(err, 0)
	if !strings.Contains(b.rec.text(), "a changed") {
		t.Errorf("the host was not connected to again:\n%s", b.rec.text())
	}
}

func TestAHostThatDidNotAnswerIsNotWaitedForAsLongAgain(t *testing.T) {
	b := newBench(t, "a")
	var limits []time.Duration
	b.o.Connect = func(ctx context.Context, c remote.Config) (session.Connection, error) {
		// The first task's try is the play's own.
		if limits = append(limits, c.DialTimeout); len(limits) < 3 {
			return nil, &remote.UnreachableError{Host: "a", Doing: "connect", Err: errors.New("no answer")}
		}
		return b.connect(ctx, c)
	}
	_, err := b.run(`
- hosts: all
  gather_facts: false
  ignore_unreachable: true
  tasks:
    - shell: "true"
    - shell: "true"
    - shell: ": LOSE"
    - shell: "true"
`)
	b.wantKind(err, 0)
	const secondTry = 3 * time.Second
	if want := []time.Duration{0, secondTry, secondTry, 0}; !slices.Equal(limits, want) {
		t.Errorf("the host was given %v to answer, want %v", limits, want)
	}
}

func TestWaitForConnectionEndsWhenTheHostIsThere(t *testing.T) {
	b := newBench(t, "a")
	tries := 0
	b.o.Connect = func(ctx context.Context, c remote.Config) (session.Connection, error) {
		if tries++; tries < 3 {
			return nil, &remote.UnreachableError{Host: "a", Doing: "connect", Err: errors.New("refused")}
		}
		return b.connect(ctx, c)
	}
	_, err := b.run(`
- hosts: all
  gather_facts: false
  tasks:
    - wait_for_connection: {timeout: 60, sleep: 0}
    - echo: there
`)
	b.wantKind(err, 0)
	if tries != 3 {
		t.Errorf("%d tries", tries)
	}
}

func newKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestUnknownHostKeysAreAskedAboutOnce(t *testing.T) {
	for _, accept := range []bool{true, false} {
		t.Run(fmt.Sprint(accept), func(t *testing.T) {
			b := newBench(t, "a", "b", "c")
			for _, h := range []string{"a", "c"} {
				b.dead[h] = &remote.UnknownHostKeyError{Host: h, Address: h + ":22", Key: newKey(t)}
			}
			asked := 0
			b.o.UnknownKeys = func(_ context.Context, unknown []*remote.UnknownHostKeyError) error {
				asked++
				if len(unknown) != 2 {
					t.Errorf("%d keys at once", len(unknown))
				}
				if !accept {
					return errors.New("you said no")
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				clear(b.dead)
				return nil
			}
			report, err := b.run("- hosts: all\n  gather_facts: false\n  tasks:\n    - echo: x\n")
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
			if accept {
				b.wantKind(err, 0)
				return
			}
			b.wantKind(err, HostUnreachable)
			if fmt.Sprint(report.Unreachable) != "[a c]" || !strings.Contains(b.rec.text(), "you said no") {
				t.Errorf("%v\n%s", report.Unreachable, b.rec.text())
			}
		})
	}
}

func TestPeersAreConnectedWhenAskedFor(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.o.Limit = "a"
	b.file("there", "content")
	_, err := b.run("- hosts: all\n  gather_facts: false\n  tasks:\n    - peer: {host: b, path: \"{{ dir }}/there\"}\n" +
		"      register: r\n    - echo: \"{{ r.content }}\"\n")
	b.wantKind(err, 0)
	if b.conns["b"] == nil || b.conns["c"] != nil {
		t.Errorf("connected: %v", b.conns)
	}
	if d := b.rec.done("a", 1); d.Values.Value("msg") != "content" {
		t.Errorf("got %v", d.Values)
	}
	for name, c := range b.conns {
		select {
		case <-c.done:
		default:
			t.Errorf("the connection to %s is open after the run", name)
		}
	}
}

func arguments(t *testing.T, text string) remote.SSHOptions {
	t.Helper()
	o, err := remote.ParseSSHArgs(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestConnectionKeyword: the keyword, and what is there for all plays, lose against the variable.
func TestConnectionKeyword(t *testing.T) {
	for _, c := range []struct {
		name, play, task string
		vars             map[string]any
		keywords         map[session.Keyword]string
		local            bool
	}{
		{"nothing", "", "", nil, nil, false},
		{"of the play", "  connection: local\n", "", nil, nil, true},
		{"of the task", "", "      connection: ansible.builtin.local\n", nil, nil, true},
		{"back to ssh", "  connection: local\n", "      connection: ssh\n", nil, nil, false},
		{"the variable wins", "  connection: local\n", "", map[string]any{"ansible_connection": "smart"}, nil, false},
		{"for all plays", "", "", nil, map[session.Keyword]string{session.ConnectBy: "local"}, true},
		{"for plays without", "  connection: paramiko\n", "", nil, map[session.Keyword]string{session.ConnectBy: "local"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.inv.AddHost("h", nil, c.vars)
			b.o.Defaults.Keywords = c.keywords
			_, err := b.run("- hosts: h\n  gather_facts: false\n" + c.play + "  tasks:\n    - shell: \"true\"\n" + c.task)
			b.wantKind(err, 0)
			if (b.conns["h"] == nil) != c.local && c.task == "" {
				t.Errorf("connected by ssh: %v, want local: %v", b.conns["h"] != nil, c.local)
			}
		})
	}
}

func TestConnectionVariables(t *testing.T) {
	for _, c := range []struct {
		name string
		vars map[string]any
		want remote.Config
		bad  string
	}{
		{"none", nil, remote.Config{Name: "h", User: "fromkeyword", Port: 2200}, ""},
		{"all", map[string]any{"ansible_host": "10.0.0.{{ 3 }}", "ansible_port": "2222", "ansible_user": "u", "ansible_password": "hushhush",
			"ansible_ssh_private_key_file": "/k", "ansible_host_key": "SHA256:x", "ansible_host_key_checking": false,
			"ansible_ssh_common_args": "-o ProxyJump=j"},
			remote.Config{Name: "h", Address: "10.0.0.3", Port: 2222, User: "u", Password: "hushhush", KeyFiles: []string{"/k"},
				SSHExtraArgs: arguments(t, "-o ProxyJump=j"), Keys: remote.HostKeyCheck{Mode: remote.ModeOff, Pinned: []string{"SHA256:x"}}}, ""},
		{"older names", map[string]any{"ansible_ssh_host": "x", "ansible_ssh_port": 1, "ansible_ssh_user": "u", "ansible_ssh_pass": "hushhush"},
			remote.Config{Name: "h", Address: "x", Port: 1, User: "u", Password: "hushhush"}, ""},
		{"port", map[string]any{"ansible_port": 70000}, remote.Config{}, "which is not a port"},
		{"connection", map[string]any{"ansible_connection": "winrm"}, remote.Config{}, "winrm"},
		{"a key itself", map[string]any{"ansible_ssh_private_key": "x"}, remote.Config{}, "ansible_ssh_private_key is not supported: a key comes from a file"},
		{"a passphrase", map[string]any{"ansible_private_key_passphrase": "x"}, remote.Config{}, "ssh-add"},
		{"a card", map[string]any{"ansible_ssh_pkcs11_provider": "/x.so"}, remote.Config{}, "ssh-add -s"},
		{"another program", map[string]any{"ansible_ssh_executable": "/opt/dropbear"}, remote.Config{}, "an SSH client of its own"},
		{"without meaning here", map[string]any{"ansible_ssh_executable": "/usr/bin/ssh", "ansible_ssh_pipelining": true, "ansible_scp_extra_args": "-O",
			"ansible_ssh_transfer_method": "piped", "ansible_ssh_password": "hushhush", "ansible_ssh_password_mechanism": "disable"},
			remote.Config{Name: "h", Port: 2200, User: "fromkeyword"}, ""},
		{"a newer and an older name", map[string]any{"ansible_host": "y", "ansible_ssh_host": "x", "ansible_port": 2, "ansible_ssh_port": 1},
			remote.Config{Name: "h", Address: "x", Port: 1, User: "fromkeyword"}, ""},
		{"verified after all", map[string]any{"ansible_host_key_checking": false, "ansible_ssh_host_key_checking": true,
			"ansible_ssh_timeout": 7},
			remote.Config{Name: "h", Port: 2200, User: "fromkeyword", ConnectTimeout: 7 * time.Second}, ""},
		{"tries", map[string]any{"ansible_ssh_retries": "4"}, remote.Config{Name: "h", Port: 2200, User: "fromkeyword", Retries: 4}, ""},
		{"no number of tries", map[string]any{"ansible_ssh_retries": "often"}, remote.Config{}, "which is not a number of tries"},
		{"arguments of ssh", map[string]any{"ansible_ssh_args": "-C -o ControlMaster=auto -p 99",
			"ansible_ssh_common_args": "-o 'ProxyCommand=ssh -W %h:%p bastion'",
			"ansible_ssh_extra_args":  "-o User={{ 'x' }}"}, remote.Config{Name: "h", User: "fromkeyword", Port: 2200,
			SSHArgs:      arguments(t, "-C -o ControlMaster=auto -p 99"),
			SSHExtraArgs: arguments(t, "-o ProxyCommand='ssh -W %h:%p bastion' -o User=x")}, ""},
		{"arguments", map[string]any{"ansible_ssh_common_args": "-o ProxyCommand=nc"}, remote.Config{}, "which runs none"},
		{"unknown argument", map[string]any{"ansible_ssh_extra_args": "-o SendEnv=X"}, remote.Config{}, "SendEnv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.inv.AddHost("h", nil, c.vars)
			var got remote.Config
			b.o.Connect = func(ctx context.Context, c remote.Config) (session.Connection, error) {
				got = c
				return b.connect(ctx, c)
			}
			_, err := b.run("- hosts: h\n  gather_facts: false\n  remote_user: fromkeyword\n  port: 2200\n  tasks:\n    - shell: \"true\"\n")
			if c.bad != "" {
				b.wantKind(err, HostFailed)
				if !strings.Contains(b.rec.text(), c.bad) {
					t.Errorf("%q is not in\n%s", c.bad, b.rec.text())
				}
				return
			}
			b.wantKind(err, 0)
			if got.Passwords == nil {
				t.Error("what hosts refuse is not remembered for the run")
			}
			got.Passwords = nil
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestBecoming(t *testing.T) {
	for _, c := range []struct {
		name, keywords string
		vars           map[string]any
		want           string
	}{
		{"not", "", nil, "id"},
		{"keyword", "become: true", nil, "root: id"},
		{"user", "become: true\n      become_user: postgres", nil, "postgres: id"},
		{"variable wins", "become: false", map[string]any{"ansible_become": "yes", "ansible_become_user": "{{ 'o' }}racle"}, "oracle: id"},
		{"the same user", "become: true\n      become_user: tester", nil, "id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.inv.AddHost("h", nil, c.vars)
			keywords := c.keywords
			if keywords == "" {
				keywords = "tags: []"
			}
			_, err := b.run("- hosts: h\n  gather_facts: false\n  tasks:\n    - shell: id\n      " + keywords + "\n")
			b.wantKind(err, 0)
			if got := fmt.Sprint(b.conns["h"].runs); got != "["+c.want+"]" {
				t.Errorf("ran %s, want %s", got, c.want)
			}
		})
	}
}

// A way of becoming another user that there is not is refused before any host is connected to.
func TestMethodsOfBecomingAreCheckedFirst(t *testing.T) {
	for _, c := range []struct {
		name, play string
		vars       map[string]any
		want       string
	}{
		{"inventory", "", map[string]any{"ansible_become_method": "doas"},
			`h: ansible_become_method is "doas": polarbook becomes another user by sudo or su`},
		{"inventory, with its collection", "", map[string]any{"ansible_become_method": "community.general.pbrun"},
			`is "community.general.pbrun"`},
		{"inventory, a template", "", map[string]any{"ansible_become_method": "{{ way }}", "way": "runas"}, `is "runas"`},
		{"keyword, a template", "become_method: '{{ way }}'", map[string]any{"way": "dzdo"}, `site.yml:3: h: become_method is "dzdo"`},
		{"one that there is", "", map[string]any{"ansible_become_method": "ansible.builtin.su"}, ""},
		{"the play knows better", "vars: {ansible_become_method: sudo}", map[string]any{"ansible_become_method": "doas"}, ""},
		{"not known yet", "", map[string]any{"ansible_become_method": "{{ later }}"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.inv.AddHost("h", nil, c.vars)
			b.inv.AddHost("other", nil, map[string]any{"ansible_become_method": "enable"}) // which no play is about
			connected := false
			b.o.Connect = func(ctx context.Context, c remote.Config) (session.Connection, error) {
				connected = true
				return b.connect(ctx, c)
			}
			keyword := c.play
			if keyword == "" {
				keyword = "order: inventory"
			}
			_, err := b.run("- hosts: h\n  gather_facts: false\n  " + keyword + "\n  tasks:\n    - shell: \"true\"\n")
			if c.want == "" {
				if !connected {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || connected {
				t.Errorf("connected %t, %v", connected, err)
			}
		})
	}
}

// TestConnectionIsKnown: a condition may ask how a host is reached where nobody has said so.
func TestConnectionIsKnown(t *testing.T) {
	b := newBench(t, "a")
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - shell: test {{ ansible_connection }} = ssh
      when: ansible_connection != 'chroot'
`); err != nil || !strings.Contains(b.rec.text(), "a changed") {
		t.Errorf("%v\n%s", err, b.rec.text())
	}
}
