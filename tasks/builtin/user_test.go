package builtin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestAccounts(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		taskstest.MustChange(t, h, "group", map[string]any{"name": "polardb", "gid": 1500}, l)
		taskstest.MustNotChange(t, h, "group", map[string]any{"name": "polardb"}, l)
		taskstest.MustChange(t, h, "group", map[string]any{"name": "polardb", "gid": 1501}, l)
		taskstest.MustFail(t, h, "user", map[string]any{"name": "polardb", "group": "nobodys"}, l, "the group nobodys")
		hash := "$6$salt$abc/d.ef"
		args := map[string]any{"name": "polardb", "uid": 1500, "group": "polardb", "groups": "wheel", "comment": "the database's",
			"shell": "/bin/bash", "password": hash}
		taskstest.MustChange(t, h, "user", args, l)
		if len(l.Secrets) == 0 || l.Secrets[0] != hash {
			t.Errorf("the password is no secret: %v", l.Secrets)
		}
		passwd := h.EtcFile(t, "passwd")
		if !strings.Contains(passwd, "polardb:x:1500:1501:the database's:/home/polardb:/bin/bash\n") {
			t.Error(passwd)
		}
		if !strings.Contains(h.EtcFile(t, "shadow"), "polardb:"+hash+":") {
			t.Error(h.EtcFile(t, "shadow"))
		}
		plan := taskstest.MustNotChange(t, h, "user", args, l)
		if plan.Values["uid"] != 1500 || plan.Values["groups"] != "wheel" || plan.Values["home"] != "/home/polardb" {
			t.Errorf("%v", plan.Values)
		}
		args["password"] = "$6$salt$other"
		plan, _ = taskstest.MustChange(t, h, "user", args, l)
		for _, d := range plan.Diff {
			if strings.Contains(d.Before+d.After, "$6$") {
				t.Errorf("the diff shows a hash: %+v", d)
			}
		}
		args["update_password"], args["password"] = "on_create", "$6$salt$third"
		taskstest.MustNotChange(t, h, "user", args, l)
		delete(args, "password")
		args["password_lock"] = true
		taskstest.MustChange(t, h, "user", args, l)
		args["password_lock"] = false
		taskstest.MustChange(t, h, "user", args, l)
		args["shell"], args["groups"], args["comment"], args["expires"], args["password_expire_max"] = "/bin/sh", []any{}, "x", 1893456000.0, 90
		taskstest.MustChange(t, h, "user", args, l)
		if strings.Contains(h.EtcFile(t, "group"), "wheel:x:10:polardb") || !strings.Contains(h.EtcFile(t, "shadow"), ":90:::21915:") {
			t.Error(h.EtcFile(t, "group"), h.EtcFile(t, "shadow"))
		}
		taskstest.MustChange(t, h, "user", map[string]any{"name": "polardb", "home": "/home/elsewhere", "move_home": true}, l)
		if _, err := os.Stat(filepath.Join(h.Etc, "../home/elsewhere/.profile")); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(filepath.Join(h.Etc, "../home/elsewhere")); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "user", map[string]any{"name": "polardb"}, l)
		if info, err := os.Stat(filepath.Join(h.Etc, "../home/elsewhere")); err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("a missing home: %v, %v", info, err)
		}
		taskstest.MustChange(t, h, "user", map[string]any{"name": "polardb", "groups": "wheel,root", "append": true}, l)
		taskstest.MustNotChange(t, h, "user", map[string]any{"name": "polardb", "groups": "root", "append": true}, l)
		taskstest.MustChange(t, h, "user", map[string]any{"name": "polardb", "state": "absent", "remove": true}, l)
		taskstest.MustNotChange(t, h, "user", map[string]any{"name": "polardb", "state": "absent"}, l)
		taskstest.MustChange(t, h, "group", map[string]any{"name": "dba", "system": true}, l)
		taskstest.MustChange(t, h, "group", map[string]any{"name": "dba", "state": "absent"}, l)
		taskstest.MustChange(t, h, "user", map[string]any{"name": "svc", "system": true, "create_home": false, "shell": "/usr/sbin/nologin"}, l)
		taskstest.MustNotChange(t, h, "user", map[string]any{"name": "svc", "create_home": false}, l)
	})
}

// TestHomesBelowAnotherAccountsDirectory has homes made and moved where another account put links.
func TestHomesBelowAnotherAccountsDirectory(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		home := filepath.Join(h.Etc, "../home")
		out, err := taskstest.Sh(t, "cd '"+home+"' && chmod 755 . && mkdir root mallory mallory/own mallory/later && "+
			"ln -s ../root mallory/link && chown -h 61234 mallory mallory/*")
		if err != nil {
			t.Fatal(err, out)
		}
		held := func(name string) {
			t.Helper()
			if out, err := taskstest.Sh(t, "ls -A '"+home+"/root'"); err != nil || out != "" {
				t.Errorf("%s: root's directory holds %q, %v", name, out, err)
			}
		}
		args := map[string]any{"name": "app", "home": "/home/mallory/link/app"}
		taskstest.MustFail(t, h, "user", args, l, "is not followed")
		held("a new account")
		// The account is there by now, its home is not.
		taskstest.MustFail(t, h, "user", args, l, "is not followed")
		held("a missing home")
		args["home"] = "/home/mallory/own/app"
		taskstest.MustChange(t, h, "user", args, l)
		taskstest.MustNotChange(t, h, "user", args, l)
		if out, err := taskstest.Sh(t, "cd '"+home+"' && stat -c '%a %U' mallory/own/app && ls -A mallory/own/app"); err != nil ||
			!strings.HasPrefix(out, "750 ") || !strings.HasSuffix(out, ".profile\n") {
			t.Errorf("the home is %q, %v", out, err)
		}
		taskstest.MustChange(t, h, "user", map[string]any{"name": "other", "home": "/home/mallory/later/other"}, l)
		if _, err := os.Stat(home + "/mallory/later/other/.profile"); err != nil {
			t.Error(err)
		}
		args["move_home"], args["home"] = true, "/home/app"
		taskstest.MustFail(t, h, "user", args, l, "could have it lead elsewhere")
		taskstest.MustChange(t, h, "user", map[string]any{"name": "third"}, l)
		taskstest.MustFail(t, h, "user", map[string]any{"name": "third", "home": "/home/mallory/link/third", "move_home": true}, l,
			"could have it lead elsewhere")
		held("a moved home")
		taskstest.MustChange(t, h, "user", map[string]any{"name": "third", "home": "/home/root/third", "move_home": true}, l)
	})
}
