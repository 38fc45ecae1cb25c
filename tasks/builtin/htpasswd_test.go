package builtin

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// Entries that passlib 1.7.4 made of one password, and of the empty one.
var htpasswdEntries = map[string][2]string{
	"apr_md5_crypt": {"$apr1$E59B4qNW$DpzPoy0MNshsmhIodRF54.", "$apr1$OpEHXFDS$6lq2NcH6n0fhRSdD2zAo71"},
	"md5_crypt":     {"$1$L7PMIQDi$liThomTWbCzhYqQeAX1TJ1", "$1$1ijjBDI4$5BAYGeBE2vuM7jVEKYtvU."},
	"sha256_crypt": {"$5$rounds=1000$2dhhQ.LZoY/RfWyj$UkQx9MLMEV7FILYY0oahi8Uhql6MxzmwhdErX8GbeD1",
		"$5$rounds=1000$zEYA84VT/smaytS1$Ga/XNpOC0gZP/peLQVltToN7n0gO0up0vZNRO8Ns.E4"},
	"sha512_crypt": {
		"$6$rounds=1000$PlV7k4h32XZYU2t0$L9V67R8A2gq2Ui9HAfZex1jTmg/qRCwHP7pRTV0QwGl7NVOlg3a9SyV3iDQozCRPjioH1yl9aDSN7ISCAfHq31",
		"$6$rounds=1000$U4DI3q.N4xh/sMsJ$biQWWLH6HsFWXbFJJPDr58Y5DYmUuJrvoffZnJSAxFjAMUXK/I98Y7tF9BxKXTBOWU7dKJMz5nKBBYb/jBCgB/"},
	"bcrypt":    {"$2b$04$a0CjEhZ6LEw25mBUl0KtKeVVHxTUPzZcAv6ObDpizXmnflsAQs0SC", "$2b$04$caQQ1U66A5u23HTNpWC1e.HgAbyxO6wBO/j3MKqFypqqpaLkItv5G"},
	"ldap_sha1": {"{SHA}vTMoAkBD4tIU+S7aW7XgJ7HEUuw=", "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
	"plaintext": {"se:cret ü", ""},
}

// As often as passlib hashes takes seconds.
func init() {
	bcryptCost = 4
	for _, name := range []string{"sha256_crypt", "sha512_crypt"} {
		quick := saltedSchemes[name]
		quick.rounds = "rounds=1000$"
		saltedSchemes[name] = quick
	}
}

func TestHtpasswdHashes(t *testing.T) {
	for _, scheme := range htpasswdSchemes {
		for i, password := range []string{"se:cret ü", ""} {
			entry := htpasswdEntries[scheme][i]
			if schemeOf(entry) != scheme || !opens(entry, password) || opens(entry, password+"x") || opens(entry+"x", password) {
				t.Errorf("%s: %q opens %s: %v", scheme, password, entry, opens(entry, password))
			}
		}
		password := strings.Repeat("long ", 20)
		first, err := hashHtpasswd(scheme, password)
		if err != nil || schemeOf(first) != scheme || !opens(first, password) || opens(first, "short") {
			t.Errorf("%s: %q: %v", scheme, first, err)
		}
		if second, _ := hashHtpasswd(scheme, password); second == first && scheme != "plaintext" && scheme != "ldap_sha1" {
			t.Errorf("%s: the same salt twice", scheme)
		}
	}
	slow := strings.Replace(htpasswdEntries["bcrypt"][0], "$04$", "$31$", 1)
	for _, bad := range []string{slow, "$5$rounds=999999999$aaaa$x", "$apr1$", "$5$", "$2b$"} {
		if opens(bad, "x") {
			t.Errorf("%s is opened", bad)
		}
	}
}

func TestHtpasswd(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		file := dir + "/new/pass words"
		with := func(more ...any) map[string]any {
			all := map[string]any{"path": file, "name": "jane"}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		says := func(got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("it says %q, not %q", got, want)
			}
		}
		plan := taskstest.MustNotChange(t, h, "htpasswd", with("state", "absent"), l)
		if says(plan.Msg, "jane not present"); len(plan.Warnings) != 1 {
			t.Errorf("%q", plan.Warnings)
		}
		taskstest.MustFail(t, h, "htpasswd", with("password", "one", "create", false), l, "does not exist")
		asked, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "htpasswd", with("password", "one"), &taskstest.FakeLocal{Checking: true}))
		if err != nil || !asked.Change {
			t.Errorf("%+v %v", asked, err)
		}
		says(asked.Msg, "Create "+file+", and the directory "+dir+"/new")

		plan, _ = taskstest.MustChange(t, h, "htpasswd", with("password", "one", "mode", "0640"), l)
		says(plan.Msg, "Created "+file+" and added jane")
		if d := plan.Diff; len(d) != 1 || !d[0].Hidden || d[0].Before+d[0].After != "" {
			t.Errorf("the difference shows the hash: %+v", d)
		}
		if len(l.Secrets) == 0 || l.Secrets[0] != "one" {
			t.Errorf("the password is not masked: %q", l.Secrets)
		}
		text := taskstest.Read(t, file)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 || !strings.HasPrefix(text, "jane:$apr1$") {
			t.Errorf("%q %v %v", text, info.Mode(), err)
		}
		plan = taskstest.MustNotChange(t, h, "htpasswd", with("password", "one", "mode", "0640", "crypt_scheme", "bcrypt"), l)
		says(plan.Msg, "jane already present")
		plan, _ = taskstest.MustChange(t, h, "htpasswd", with("password", "one", "mode", "0600"), l)
		if len(plan.Diff) != 1 || plan.Diff[0].Hidden || taskstest.Read(t, file) != text {
			t.Errorf("%+v", plan.Diff)
		}

		// The first line of a name counts, as it does for the server; remarks and other lines stay, blank ones go.
		taskstest.Write(t, file, "# mine\n\njoe:x\njane:old:a remark\n \njane:older\njanet:y", 0o600)
		plan, _ = taskstest.MustChange(t, h, "htpasswd", with("password", "two", "hash_scheme", "plaintext"), l)
		says(plan.Msg, "Add/update jane")
		says(taskstest.Read(t, file), "# mine\njoe:x\njane:two:a remark\njane:older\njanet:y")
		taskstest.MustNotChange(t, h, "htpasswd", with("password", "two"), l)
		taskstest.MustChange(t, h, "htpasswd", map[string]any{"dest": file, "username": "ann", "password": "3", "hash_scheme": "plaintext"}, l)
		plan, _ = taskstest.MustChange(t, h, "htpasswd", with("state", "absent"), l)
		says(plan.Msg, "Remove jane")
		says(taskstest.Read(t, file), "# mine\njoe:x\njanet:y\nann:3\n")
		says(taskstest.MustNotChange(t, h, "htpasswd", with("state", "absent"), l).Msg, "jane not present")

		taskstest.Write(t, file, "joe:x\nnot one\n", 0o600)
		taskstest.MustFail(t, h, "htpasswd", with("password", "two"), l, "no colon in line 2")
	})
}

func TestHtpasswdRefusals(t *testing.T) {
	with := func(name string, value any) map[string]any {
		all := map[string]any{"path": "/f", "name": "jane", "password": "one"}
		all[name] = value
		return all
	}
	refused(t, "htpasswd", with("password", nil), `"password" is required`)
	refused(t, "htpasswd", with("password", "a\x00"), "NUL")
	refused(t, "htpasswd", with("hash_scheme", "des_crypt"), `cannot be des_crypt: apr_md5_crypt, bcrypt`)
	refused(t, "htpasswd", with("mode", "rw"), `"mode"`)
	for _, name := range []string{"", "a:b", "a\n", "#a", strings.Repeat("a", 256)} {
		refused(t, "htpasswd", with("name", name), `"name" cannot be`)
	}
	refused(t, "htpasswd", map[string]any{"path": "/f", "name": "jane", "password": "a:b", "hash_scheme": "plaintext"}, "colon")
}
