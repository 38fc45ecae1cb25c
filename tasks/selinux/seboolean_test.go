package selinux

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// policy is the beginning of a policy's booleans: a longer name first, and a type of the same name, whose numbers are others.
func policy(value uint32) string {
	var b []byte
	entry := func(name string, numbers ...uint32) {
		for _, n := range numbers {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		b = append(b, name...)
	}
	entry("SE Linux", 0xf97cff8c, 8)
	entry("can_dump", 8, 3, 1, 0)
	entry("can_dump_core", 1, 1-value, 13)
	entry("can_dump", 2, value, 8)
	entry("old_name", 3, 1, 8)
	return string(b)
}

// turned is a host on which SELinux is on, with one boolean in /sys and in the policy of /etc.
func turned(t *testing.T, h *taskstest.LocalHost, dir string) {
	t.Helper()
	taskstest.MustWrite(t, dir+"/off", policy(0))
	taskstest.MustWrite(t, dir+"/on", policy(1))
	taskstest.MustWrite(t, h.Etc+"/selinux/config", "# SELINUXTYPE=mls\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
	taskstest.MustWrite(t, h.Etc+"/selinux/targeted/policy/policy.9", policy(1))
	taskstest.MustWrite(t, h.Etc+"/selinux/targeted/policy/policy.33", policy(0))
	taskstest.MustWrite(t, h.Etc+"/selinux/targeted/booleans.subs_dist", "dump can_dump\n")
	taskstest.MustOn(t, h, "mount -t tmpfs none /sys/fs && mkdir -p /sys/fs/selinux/booleans && echo 0 0 >/sys/fs/selinux/booleans/can_dump "+
		"&& echo 1 >/sys/fs/selinux/enforce")
	taskstest.Pretend(t, dir, map[string]string{"setsebool": `
echo "$*" >>"$STATE/ran"
if [ "$1" = -P ]; then shift; cp "$STATE/$2" /etc/selinux/targeted/policy/policy.33; fi
case $2 in on) echo 1 1 ;; off) echo 0 0 ;; *) exit 1 ;; esac >"/sys/fs/selinux/booleans/$1"
`})
}

func TestSeboolean(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir, l := t.TempDir(), &taskstest.FakeLocal{}
		args := func(state, persistent bool) map[string]any {
			return map[string]any{"name": "can_dump", "state": state, "persistent": persistent}
		}
		taskstest.MustFail(t, h, "seboolean", args(true, true), l, "SELinux is disabled on this host")
		turned(t, h, dir)
		taskstest.MustNotChange(t, h, "seboolean", args(false, true), l)
		taskstest.MustChange(t, h, "seboolean", args(true, false), l)
		taskstest.MustNotChange(t, h, "seboolean", args(true, false), l)
		// What was switched for the time being is not what holds after a boot.
		plan, _ := taskstest.MustChange(t, h, "seboolean", args(true, true), l)
		if d := plan.Diff[0]; d.Before != "after a boot: off\n" || d.After != "after a boot: on\n" {
			t.Errorf("the difference is %+v", d)
		}
		taskstest.MustNotChange(t, h, "seboolean", args(true, true), l)
		taskstest.MustNotChange(t, h, "seboolean", map[string]any{"name": "dump", "state": true}, l)
		plan, _ = taskstest.MustChange(t, h, "seboolean", args(false, true), l)
		if d := plan.Diff[0]; d.Before != "now: on\nafter a boot: on\n" {
			t.Errorf("the difference is %+v", d)
		}
		if got := taskstest.Read(t, dir+"/ran"); got != "can_dump on\n-P can_dump on\n-P can_dump off\n" {
			t.Errorf("it ran %q", got)
		}
		taskstest.MustFail(t, h, "seboolean", map[string]any{"name": "can_dum", "state": true}, l, "the policy has no boolean can_dum")
		if plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "seboolean", map[string]any{"name": "x", "state": true},
			&taskstest.FakeLocal{Checking: true})); err != nil || plan.Unknown == "" {
			t.Errorf("a run that asks: %+v %v", plan, err)
		}
		if err := os.Remove(dir + "/setsebool"); err != nil {
			t.Fatal(err)
		}
		taskstest.MustFail(t, h, "seboolean", args(true, true), l, "setsebool is not installed")
	})
}

func TestSebooleanRefusals(t *testing.T) {
	for _, name := range []string{"", "-P", "a b", "a;b", "a\nb", "../x"} {
		_, err := taskstest.ModuleNamed(t, "seboolean").New(map[string]any{"name": name, "state": true}, &taskstest.FakeLocal{})
		if err == nil || !strings.Contains(err.Error(), `"name" cannot be`) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
