package attacks

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// TestSecretsFollowed sends secrets through random chains of filters and looks for them, and for what became of them,
// wherever a run can be read. POLARBOOK_SEEDS says how many such runs there are.
func TestSecretsFollowed(t *testing.T) {
	seeds := 2
	if n, err := strconv.Atoi(os.Getenv("POLARBOOK_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", 20+seed), func(t *testing.T) {
			// The same playbook runs twice with different secrets: what is the same in both outcomes is not secret.
			one := secretsSent(t, int64(20+seed), 1, "--diff", "-vvv")
			two := secretsSent(t, int64(20+seed), 2, "-o", "json")
			one.check(t, two)
			two.check(t, one)
		})
	}
}

// sent is a run of a playbook that sends secrets through chains of filters.
type sent struct {
	what     string
	shown    string   // wherever the run can be read
	secrets  []string // and parts of them
	chains   []string
	outcomes []string
}

func (s sent) check(t *testing.T, other sent) {
	t.Helper()
	for _, secret := range s.secrets {
		if at := strings.Index(s.shown, secret); at >= 0 {
			t.Errorf("%s: %q is shown: …%.200s", s.what, secret, s.shown[max(0, at-80):])
		}
	}
	for i, outcome := range s.outcomes {
		same := map[string]bool{}
		for _, line := range strings.Split(other.outcomes[i], "\n") {
			same[strings.TrimSpace(line)] = true
		}
		for _, line := range append(strings.Split(outcome, "\n"), outcome) {
			line = strings.TrimSpace(line)
			if len(line) >= 8 && !same[line] && tells(line) && line != strings.TrimSpace(other.outcomes[i]) && strings.Contains(s.shown, line) {
				t.Errorf("%s: of the outcome of chain %d (%s) is shown: %q", s.what, i, s.chains[i], line)
			}
		}
	}
}

// tells reports whether a line contains more than what a filter put around the end of a text.
func tells(line string) bool {
	line = strings.NewReplacer("&#34;", "", "&#39;", "", "&amp;", "").Replace(line)
	letters := map[rune]bool{}
	for _, r := range line {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			letters[r] = true
		}
	}
	return len(letters) > 2
}

func secretsSent(t *testing.T, seed, universe int64, args ...string) sent {
	l := newControlNode(t)
	random := rand.New(rand.NewSource(seed))
	own := rand.New(rand.NewSource(seed*10 + universe))
	// some returns a random text of the same shape in both runs, because what filters make of it may contain its length.
	kinds := []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "123456789", "abcdefghijklmnopqrstuvwxyz",
		"äößéñ", "!$%&()=?+#_.:;<>", "'", "\"", "\\", " "}
	some := func(n, of int) string {
		var b strings.Builder
		for range n {
			kind := []rune(kinds[random.Intn(of)])
			b.WriteRune(kind[own.Intn(len(kind))])
		}
		return b.String()
	}
	var phrase []string
	for range 18 {
		phrase = append(phrase, some(4+random.Intn(6), 2))
	}
	secrets := []string{"CANARY" + some(8+random.Intn(24), 10) + "z", "Zq9canary<&>$1%20{}[]=" + some(4, 2),
		fmt.Sprint(100000000 + own.Intn(800000000)), strings.Join(phrase, " "), "CANARY" + some(90, 4)}
	filters := []string{"|to_json", "|urlencode", "|b64encode", "|regex_escape", "|escape", "|quote", "|upper", "|reverse",
		"|hash('sha1')", "|to_nice_yaml", "|string", "|comment",
		"|regex_replace('a', 'b')", "|replace('e', 'E')", "|postgres_setting", "|trim", "|wordwrap(20)", "|indent(6, true)",
		"|center(90)", "[:12]", "[3:]", "[1:-2]", "[::-1]", "|truncate(9, true, '')",
		"|regex_search('.{7}')|default('none', true)", "|list|join('')", "|list|sort|join('')", "|batch(7)|map('join')|join('-')",
		"|split('a')|join('A')", "|list|reverse|join", "|slice(3)|map('join')|join", "|lower", "|regex_replace('(.{64})', '\\\\1\\n')",
		"|regex_replace('(.{76})', '\\\\1\\n')"}
	l.write("inventory.yml", fmt.Sprintf("all: {hosts: {evil: {ansible_connection: local, db_pass: %q, api_key: "+
		"%q, list_passwords: [%q], number_pw: %s, passphrase: %q, long_token: %q, short_pw: q7j, other_pw: 937}}}\n",
		secrets[0], secrets[1], secrets[0]+"2", secrets[2], secrets[3], secrets[4]))
	var tasks strings.Builder
	s := sent{what: strings.Join(args, " ")}
	names := []string{"db_pass", "api_key", "list_passwords[0]", "(number_pw | string)", "('user:' ~ db_pass)",
		"({'k': db_pass} | to_json)", "passphrase", "({'k': passphrase, 'l': db_pass, 'n': 1} | to_nice_yaml)", "long_token",
		"(long_token | b64encode)", "(db_pass[4:] ~ db_pass[:4])"}
	for i := range 36 {
		chain := names[i%len(names)]
		for range 1 + random.Intn(4) {
			chain = "(" + chain + filters[random.Intn(len(filters))] + ")"
		}
		s.chains = append(s.chains, chain)
		// The outcome goes into a file, from which the test learns what must not be seen, and to everything that is shown.
		fmt.Fprintf(&tasks, "- {name: step, vars: {v: %q}, copy: {dest: \"{{ playbook_dir }}/out%d\", "+
			"content: \"{{ v }}\"}, register: r}\n", "{{ "+chain+" }}", i)
		fmt.Fprintf(&tasks, "- {debug: {msg: \"<{{ v }}>\"}, vars: {v: %q}}\n", "{{ "+chain+" }}")
		fmt.Fprintf(&tasks, "- {debug: {msg: \"{{ v }}\"}, vars: {v: %q}}\n", "{{ "+chain+" }}")
		fmt.Fprintf(&tasks, "- {shell: \"cat {{ playbook_dir }}/out%d; exit 1\", ignore_errors: true}\n", i)
	}
	// A secret that is too short to be searched for in a text is masked where it stands alone.
	tasks.WriteString("- {debug: {msg: \"{{ short_pw }}\"}}\n- {debug: {msg: \"{{ other_pw }}\"}}\n" +
		"- {debug: {msg: \"{{ db_pass[:5] }}\"}}\n- {debug: {msg: \"{{ api_key | list }}\"}}\n- {shell: echo q7j}\n" +
		"- {debug: {msg: {inner: \"{{ short_pw }}\", pins: [\"{{ other_pw }}\"]}}}\n")
	tasks.WriteString("- {debug: {msg: \"the pin is {{ short_pw }} today\"}}\n- {debug: {var: hostvars}}\n- {debug: {var: vars}}\n")
	l.playbook(tasks.String())
	out := l.run(append([]string{"run", "site.yml"}, args...)...)
	if out.code != 0 {
		t.Fatalf("exit code %d\n%s%s", out.code, out.stdout[max(0, len(out.stdout)-2000):], out.stderr)
	}
	s.shown = out.stdout + out.stderr + out.journal
	s.secrets = append([]string{secrets[0][:9], "Zq9canary", "yranac9qZ", "ZQ9CANARY", strings.Join(phrase[:2], " "), `"q7j"`,
		": q7j", "is q7j", ": 937", `"937"`, `["Z","q","9"`}, secrets...)
	for i := range s.chains {
		s.outcomes = append(s.outcomes, l.read(fmt.Sprintf("out%d", i)))
	}
	return s
}

// TestSecretsInErrors checks that errors quote what cannot be read without the values that are secret by name.
func TestSecretsInErrors(t *testing.T) {
	l := newControlNode(t)
	held := func(what string, args ...string) {
		t.Helper()
		if out := l.run(args...); out.code != 1 || strings.Contains(out.stdout+out.stderr, "CANARY") || out.stderr == "" {
			t.Errorf("%s: exit code %d\n%s%s", what, out.code, out.stdout, out.stderr)
		}
	}
	for _, task := range []string{
		"- copyy: {dest: /x, password: CANARYx}", "- user: {name: x, passwordd: CANARYx, password: CANARYy}",
		"- {debug: {msg: x}, vars: {db_pass: CANARYx}, wen: y}",
		"- debug: {msg: x}\n  vars: {db_pass: CANARYx, bad: [}", "- debug: {msg: x}\n  vars: {api_key: \"CANARYx{{ a | uppper }}\"}",
	} {
		l.playbook(task)
		held(task, "run", "site.yml")
	}
	l.playbook("- debug: {msg: x}")
	for _, extra := range []string{`{"password": "CANARYx", `, `password="CANARYx`, `{api_key: [CANARYx}`, `db_pass=CANARYx word`} {
		held(extra, "run", "site.yml", "-e", extra)
	}
	for _, inventory := range []string{
		"all: {hosts: {evil: {ansible_connection: local, db_pass: CANARYx}}, vars: [}",
		"all: {hosts: {evil: {db_pass: &a CANARYx, x: *b}}}", "all: {hostss: {evil: {db_pass: CANARYx}}}",
	} {
		l.write("inventory.yml", inventory)
		held(inventory, "run", "site.yml")
	}
	for _, inventory := range []string{
		"evil ansible_connection=local db_pass=CANARYx y\n", "evil db_pass=\"CANARYx\n", "[all:vars]\ndb_pass CANARY\n",
		"evil db_pass=some CANARYx\n",
	} {
		l.write("hosts.ini", inventory)
		held(inventory, "run", "site.yml", "-i", "hosts.ini")
	}
	// Values that mean something else to YAML or to templates, in every place where a secret may stand.
	l.write("good.yml", "all: {hosts: {evil: {ansible_connection: local}}}\n")
	places := []string{"db_pass: %s", "db_pass:\n      %s", "credentials:\n      web: %s", "list_passwords:\n    - one\n    - %s",
		"secrets:\n    - name: x\n      value: %s", "all: {x: 1, credentials: {web: {pin: 1,\n      b: %s}}}"}
	for i, value := range []string{
		"*CANARYpw", "!CANARYpw", "!!int CANARYpw", "@CANARYpw", "'CANARY'pw'", "[CANARYpw", "{{ CANARYpw",
		"\"CANARYpw{{ x | uppper }}\"", "\"{{ x | default('CANARYpw') | uppper }}\"", "!vault CANARYpw",
	} {
		for _, place := range []string{places[i%len(places)], places[(i+1)%len(places)]} {
			text := fmt.Sprintf(place, value)
			l.write("site.yml", "- hosts: all\n  gather_facts: false\n  vars:\n    "+text+"\n  tasks: [{debug: {msg: x}}]\n")
			held("in a playbook: "+text, "run", "-i", "good.yml", "site.yml")
			l.playbook("- {debug: {msg: x}}")
			l.write("inventory.yml", "all:\n  hosts: {evil: {ansible_connection: local}}\n  vars:\n    "+text+"\n")
			if !strings.Contains(value, "{{ x") { // a template is read where it is used
				held("in an inventory: "+text, "run", "site.yml")
			}
		}
	}
	l.write("site.yml", "- hosts: all\n  vars_prompt:\n  - name: db_pass\n    default: CANARYx{{ a | uppper }}\n  tasks: []\n")
	held("a prompt", "run", "-i", "good.yml", "site.yml")
}
