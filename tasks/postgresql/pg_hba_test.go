package postgresql

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// hbaRows are files before and after a task, with \n as they are. What Ansible's own module makes of most of them is in the comparison
// of both.
var hbaRows = []struct {
	name, before string
	args         map[string]any
	after        string // "": nothing changes
}{
	{"add", "local\tall\tall\tpeer\n", map[string]any{"contype": "host", "address": "10.0.0.0/8"}, "local\tall\tall\tpeer\nhost\tall\tall\t10.0.0.0/8\tmd5"},
	{"there in other words", "host  b,a  all  10.0.0.0  255.0.0.0 md5 # why\n", map[string]any{"contype": "host", "databases": `"b,a"`, "address": "::1/128", "state": "absent"}, ""},
	{"mask", "host all all 10.0.0.0 255.0.0.0 md5\n", map[string]any{"contype": "host", "address": "10.0.0.0/8"}, ""},
	{"another method", "host all all 10.0.0.0 255.0.0.0 md5\n", map[string]any{"contype": "host", "address": "10.0.0.0", "netmask": "255.0.0.0", "method": "trust"}, "host\tall\tall\t10.0.0.0/8\ttrust"},
	{"another type is another rule", "host all all samehost md5\n", map[string]any{"contype": "hostssl", "databases": "a"}, "hostssl\ta\tall\tsamehost\tmd5\nhost all all samehost md5"},
	{"each user", "", map[string]any{"contype": "local", "users": "b,a", "method": "peer"}, "local\tall\ta\tpeer\nlocal\tall\tb\tpeer"},
	{"narrow before wide", "host all all 0.0.0.0/0 md5\n# first\nhost all all ::/0 md5\n\ninclude other.conf\nhost all all a.example md5\nhost all all .example md5\n",
		map[string]any{"contype": "host", "address": "10.1.0.0/16", "options": "b=2 a=1", "comment": "new"},
		"# first\nhost all all a.example md5\nhost\tall\tall\t10.1.0.0/16\tmd5\ta=1 b=2\t#new\nhost all all .example md5\nhost all all 0.0.0.0/0 md5\nhost all all ::/0 md5\ninclude other.conf"},
	{"unsorted", "host all all all md5\n", map[string]any{"contype": "local", "method": "peer", "sort_rules": false}, "host all all all md5\n\nlocal\tall\tall\tpeer"},
	{"remove", "# x\nlocal all all peer\nhost all all all md5\n", map[string]any{"contype": "host", "address": "all", "state": "absent"}, "# x\nlocal all all peer"},
	{"all", "nonsense\n", map[string]any{"overwrite": true, "rules": []any{
		map[string]any{"contype": "host", "src": "all", "options": map[string]any{"ldapbasedn": "dc=a,dc=b"}, "method": "ldap"},
		map[string]any{"contype": "local", "users": "x"},
	}}, "local\tall\tx\tmd5\nhost\tall\tall\tall\tldap\t\"ldapbasedn=dc=a,dc=b\""},
	{"defaults", "", map[string]any{"rules_behavior": "combine", "contype": "hostssl", "address": "all", "rules": []any{map[string]any{"users": "a"}, map[string]any{"users": "b", "method": "trust"}}},
		"hostssl\tall\ta\tall\tmd5\nhostssl\tall\tb\tall\ttrust"},
	{"comment", "local all all peer\n", map[string]any{"comment": "said"}, "#said\nlocal all all peer"},
	{"blanks and includes", "host all all all md5\n \ninclude a # b\nlocal all x peer\n", map[string]any{"contype": "local", "users": "y"}, "local\tall\ty\tmd5\nlocal all x peer\nhost all all all md5\ninclude a # b"},
	{"goes on", "local all \\\nall peer\n", map[string]any{"contype": "local", "method": "peer"}, ""},
	{"only read", "local all all peer\n", map[string]any{"backup": true}, ""},
	{"a list with blanks", "host b, a all all md5\n", map[string]any{"backup": true}, ""},
}

func TestHBA(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		for _, row := range hbaRows {
			path := filepath.Join(dir, strings.ReplaceAll(row.name, " ", "_"))
			taskstest.Write(t, path, row.before, 0o640)
			args := map[string]any{"dest": path}
			for k, v := range row.args {
				args[k] = v
			}
			if row.after != "" {
				checking := &taskstest.FakeLocal{Checking: true}
				if p, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "postgresql_pg_hba", args, checking)); err != nil || !p.Change {
					t.Errorf("%s: in check mode %+v, %v", row.name, p, err)
				}
				taskstest.MustChange(t, h, "postgresql_pg_hba", args, &taskstest.FakeLocal{})
			} else {
				row.after = row.before
			}
			if got := taskstest.Read(t, path); got != row.after {
				t.Errorf("%s:\n%s\nwant\n%s", row.name, got, row.after)
			}
			p := taskstest.MustNotChange(t, h, "postgresql_pg_hba", args, &taskstest.FakeLocal{})
			if p.Values["pg_hba_string"] != row.after {
				t.Errorf("%s: it returns %v", row.name, p.Values)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("%s: the mode is %v, %v", row.name, info.Mode(), err)
			}
		}
	})
}

func TestHBAFile(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		path := filepath.Join(dir, "pg_hba.conf")
		args := map[string]any{"dest": path, "contype": "host", "address": "fd00::/8", "backup": true}
		taskstest.MustFail(t, h, "postgresql_pg_hba", args, &taskstest.FakeLocal{}, "create: true")
		if _, err := os.Lstat(path); err == nil {
			t.Error("what was refused made a file")
		}
		if v := taskstest.MustNotChange(t, h, "postgresql_pg_hba", map[string]any{"dest": path},
			&taskstest.FakeLocal{}).Values; v["pg_hba_string"] != "" {
			t.Errorf("%v", v)
		}
		args["create"] = true
		taskstest.MustChange(t, h, "postgresql_pg_hba", args, &taskstest.FakeLocal{})
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		args["method"] = "reject"
		p, _ := taskstest.MustChange(t, h, "postgresql_pg_hba", args, &taskstest.FakeLocal{})
		backup, _ := p.Made["backup_file"].(string)
		if got := taskstest.Read(t, backup); got != "host\tall\tall\tfd00::/8\tmd5" {
			t.Errorf("%s: %q", backup, got)
		}
		rules, _ := p.Made["pg_hba"].([]any)
		if len(rules) != 1 || rules[0].(map[string]any)["src"] != "fd00::/8" {
			t.Errorf("%v", p.Made)
		}
		taskstest.Write(t, path, "local all all peer\nnot a rule at all\n", 0o600)
		taskstest.MustFail(t, h, "postgresql_pg_hba", args, &taskstest.FakeLocal{}, "line 2")
	})
}

func TestHBARefusals(t *testing.T) {
	for text, args := range map[string]map[string]any{
		"10.0.0.1/32 is that one": {"contype": "host", "address": "10.0.0.1"}, "10.0.0.0/8 is meant": {"contype": "host", "address": "10.0.0.1/8"},
		"one follows a zero": {"contype": "host", "address": "10.0.0.0", "netmask": "0.0.0.255"}, "no mask of": {"contype": "host", "address": "10.0.0.0", "netmask": "ffff::"},
		"which is no network": {"contype": "host", "address": "10.0.0.0/33x"}, "no address, network": {"contype": "host", "address": "10.0.0/8"}, "several lines": {"contype": "local", "comment": "x\nlocal all all trust"},
		"NAME=VALUE": {"contype": "local", "options": "x"}, "twice": {"contype": "local", "options": "a=1 a=2"}, "for a user": {"contype": "local", "users": "a b"},
		"exclude each other": {"contype": "local", "rules": []any{map[string]any{"users": "a"}}}, "unknown key": {"rules": []any{map[string]any{"contype": "local", "user": "a"}}},
		"neither contype": {"rules": []any{map[string]any{"users": "a"}}}, "both address and src": {"rules": []any{map[string]any{"address": "all", "src": "all"}}},
		"keeps the copy": {"backup_file": "/x"}, "state": {"rules": []any{map[string]any{"contype": "local", "state": "gone"}}},
	} {
		args["dest"] = "/x"
		if _, err := taskstest.ModuleNamed(t, "postgresql_pg_hba").New(args, &taskstest.FakeLocal{}); err == nil ||
			!strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want %q", args, err, text)
		}
	}
}

func FuzzHBA(f *testing.F) {
	for _, row := range hbaRows {
		f.Add(row.before)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := readHBA(text)
		if err != nil {
			return
		}
		if got := renderHBA(rules); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
		// What is written of a rule is that rule.
		for _, r := range rules {
			bare := *r
			bare.line = ""
			again, err := readHBALine(bare.text())
			if err != nil || !r.special() && !again.identical(r) {
				t.Errorf("%q is written %q: %v", r.line, bare.text(), err)
			}
		}
		sortHBA(rules)
	})
}
