package tasks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAccounts(t *testing.T) {
	apart(t, func(t *testing.T, h *localHost) {
		l := &fakeLocal{}
		mustChange(t, h, "group", map[string]any{"name": "polardb", "gid": 1500}, l)
		mustNotChange(t, h, "group", map[string]any{"name": "polardb"}, l)
		mustChange(t, h, "group", map[string]any{"name": "polardb", "gid": 1501}, l)
		mustFail(t, h, "user", map[string]any{"name": "polardb", "group": "nobodys"}, l, "the group nobodys")
		hash := "$6$salt$abc/d.ef"
		args := map[string]any{"name": "polardb", "uid": 1500, "group": "polardb", "groups": "wheel", "comment": "the database's", "shell": "/bin/bash", "password": hash}
		mustChange(t, h, "user", args, l)
		if len(l.secrets) == 0 || l.secrets[0] != hash {
			t.Errorf("the password is no secret: %v", l.secrets)
		}
		passwd := h.etcFile(t, "passwd")
		if !strings.Contains(passwd, "polardb:x:1500:1501:the database's:/home/polardb:/bin/bash\n") {
			t.Error(passwd)
		}
		if !strings.Contains(h.etcFile(t, "shadow"), "polardb:"+hash+":") {
			t.Error(h.etcFile(t, "shadow"))
		}
		plan := mustNotChange(t, h, "user", args, l)
		if plan.Values["uid"] != 1500 || plan.Values["groups"] != "wheel" || plan.Values["home"] != "/home/polardb" {
			t.Errorf("%v", plan.Values)
		}
		args["password"] = "$6$salt$other"
		plan, _ = mustChange(t, h, "user", args, l)
		for _, d := range plan.Diff {
			if strings.Contains(d.Before+d.After, "$6$") {
				t.Errorf("the diff shows a hash: %+v", d)
			}
		}
		args["update_password"], args["password"] = "on_create", "$6$salt$third"
		mustNotChange(t, h, "user", args, l)
		delete(args, "password")
		args["password_lock"] = true
		mustChange(t, h, "user", args, l)
		args["password_lock"] = false
		mustChange(t, h, "user", args, l)
		args["shell"], args["groups"], args["comment"], args["expires"], args["password_expire_max"] = "/bin/sh", []any{}, "x", 1893456000.0, 90
		mustChange(t, h, "user", args, l)
		if strings.Contains(h.etcFile(t, "group"), "wheel:x:10:polardb") || !strings.Contains(h.etcFile(t, "shadow"), ":90:::21915:") {
			t.Error(h.etcFile(t, "group"), h.etcFile(t, "shadow"))
		}
		mustChange(t, h, "user", map[string]any{"name": "polardb", "home": "/home/elsewhere", "move_home": true}, l)
		if _, err := os.Stat(filepath.Join(h.etc, "../home/elsewhere/.profile")); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(filepath.Join(h.etc, "../home/elsewhere")); err != nil {
			t.Fatal(err)
		}
		mustChange(t, h, "user", map[string]any{"name": "polardb"}, l)
		if info, err := os.Stat(filepath.Join(h.etc, "../home/elsewhere")); err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("a missing home: %v, %v", info, err)
		}
		mustChange(t, h, "user", map[string]any{"name": "polardb", "groups": "wheel,root", "append": true}, l)
		mustNotChange(t, h, "user", map[string]any{"name": "polardb", "groups": "root", "append": true}, l)
		mustChange(t, h, "user", map[string]any{"name": "polardb", "state": "absent", "remove": true}, l)
		mustNotChange(t, h, "user", map[string]any{"name": "polardb", "state": "absent"}, l)
		mustChange(t, h, "group", map[string]any{"name": "dba", "system": true}, l)
		mustChange(t, h, "group", map[string]any{"name": "dba", "state": "absent"}, l)
		mustChange(t, h, "user", map[string]any{"name": "svc", "system": true, "create_home": false, "shell": "/usr/sbin/nologin"}, l)
		mustNotChange(t, h, "user", map[string]any{"name": "svc", "create_home": false}, l)
	})
}
