package event

import (
	"fmt"
	"maps"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// universe is a set of secrets and what is rendered with it. What is the same in two universes is no secret.
type universe struct {
	render  *templates.Engine
	events  *Emitter
	vars    templates.Map
	secrets []string
}

const (
	lower    = "abcdefghijklmnopqrstuvwxyz"
	upper    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numerals = "123456789"
	signs    = "!$%&/()=?+#-_.:;<>'\"\\ "
	foreign  = "äößéñ"
)

// shapes are secrets as patterns: each letter stands for one of its kind.
func universes(random *rand.Rand) [2]universe {
	kinds := map[byte]string{'a': lower, 'A': upper, '1': numerals, '!': signs, 'o': foreign}
	shape := func(n int, from string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[random.Intn(len(from))]
		}
		return string(b)
	}
	var words []string
	for range 14 {
		words = append(words, shape(4+random.Intn(6), "aA"))
	}
	shapes := []string{"A" + shape(8+random.Intn(24), "aaAA1!o") + "a", shape(9, "1"), strings.Join(words, " "), shape(90, "aA1"),
		shape(14, "aA!") + "a", "A" + shape(60, "aA1") + "a\n" + shape(60, "aA1") + "\n" + shape(20, "aA1"), shape(5, "aA1") + "a", "aA1"}
	var both [2]universe
	for i := range both {
		u := universe{vars: templates.Map{}}
		for _, pattern := range shapes {
			var b strings.Builder
			for at := range len(pattern) {
				if kind := []rune(kinds[pattern[at]]); len(kind) > 0 {
					b.WriteRune(kind[random.Intn(len(kind))])
				} else {
					b.WriteByte(pattern[at])
				}
			}
			u.secrets = append(u.secrets, b.String())
		}
		s := &inventory.Secrets{}
		u.render = templates.New(templates.Options{Secrets: s})
		u.events = &Emitter{mask: s.Mask, alone: s.MaskValue, listeners: []Listener{}}
		number, _ := strconv.Atoi(u.secrets[1])
		u.vars = templates.Map{"db_pass": u.secrets[0], "number_pw": number, "passphrase": u.secrets[2], "long_token": u.secrets[3],
			"api_key": u.secrets[4], "tls_private_key": u.secrets[5], "short_secret": u.secrets[6], "tiny_pw": u.secrets[7],
			"users": []any{map[string]any{"name": "app", "password": "{{ 'x' ~ long_token }}"}, map[string]any{"name": "monitor",
				"passwd": u.secrets[0] + "2"}},
			"creds": map[string]any{"credentials": map[string]any{"a": u.secrets[0] + "3", "b": []any{u.secrets[3] + "4"}}},
			"url":   "postgresql://app:{{ db_pass | urlencode }}@db1:5432/x",
			"said":  templates.Unsafe{Value: map[string]any{"stdout": "the key is " + u.secrets[4] + " of app", "rc": 0}}, "port": 5432,
			"path": "/var/lib/polardb/data", "host": "node1.example.com", "words": []any{"alpha", "beta", "gamma"}}
		for _, secret := range u.secrets { // as of what stands in an inventory
			s.Add(secret)
		}
		both[i] = u
	}
	return both
}

var beginnings = []string{"db_pass", "api_key", "users[0].password", "(number_pw | string)", "('user:' ~ db_pass ~ '@host')",
	"({'k': db_pass, 'public': 'seen', 'port': port} | to_json)", "passphrase", "({'k': passphrase, 'l': db_pass, 'n': 1} | to_nice_yaml)",
	"long_token", "(long_token | b64encode)", "(db_pass[4:] ~ db_pass[:4])", "tls_private_key", "(users | to_nice_json)",
	"(users | map(attribute='password', default='none') | join(','))", "url", "(creds | to_yaml)", "said.stdout",
	"('%s at %s' | format(api_key, host))",
	"(['a', db_pass, path] | join(' '))", "(short_secret ~ '-suffix')", "short_secret",
	"(users | selectattr('name', 'equalto', 'app') | map(attribute='password') | first)", "creds.credentials.a",
	"(creds.credentials.b | first)", "(number_pw + 17) | string", "({'a': [db_pass]} | to_json | from_json).a[0]",
	"(db_pass.upper() + long_token.lower())", "(long_token if port == 5432 else 'none')",
	"('a' ~ tiny_pw ~ 'b' ~ tiny_pw ~ 'c' ~ tiny_pw)", "(passphrase.split(' ')[1:4] | join(' '))", "vars['db_pass']",
	"lookup('vars', 'long_token')", "(users | items2dict(key_name='name', value_name='password') | to_json if false else users[1].passwd)"}

var transformations = []string{"|to_json", "|urlencode", "|b64encode", "|regex_escape", "|escape", "|e", "|quote", "|upper",
	"|lower", "|capitalize", "|title", "|reverse", "|hash('sha1')", "|hash('sha256')", "|md5", "|sha1", "|checksum",
	"|to_nice_yaml", "|to_yaml", "|to_nice_json", "|string", "|comment", "|comment('c')",
	"|regex_replace('a', 'b')", "|regex_replace('^(.{3})(.*)$', '\\\\2\\\\1')", "|replace('e', 'E')", "|postgres_setting",
	"|trim", "|wordwrap(20)", "|indent(6, true)", "|indent(2)", "|center(90)", "[:12]", "[3:]", "[1:-2]", "[::-1]", "[::2]",
	"|truncate(9, true, '')", "|truncate(30)",
	"|regex_search('.{7}')", "|regex_findall('[a-zA-Z]{2,5}')|join(' ')", "|list|join('')", "|list|sort|join('')",
	"|batch(7)|map('join')|join('-')", "|split('a')|join('A')", "|list|reverse|join", "|slice(3)|map('join')|join",
	"|list|unique|join", "|list|random(seed='1')", "|split|map('upper')|join('_')", "|split|first",
	"|split|last", "|regex_replace('(.{64})', '\\\\1\\n')", "|regex_replace('(.{76})', '\\\\1\\n')", ".swapcase()", ".upper()",
	".replace('a', 'AA')", ".rjust(120, '.')", ".encode('utf-8').decode()", ".split('a')|join('+')", ".title()", ".zfill(50)",
	"|default('none')", "|b64encode|b64decode", "|to_json|from_json", "|urlsplit('path')",
	"|splitext|join", "|basename", "|dirname", "|list|shuffle(seed='x')|join", "|list|map('upper')|list|join('.')", "|list|min",
	"|zip(words)|list|to_json", "|list|zip_longest(words, fillvalue='-')|map('join')|join", "|win_basename", "|expanduser",
	"|string|list|batch(3)|list|to_json", "|bool", "|int", "|ternary('yes-it-is', 'no')",
	" ~ path", " ~ '/' ~ host", "|hash('md5')", "|to_uuid", "|relpath('/etc')", "|human_readable|default('x')",
	"|regex_replace('[^a-z]', '')", "|replace(' ', '')", "|striptags", "|urlize", "|xmlattr|default('')", "|pprint", "|forceescape",
	"|from_yaml", "|d('x')", "|format('x')", "|select('string')|list|join", "|map('ord')|join"}

// wrappings are what the expression E stands in.
var wrappings = []string{"{{ E }}", "<{{ E }}>", "host={{ host }} value={{ E }} port={{ port }}",
	"{% set x = E %}{{ x }}\npublic line\nx={{ x | upper }}", "{% filter upper %}line of text\n{{ E }}\n{% endfilter %}",
	"{% for c in E | string %}{{ c }}{% if loop.index % 5 == 0 %}\n{% endif %}{% endfor %}",
	"{% macro m(a) %}[{{ a }}:{{ a | string | length }}]{% endmacro %}{{ m(E) }}", "{% set ns = namespace(t='') %}{% for c in E | " +
		"string | list | reverse %}{% set ns.t = ns.t ~ c %}{% endfor %}{{ ns.t }}", "{{ [E, 'seen', port] }}",
	"{{ {'name': host, 'inner': {'value': E, 'path': path}} }}", "{{ (E) | string | list }}",
	"{{ E | string | batch(2) | map('join') | list }}",
	"{% set block %}{{ E }}\nsecond{% endset %}{{ block | indent(4) }}", "{% raw %}{{ text }}{% endraw %}{{ E }}",
	"{% for w in (E | string).split(' ') %}- {{ w }} on {{ host }}\n{% endfor %}",
	"{% if E is string %}{{ E | string | upper | reverse }}{% endif %}", "{{ (E) | no_such_number | int }}"}

// TestSecretsAreFollowed sends secrets through random chains of filters, methods and tags in two universes. What differs
// between the outcomes depends on secrets, and must not be in anything that listeners get. POLARBOOK_SEEDS says how many
// chains are tried.
func TestSecretsAreFollowed(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 10
	}
	if n, err := strconv.Atoi(os.Getenv("POLARBOOK_SEEDS")); err == nil {
		seeds = n
	}
	rendered := 0
	for seed := range seeds {
		random := rand.New(rand.NewSource(int64(seed)))
		both := universes(random)
		for range 6 {
			chain := beginnings[random.Intn(len(beginnings))]
			for range random.Intn(5) {
				chain = "(" + chain + transformations[random.Intn(len(transformations))] + ")"
			}
			text := strings.ReplaceAll(wrappings[random.Intn(len(wrappings))], "E", chain)
			var outcomes [2]any
			failed := 0
			var shown string
			for i, u := range both {
				value, err := u.render.RenderValue(text, u.vars)
				if err != nil {
					value = err.Error()
					failed++
				} else {
					rendered++
				}
				outcomes[i] = value
				if i == 0 {
					shown = everythingTold(u.events, value)
				}
			}
			others := map[string]bool{}
			for _, line := range linesOf(outcomes[1]) {
				others[line] = true
			}
			for _, line := range linesOf(outcomes[0]) {
				if len(line) >= 8 && !others[line] && failed != 1 && tells(line, text) && strings.Contains(shown, line) &&
					!strings.Contains(line, "***") {
					t.Errorf("seed %d: %q is shown of %s", seed, line, text)
				}
			}
			for _, secret := range both[0].secrets {
				if len(secret) > 3 && strings.Contains(shown, secret) {
					t.Errorf("seed %d: the secret %q is shown of %s", seed, secret, text)
				}
			}
		}
	}
	if rendered < seeds*6 {
		t.Errorf("only %d of %d were rendered", rendered, seeds*12)
	}
}

// tells says whether there is more in a line than a letter or two that a secret decides: a padding, or one item of a list,
// or what the template has in it anyway.
func tells(line, template string) bool {
	if strings.Contains(template+"node1.example.com alpha beta gamma /var/lib/polardb/data", line) || strings.Contains(line, template) {
		return false
	}
	for _, frame := range []string{
		" seen 5432", " on node1.example.com", "/node1.example.com", "host=", "{{ text }}", "line of text", "x= ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	} {
		line = strings.ReplaceAll(line, frame, "")
	}
	letters := map[rune]bool{}
	for _, r := range line {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			letters[r] = true
		}
	}
	return len(letters) > 2
}

// TestOrdinaryTextsStayReadable holds that what does not depend on a secret is shown, however short or common the secret is.
func TestOrdinaryTextsStayReadable(t *testing.T) {
	s := &inventory.Secrets{}
	render := templates.New(templates.Options{Secrets: s})
	events := &Emitter{mask: s.Mask, alone: s.MaskValue}
	vars := templates.Map{"pin_pw": 5432, "short_pw": "db1", "old_pass": "a", "yes_token": "yes", "db_password": "Correct-horse-9",
		"host": "db1.example.com", "port": 5432, "path": "/var/lib/polardb/db1", "settings": map[string]any{"work_mem": "64MB", "port": 5432},
		"users": []any{map[string]any{"name": "app", "password": "{{ db_password }}x"}}}
	for text, want := range map[string]string{
		"{{ host }}:{{ port }} {{ path }}": "db1.example.com:5432 /var/lib/polardb/db1",
		"{{ pin_pw }} and {{ short_pw }}":  "********",
		"a {{ old_pass }} b":               "a a b", // one letter says nothing where it stands
		"password = '{{ db_password }}'\nport = {{ port }}\n{{ settings | to_nice_yaml }}": "password " +
			"= '********'\nport = 5432\nport: 5432\nwork_mem: 64MB\n",
		"{{ {'password': db_password, 'settings': settings, 'host': host} | to_nice_json }}": "{\n" +
			"    \"host\": \"db1.example.com\",\n    \"password\": \"********\",\n    \"settings\": {\n        \"port\": 5432,\n" +
			"        \"work_mem\": \"64MB\"\n    }\n}",
		"{{ (db_password | upper) ~ '@' ~ host ~ ':' ~ port }}":                                      "********@db1.example.com:5432",
		"{{ 'strong' if db_password | length > 8 else 'weak' }} {{ db_password is defined }}":        "strong True",
		"{{ users | map(attribute='name') | join }} {{ users | length }} {{ db_password | length }}": "app 1 15",
		"{{ users[0].password[::-1] }} of {{ users[0].name }}":                                       "x******** of app",
		"{% for line in settings | dictsort %}{{ line[0] }}={{ line[1] }}\n{% endfor %}{{ db_password | b64encode }}": "port=5432\n" +
			"work_mem=64MB\n********",
	} {
		value, err := render.RenderValue(text, vars)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		events.left = maximumTold
		if got := events.tell(fmt.Sprint(value)); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
	// And after all that.
	for _, text := range []string{
		"node1.example.com listens on port 5432 of db1", "/var/lib/polardb/db1/data", "port: 5432", "work_mem = 64MB",
		"changed=0 ok=15 failed=0", "yes",
	} {
		events.left = maximumTold
		if got := events.tell(text); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// everythingTold is what listeners get of a value, in each of the places where it may stand.
func everythingTold(m *Emitter, value any) string {
	m.left = maximumTold
	written := printed(value)
	done := m.masked(HostDone{Msg: written, Item: written, Warnings: []string{written},
		Diff:   []tasks.Diff{{Before: written, After: "x\n" + written}},
		Values: ordered.Of("value", value, "stdout", "<"+written+">", "lines", strings.Split(written, "\n"))})
	return fmt.Sprintf("%v\n%v\n%v\n%v", done, m.masked(TaskStarted{Name: written}), m.masked(HostSaid{Line: written}),
		m.masked(Retrying{Msg: written}))
}

// printed is a value as a template prints it: lists and dicts as Python does.
func printed(value any) string {
	quoted := func(x any) string {
		if s, ok := x.(string); ok {
			return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`).Replace(s) + "'"
		}
		return printed(x)
	}
	var parts []string
	switch v := value.(type) {
	case []any:
		for _, x := range v {
			parts = append(parts, quoted(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, quoted(k)+": "+quoted(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(value)
}

// linesOf are the lines of all texts of a value, and of lists of letters as one.
func linesOf(value any) []string {
	var lines []string
	switch v := value.(type) {
	case string:
		for _, line := range strings.Split(v, "\n") {
			lines = append(lines, strings.TrimSpace(line))
		}
	case []any:
		var all strings.Builder
		for _, item := range v {
			lines = append(lines, linesOf(item)...)
			fmt.Fprint(&all, " ", item)
		}
		lines = append(lines, strings.TrimSpace(all.String()))
	case map[string]any:
		for key, item := range v {
			lines = append(append(lines, key), linesOf(item)...)
		}
	case int, float64:
		lines = append(lines, fmt.Sprint(v))
	}
	return lines
}
