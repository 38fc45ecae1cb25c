package attacks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTerminal checks that what a host says is shown and never obeyed: it sets no clipboard or title, clears no screen,
// moves no text, and makes no line that looks like polarbook's own.
func TestTerminal(t *testing.T) {
	l := newControlNode(t)
	const evil = `printf '\033]52;c;aGVsbG8=\007\033[2J\033]0;title\007\302\2331m\342\200\256txt.exe\000\177\377\r\nRECAP     ok  changed\nevil       1        0\n'`
	l.write("evil.sh", evil+"\n")
	l.write("before", "harmless\n")
	l.playbook(`
- {name: failing, shell: "sh {{ playbook_dir }}/evil.sh; sh {{ playbook_dir }}/evil.sh >&2; exit 3", ignore_errors: true}
- {name: shown, shell: "sh {{ playbook_dir }}/evil.sh", register: r}
- {name: debugged, debug: {var: r}}
- {name: said, debug: {msg: "{{ r.stdout }}"}}
- {name: "named {{ r.stdout }}", debug: {msg: x}}
- {name: items, debug: {msg: "{{ item }}"}, loop: ["{{ r.stdout }}"]}
- {name: difference, copy: {dest: "{{ playbook_dir }}/made", content: "{{ r.stdout }}"}}
- {name: failed, fail: {msg: "{{ r.stdout }}"}}
`)
	for _, args := range [][]string{{}, {"--diff", "-vvv"}, {"-o", "json"}} {
		out := l.run(append([]string{"run", "site.yml"}, args...)...)
		if out.code != 2 {
			t.Fatalf("exit code %d\n%s%s", out.code, out.stdout, out.stderr)
		}
		recaps := 0
		for line := range strings.Lines(out.stdout + out.stderr) {
			for _, r := range strings.TrimSuffix(line, "\n") {
				if r < ' ' && r != '\t' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || !utf8.ValidString(line) {
					t.Errorf("%v: %U reaches the terminal: %q", args, r, line)
				}
			}
			if strings.HasPrefix(line, "RECAP") || strings.HasPrefix(line, "evil ") {
				recaps++
			}
			if len(args) > 0 && args[0] == "-o" && !strings.HasPrefix(line, "polarbook: ") && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
		if want := 2; len(args) == 0 && recaps != want {
			t.Errorf("%d lines look like a recap's, want %d:\n%s", recaps, want, out.stdout)
		}
		if !strings.Contains(out.stdout, `]52;c;`) {
			t.Errorf("%v: what the host said is not shown:\n%s", args, out.stdout)
		}
	}
}

// TestForeignNames checks the same of everything that is read on the control node or comes from the command line, whatever
// it names.
func TestForeignNames(t *testing.T) {
	const (
		raw    = "x\x1b]52;c;aGk=\a\x1b[2J\u009b1m\u202e\x7f\r\nRECAP     ok  changed\nevil     9   0\u2066\u2028"
		quoted = `"x\e]52;c;aGk=\a\e[2J\x9b1m\u202e\x7f\r\nRECAP     ok  changed\nevil     9   0"`
	)
	inLine := strings.NewReplacer("\n", " ", "\r", " ").Replace(raw)
	run := []string{"run", "site.yml"}
	type attack struct {
		what       string
		args       []string
		name, text string // a file and what is in it
		inventory  string // the variables of evil
		playbook   string
		tasks      string
	}
	attacks := []attack{
		{what: "an option", args: []string{"--" + raw}}, {what: "a verb", args: []string{raw}}, {what: "a playbook", args: []string{"run", raw}},
		{what: "a module", args: []string{"doc", raw}}, {what: "a built-in playbook", args: []string{"playbooks", raw}},
		{what: "a directory", args: []string{"init", raw + "/x"}},
		{what: "a key", tasks: "- {KEY: x, debug: {msg: y}}"}, {what: "a module's name", tasks: "- {KEY: {a: b}}"},
		{what: "an argument", tasks: "- {debug: {KEY: x}}"},
		{what: "a role", tasks: "- {include_role: {name: KEY}}"}, {what: "a file to include", tasks: "- {include_tasks: KEY}"},
		{what: "a handler", tasks: "- {debug: {msg: x}, changed_when: true, notify: KEY}"},
		{what: "a condition", tasks: "- {debug: {msg: x}, when: KEY}"}, {what: "a register", tasks: "- {debug: {msg: x}, register: KEY}"},
		{what: "an environment", tasks: "- {shell: env, environment: {KEY: KEY}}"},
		{what: "a key of a play", playbook: "- {hosts: all, KEY: x}\n"}, {what: "hosts", playbook: "- {hosts: KEY, tasks: []}\n"},
		{what: "names", playbook: "- {hosts: all, name: KEY, gather_facts: false, tasks: [{name: KEY, debug: {msg: x}}]}\n"},
		{what: "a file of variables", playbook: "- {hosts: all, vars_files: [KEY]}\n"},
		{what: "a line", playbook: "- hosts: all\n  tasks: [{debug: {msg: \"" + inLine + "}]\n"},
		{what: "a host", name: "inventory.yml", text: "all: {hosts: {KEY: }}\n"},
		{what: "a group", name: "inventory.yml", text: "all: {children: {KEY: {hosts: {a: }}}}\n"},
		{what: "a host of two lines", name: "inventory.yml", text: "all: {hosts: {\"a\\nRECAP     ok\": }}\n"},
		{what: "an INI line", args: append(run, "-i", "h.ini"), name: "h.ini", text: "evil ansible_connection=local " + inLine + "\n"},
		{what: "an INI host", args: append(run, "-i", "h.ini"), name: "h.ini", text: "ev" + inLine + " a=b\n"},
		{what: "an INI section", args: append(run, "-i", "h.ini"), name: "h.ini", text: "[gr" + inLine + "]\n"},
		{what: "known_hosts", name: ".ssh/known_hosts", text: inLine + " ssh-rsa AAAA\n[127.0.0.1]:1 ssh-ed25519 " + inLine + "\n",
			inventory: "ansible_host: 127.0.0.1, ansible_port: 1"},
		{what: "ssh_config", name: ".ssh/config", text: "Host evil\n  " + inLine + " x\n  HostName " + inLine + "\n", inventory: "x: 1"},
		{what: "group_vars", name: "group_vars/all.yml", text: "a: [\x1b[2J" + inLine},
		{what: "a file's name", name: "host_vars/evil/x\x1b[2J\nRECAP     ok.yml", text: "a: [\n"},
		{what: "a template", name: "t.j2", text: "{{ x | " + inLine + " }}", tasks: "- {template: {src: t.j2, dest: /nowhere/x}}"},
		{what: "names of files", name: "d/a\x1b[2J\nRECAP     ok", tasks: "- {find: {paths: \"{{ playbook_dir }}/d\"}, register: r}\n" +
			"- {debug: {var: r.files[0].path}}\n- {copy: {src: d/, dest: \"{{ playbook_dir }}/e/\"}}\n" +
			"- {file: {path: \"{{ r.files[0].path }}\", state: directory}}", args: append(run, "--diff", "-v")},
		{what: "a list of tasks", args: append(run, "--list-tasks"), tasks: "- {name: KEY, debug: {msg: x}, tags: [KEY]}"},
		{what: "the check of a playbook", args: append(run, "--syntax-check"), tasks: "- {debug: {KEY: x}}"},
	}
	for _, option := range []string{"--limit", "--tags", "--start-at-task", "-f", "-e", "-i", "-u", "-o"} {
		attacks = append(attacks, attack{what: option, args: append(run, option, raw)})
	}
	for _, name := range []string{
		"ansible_connection", "ansible_host", "ansible_port", "ansible_user", "ansible_ssh_private_key_file",
		"ansible_ssh_common_args", "ansible_host_key", "KEY",
	} {
		attacks = append(attacks, attack{what: name, inventory: "ansible_host: 127.0.0.1, ansible_port: 1, " + name + ": KEY"})
	}
	for _, name := range []string{"ansible_become_method", "ansible_become_user", "ansible_shell_executable"} {
		attacks = append(attacks, attack{what: name, inventory: "ansible_connection: local, ansible_become: true, " + name + ": KEY"})
	}
	for _, a := range attacks {
		l := newControlNode(t)
		key := func(text string) string { return strings.ReplaceAll(text, "KEY", quoted) }
		l.playbook("- {debug: {msg: x}}")
		switch {
		case a.tasks != "":
			l.playbook(key(a.tasks))
		case a.playbook != "":
			l.write("site.yml", key(a.playbook))
		}
		if a.inventory != "" {
			l.write("inventory.yml", "all: {hosts: {evil: {"+key(a.inventory)+"}}}\n")
		}
		if a.name != "" {
			if err := os.MkdirAll(filepath.Join(l.dir, filepath.Dir(a.name)), 0o700); err != nil {
				t.Fatal(err)
			}
			l.write(a.name, key(a.text))
		}
		args := a.args
		if args == nil {
			args = run
		}
		out := l.run(args...)
		for line := range strings.Lines(out.stdout + out.stderr) {
			for _, r := range strings.TrimSuffix(line, "\n") {
				if r < ' ' && r != '\t' || r >= 0x7f && r <= 0x9f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
					!utf8.ValidString(line) {
					t.Errorf("%s: %U reaches the terminal: %q", a.what, r, line)
					break
				}
			}
			if strings.HasPrefix(line, "RECAP     ok") || strings.HasPrefix(line, "evil     9") {
				t.Errorf("%s makes a line of its own:\n%s%s", a.what, out.stdout, out.stderr)
			}
		}
		if out.stdout+out.stderr == "" {
			t.Errorf("%s: nothing is said", a.what)
		}
	}
}
