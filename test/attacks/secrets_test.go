package attacks

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

// TestSecretsFollowed sends a secret through random chains of filters and looks for it, and for what became of it,
// wherever a run can be read.
func TestSecretsFollowed(t *testing.T) {
	l := newLaptop(t)
	random := rand.New(rand.NewSource(20))
	secrets := []string{"CANARYpäss/wö+rd€ \"x'y\\z", "Zq9canary<&>$1%20{}[]=word", "918273645"}
	filters := []string{"to_json", "urlencode", "b64encode", "regex_escape", "escape", "quote", "upper", "reverse", "hash('sha1')", "to_nice_yaml", "string", "comment", "regex_replace('a', 'b')", "replace('e', 'E')", "postgres_setting", "trim"}
	l.write("inventory.yml", fmt.Sprintf("all: {hosts: {evil: {ansible_connection: local, db_pass: %q, api_key: %q, list_passwords: [%q], number_pw: %s}}}\n",
		secrets[0], secrets[1], secrets[0]+"2", secrets[2]))
	var tasks strings.Builder
	names := []string{"db_pass", "api_key", "list_passwords[0]", "(number_pw | string)", "'user:' ~ db_pass", "{'k': db_pass}"}
	for i := range 36 {
		chain := names[i%len(names)]
		if strings.HasPrefix(chain, "{") {
			chain += " | to_json"
		}
		if strings.Contains(chain, "~") {
			chain = "(" + chain + ")"
		}
		for range 1 + random.Intn(4) {
			chain += " | " + filters[random.Intn(len(filters))]
		}
		// The outcome is written to a file, which tells the test what not to see, and to everything that is shown.
		fmt.Fprintf(&tasks, "- {name: step, vars: {v: %q}, copy: {dest: \"{{ playbook_dir }}/out%d\", content: \"{{ v }}\"}, register: r}\n", "{{ "+chain+" }}", i)
		fmt.Fprintf(&tasks, "- {debug: {msg: \"<{{ v }}>\"}, vars: {v: %q}}\n", "{{ "+chain+" }}")
		fmt.Fprintf(&tasks, "- {shell: \"cat {{ playbook_dir }}/out%d; exit 1\", ignore_errors: true}\n", i)
	}
	tasks.WriteString("- {debug: {var: hostvars}}\n- {debug: {var: vars}}\n")
	l.playbook(tasks.String())
	for _, args := range [][]string{{"--diff", "-vvv"}, {"-o", "json"}} {
		out := l.run(append([]string{"run", "site.yml"}, args...)...)
		if out.code != 0 {
			t.Fatalf("exit code %d\n%s%s", out.code, out.stdout[max(0, len(out.stdout)-2000):], out.stderr)
		}
		shown := out.stdout + out.stderr + out.journal
		for _, secret := range append([]string{"CANARYp", "Zq9canary", "yranac9qZ", "ZQ9CANARY"}, secrets...) {
			if at := strings.Index(shown, secret); at >= 0 {
				t.Errorf("%v: %q is shown: …%.200s", args, secret, shown[max(0, at-80):])
			}
		}
		for i := range 36 {
			outcome := l.read(fmt.Sprintf("out%d", i))
			if len(strings.TrimSpace(outcome)) >= 8 && !strings.Contains(outcome, "*") && strings.Contains(shown, strings.TrimSpace(outcome)) {
				t.Errorf("%v: the outcome of chain %d is shown: %q", args, i, outcome)
			}
		}
	}
}

// TestSecretsInErrors: what cannot be read is quoted, but not the value of what is a secret by its name.
func TestSecretsInErrors(t *testing.T) {
	l := newLaptop(t)
	held := func(what string, args ...string) {
		t.Helper()
		if out := l.run(args...); out.code != 1 || strings.Contains(out.stdout+out.stderr, "CANARY") || out.stderr == "" {
			t.Errorf("%s: exit code %d\n%s%s", what, out.code, out.stdout, out.stderr)
		}
	}
	for _, task := range []string{
		"- copyy: {dest: /x, password: CANARYx}", "- user: {name: x, passwordd: CANARYx, password: CANARYy}", "- {debug: {msg: x}, vars: {db_pass: CANARYx}, wen: y}",
		"- debug: {msg: x}\n  vars: {db_pass: CANARYx, bad: [}", "- debug: {msg: x}\n  vars: {api_key: \"CANARYx{{ a | nofilter }}\"}",
	} {
		l.playbook(task)
		held(task, "run", "site.yml")
	}
	l.playbook("- debug: {msg: x}")
	for _, extra := range []string{`{"password": "CANARYx", `, `password="CANARYx`, `{api_key: [CANARYx}`, `db_pass=CANARYx word`} {
		held(extra, "run", "site.yml", "-e", extra)
	}
	for _, inventory := range []string{
		"all: {hosts: {evil: {ansible_connection: local, db_pass: CANARYx}}, vars: [}", "all: {hosts: {evil: {db_pass: &a CANARYx, x: *b}}}", "all: {hostss: {evil: {db_pass: CANARYx}}}",
	} {
		l.write("inventory.yml", inventory)
		held(inventory, "run", "site.yml")
	}
	for _, inventory := range []string{"evil ansible_connection=local db_pass=CANARYx y\n", "evil db_pass=\"CANARYx\n", "[all:vars]\ndb_pass CANARY\n"} {
		l.write("hosts.ini", inventory)
		if !strings.Contains(inventory, "db_pass CANARY") {
			held(inventory, "run", "site.yml", "-i", "hosts.ini")
		}
	}
}
