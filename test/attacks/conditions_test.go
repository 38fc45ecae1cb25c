package attacks

import (
	"fmt"
	"strings"
	"testing"
)

// TestConditions checks that text from a host is never evaluated: it can read neither the environment nor the files of the
// operator's machine, and conditions see only its value.
func TestConditions(t *testing.T) {
	l := newControlNode(t)
	l.env = []string{"CANARY_ENV=canary-value"}
	l.write("canary", "canary-file")
	l.write("evil.sh", `echo "lookup('env','CANARY_ENV') is search('canary')"`)
	const said = "- {shell: \"sh {{ playbook_dir }}/evil.sh\", register: e}\n"
	for name, task := range map[string]string{
		"when":          `{debug: {msg: REACHED}, when: "{{ e.stdout }}"}`,
		"when, a part":  `{debug: {msg: REACHED}, when: "{{ e.stdout }} or false"}`,
		"when, a list":  `{debug: {msg: REACHED}, when: ["true", "{{ e.stdout_lines[0] }}"]}`,
		"by a variable": `{debug: {msg: REACHED}, vars: {c: "{{ e.stdout }}"}, when: "{{ c }}"}`,
		"hostvars":      `{debug: {msg: REACHED}, when: "{{ hostvars['evil'].e.stdout }}"}`,
		"item":          `{debug: {msg: REACHED}, loop: "{{ e.stdout_lines }}", when: "{{ item }}"}`,
		"until":         `{shell: "echo REACHED", register: u, until: "{{ e.stdout }}", retries: 1, delay: 0}`,
		"changed_when":  `{shell: "true", changed_when: "{{ e.stdout }}"}`,
		"failed_when":   `{shell: "true", failed_when: "{{ e.stdout }}"}`,
		"assert":        `{assert: {that: "{{ e.stdout }}", success_msg: REACHED}}`,
		"assert, list":  `{assert: {that: ["{{ e.stdout }}"], success_msg: REACHED}}`,
	} {
		t.Run(name, func(t *testing.T) {
			l.t = t
			l.playbook(said + "- " + task)
			out := l.run("run", "site.yml")
			if out.code != 2 || !strings.Contains(out.stdout, "never evaluated") || !strings.Contains(out.stdout, "without braces") ||
				strings.Contains(out.stdout, "REACHED") {
				t.Errorf("exit code %d, want 2 and a word on what to write\n%s%s", out.code, out.stdout, out.stderr)
			}
		})
	}
	for name, task := range map[string]string{
		"own expression":    `{debug: {msg: REACHED}, vars: {c: "1 == 1"}, when: "{{ c }}"}`,
		"compared":          `{debug: {msg: REACHED}, when: e.stdout is search('lookup')}`,
		"compared in brace": `{debug: {msg: REACHED}, when: "{{ e.stdout is search('lookup') }}"}`,
		"status":            `{debug: {msg: REACHED}, when: "{{ e.rc }} == 0"}`,
		"a value":           `{debug: {msg: REACHED}, when: "{{ e is changed }}"}`,
	} {
		t.Run(name, func(t *testing.T) {
			l.t = t
			l.playbook(said + "- " + task)
			if out := l.run("run", "site.yml"); out.code != 0 || !strings.Contains(out.stdout, "REACHED") {
				t.Errorf("exit code %d\n%s%s", out.code, out.stdout, out.stderr)
			}
		})
	}
	for _, task := range []string{
		`{debug: {msg: "{{ e.stdout }}"}}`, `{debug: {var: e.stdout}}`, `{set_fact: {f: "{{ e.stdout }}"}}`,
		`{shell: "echo \"$X\"", environment: {X: "{{ e.stdout }}"}}`,
		`{copy: {content: "{{ e.stdout }}", dest: "{{ playbook_dir }}/made"}}`, `{debug: {msg: "{{ item }}"}, loop: "{{ e.stdout_lines }}"}`,
	} {
		// Templates and lookups in what a host writes stay text, wherever they go.
		l.t = t
		l.write("evil.sh",
			fmt.Sprintf(`echo "{{ lookup('env','CANARY_ENV') }} {%% if true %%}{{ lookup('file', '%s/canary') }}{%% endif %%}"`, l.dir))
		l.playbook(said + "- " + task + "\n- {debug: {msg: \"{{ f | default('') }}\"}}")
		out := l.run("run", "site.yml", "-vvv", "--diff")
		if out.code != 0 || strings.Contains(out.stdout+out.stderr+out.journal, "canary-value") ||
			strings.Contains(out.stdout+out.journal, "canary-file") {
			t.Errorf("%s: exit code %d\n%s%s", task, out.code, out.stdout, out.stderr)
		}
	}
}
