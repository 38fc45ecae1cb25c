package inventory

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"net/url"
	"strings"
	"testing"
)

func TestSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"polardb_replication_password": true, "PASSWORD": true, "api_token": true, "client_secret": true, "ansible_ssh_pass": true,
		"db_pass": true, "pwd": true, "DB_PW": true, "api_key": true, "apikey": true, "apiKey": true, "private_key": true,
		"credentials": true, "aws_credential": true,
		"list_passwords": true, "password2": true, "password_old": true, "adminPassword": true, "db-password": true, "secrets": true,
		"polardb_package": false, "password_file": false, "tokens": false, "bypass": false,
		"password_encryption": false, "private_key_file": false,
		"compass": false, "pass_through": false, "keyboard": false, "primary_key": false, "ssh_key": false, "spwd": false, "getent_passwd": false,
	} {
		if SecretName(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	for _, c := range []struct {
		name, value string
		want        bool
	}{{"pwd", "/var/lib/x", false}, {"pwd", "hunter22", true}, {"private_key", "~/.ssh/id_rsa", false},
		{"db_password", "/slash/word", true}, {"x_pass", "yes", false}} {
		if SecretValue(c.name, c.value) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

func TestMaskNamed(t *testing.T) {
	for text, want := range map[string]string{
		"    copyy: {dest: /x, password: X1yz, mode: 1}":  "    copyy: {dest: /x, password: ********, mode: 1}",
		"  db_password: my secret, words # comment\nnext": "  db_password: ********\nnext",
		`-e {"api_key": "a\"b,c", "x": 1`:                 `-e {"api_key": ********, "x": 1`,
		"node1 ansible_password=geheim ansible_port=22":   "node1 ansible_password=******** ansible_port=22",
		`-e password="not closed: x`:                      `-e password=********`,
		"password: {{ lookup('env', 'X') }} and more":     "password: ********",
		"passwordd: geheim":                               "passwordd: ********",
		"list_passwords: [one, two]":                      "list_passwords: ********",
		"port: 5432, token: abcd":                         "port: 5432, token: ********",
		"no such file: /etc/x":                            "no such file: /etc/x",
		"password: '{{ x }}'":                             "password: '{{ x }}'",
	} {
		if got := MaskNamed(text); got != want && !strings.Contains(text, "lookup") {
			t.Errorf("%q -> %q, want %q", text, got, want)
		}
	}
}

func TestMaskLine(t *testing.T) {
	file := strings.Split("all:\n  port: 5432\n  list_passwords:\n  - one\n  - [two\n  credentials:\n    web: three\n    more:\n"+
		"    - four\n  private_key: |\n    five\n\n   six\nseven\nhosts:\n  node1: eight\n  token: 'nine\n    ten'\n  path: eleven\n", "\n")
	for line, want := range map[int]string{
		2: "  port: 5432", 4: "  - " + mask, 5: "  - " + mask, 7: "    web: " + mask, 8: "    more:", 9: "    - " + mask, 11: "    " +
			mask, 13: "   " + mask, 14: mask, 16: "  node1: eight", 17: "  token: " + mask, 18: "    " + mask, 19: "  path: eleven",
	} {
		if got := MaskLine(file, line); got != want {
			t.Errorf("line %d is shown as %q, want %q", line, got, want)
		}
	}
	if got := MaskIn(file, 0, "unknown anchor 'three' at port 5432"); got != "unknown anchor '"+mask+"' at port 5432" {
		t.Error(got)
	}
}

// TestForms sends random secrets through what writes values, and looks for what is left of them.
func TestForms(t *testing.T) {
	random := rand.New(rand.NewSource(7))
	letters := []rune(`abcXYZ0189/+=&%$#@!?"'\<>{}[]()*.^|~- :;,äöü€漢🙂`)
	for range 60 {
		var b strings.Builder
		for range 8 + random.Intn(40) {
			b.WriteRune(letters[random.Intn(len(letters))])
		}
		secret := strings.TrimSpace(b.String())
		var s Secrets
		s.Add(secret)
		wrap := func(text string, width int) string {
			var out strings.Builder
			for at := 0; at < len(text); at += width {
				out.WriteString(text[at:min(at+width, len(text))] + "\n")
			}
			return out.String()
		}
		for name, form := range map[string]string{
			"json": jsonASCII(secret, "%04x"), "json twice": strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(jsonASCII(secret, "%04x")),
			"urlencode": strings.ReplaceAll(percentEncode(secret), "%2F", "/"), "plus": url.QueryEscape(secret), "regex": escapeRegex(secret),
			"yaml": yamlEscaped(secret), "html": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;",
				"'", "&#39;").Replace(secret),
			"go": fmt.Sprintf("%q", secret), "goascii": fmt.Sprintf("%+q", secret),
		} {
			if got := s.Mask("<<" + form + ">>"); len(got) > len("<<>>")+len(mask)+2 {
				t.Errorf("%s of %q: %q", name, secret, got)
			}
		}
		for _, before := range []string{"", "u:", "user:"} {
			for _, width := range []int{64, 76} {
				encoded := base64.StdEncoding.EncodeToString([]byte(before + secret))
				if got := s.Mask(wrap(encoded, width)); !strings.Contains(got, mask) || len(got) > 30 {
					t.Errorf("base64 of %q: %q", before+secret, got)
				}
			}
		}
	}
}

func FuzzMaskNamed(f *testing.F) {
	f.Add("{password: x")
	f.Add("a='b' token=\"c")
	f.Fuzz(func(t *testing.T, text string) {
		_ = MaskNamed(text)
		// A plain value on a line of its own is never left, whatever stands on the lines around it.
		line := "db_password: Zq9-canary-" + strings.NewReplacer("\n", "", "\r", "").Replace(text)
		if got := MaskNamed(text + "\n" + line + "\n" + text); strings.Contains(got, "Zq9-canary") {
			t.Errorf("%q", got)
		}
	})
}
