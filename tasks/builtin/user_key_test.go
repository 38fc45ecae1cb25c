package builtin

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestUserKey(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		args := func(name string, more ...any) map[string]any {
			all := map[string]any{"name": name, "generate_ssh_key": true, "ssh_key_type": "ed25519"}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		taskstest.MustChange(t, h, "user", args("dba"), l)
		plan := taskstest.MustNotChange(t, h, "user", args("dba"), l)
		public, _ := plan.Values["ssh_public_key"].(string)
		if plan.Values["ssh_key_file"] != "/home/dba/.ssh/id_ed25519" || !strings.HasSuffix(public, " ansible-generated on before") {
			t.Errorf("it says %v", plan.Values)
		}
		taskstest.MustContain(t, taskstest.MustOn(t, h, "stat -c '%n %U %a' /home/dba/.ssh /home/dba/.ssh/*"),
			"/home/dba/.ssh dba 700\n/home/dba/.ssh/id_ed25519 dba 600\n/home/dba/.ssh/id_ed25519.pub dba 644\n")
		if out, err := taskstest.Sh(t, "command -v ssh-keygen"); err != nil {
			t.Logf("no ssh-keygen here: %s", out)
		} else {
			mine := strings.TrimSpace(taskstest.MustOn(t, h, "ssh-keygen -y -P '' -f /home/dba/.ssh/id_ed25519"))
			if !strings.HasPrefix(public, mine) {
				t.Errorf("the private key is of %s, the public one is %s", mine, public)
			}
			if got := taskstest.MustOn(t, h, "ssh-keygen -l -f /home/dba/.ssh/id_ed25519"); got != plan.Values["ssh_fingerprint"].(string)+"\n" {
				t.Errorf("ssh-keygen says %s, the task %v", got, plan.Values["ssh_fingerprint"])
			}
		}
		// With force it is another one each time; without, a half that is there keeps the other from being made.
		taskstest.MustChange(t, h, "user", args("dba", "force", true, "ssh_key_comment", "new one", "ssh_key_passphrase", "secret"), l)
		plan = taskstest.MustNotChange(t, h, "user", args("dba"), l)
		if got, _ := plan.Values["ssh_public_key"].(string); got == public || !strings.HasSuffix(got, " new one") {
			t.Errorf("with force it is %s", got)
		}
		if len(l.Secrets) == 0 || l.Secrets[0] != "secret" {
			t.Errorf("hidden are %v", l.Secrets)
		}
		taskstest.MustOn(t, h, "rm /home/dba/.ssh/id_ed25519")
		taskstest.MustNotChange(t, h, "user", args("dba"), l)
		taskstest.MustChange(t, h, "user", args("dba", "ssh_key_file", "keys/deep/mine", "comment", "and more"), l)
		taskstest.MustContain(t, taskstest.MustOn(t, h, "stat -c '%n %U %a' /home/dba/keys /home/dba/keys/deep/*; id -un"),
			"/home/dba/keys dba 700\n/home/dba/keys/deep/mine dba 600\n/home/dba/keys/deep/mine.pub dba 644\n")
		if plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "user", args("new"),
			&taskstest.FakeLocal{Checking: true})); err != nil || !plan.Change {
			t.Errorf("a run that asks: %+v %v", plan, err)
		}
	})
}

// The account may put a link where its key is to be: what that leads to is neither written nor read.
func TestUserKeyLinks(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		args := map[string]any{"name": "dba", "generate_ssh_key": true, "ssh_key_type": "ed25519"}
		taskstest.MustChange(t, h, "user", map[string]any{"name": "dba"}, l)
		taskstest.MustOn(t, h, "mkdir /etc/mine && ln -s /etc/mine /home/dba/.ssh && chown -h dba: /home/dba/.ssh")
		if _, _, err := taskstest.Attempt(t, h, "user", args, l); err == nil || !strings.Contains(err.Error(), "leads through a link") {
			t.Errorf("error %v", err)
		}
		taskstest.MustOn(t, h, "rm /home/dba/.ssh && mkdir /home/dba/.ssh && ln -s /etc/shadow /home/dba/.ssh/id_ed25519.pub && chown -Rh dba: /home/dba/.ssh")
		if plan, _, err := taskstest.Attempt(t, h, "user", args, l); err == nil {
			t.Errorf("another's file is shown: %v", plan.Values)
		}
		if files, err := os.ReadDir(h.Etc + "/mine"); err != nil || len(files) != 0 {
			t.Errorf("%v %v", files, err)
		}
	})
}

func TestUserKeyRefusals(t *testing.T) {
	taskstest.TestPlan(t, "user", []taskstest.Case{
		{Name: "an old type", Args: map[string]any{"name": "a", "generate_ssh_key": true, "ssh_key_type": "dsa"},
			Does: `fails: user: argument "ssh_key_type" and ssh_key_bits: keys of the type dsa are not made`},
		{Name: "too few bits", Args: map[string]any{"name": "a", "generate_ssh_key": true, "ssh_key_bits": 100},
			Does: `fails: user: argument "ssh_key_type" and ssh_key_bits: an RSA key has 1024`},
		{Name: "two lines", Args: map[string]any{"name": "a", "generate_ssh_key": true, "ssh_key_comment": "a\nb"},
			Does: `fails: user: argument "ssh_key_comment" and ssh_key_file have to be one line`},
	})
}
