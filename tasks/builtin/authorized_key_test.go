package builtin

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

const (
	keyOne = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl one@laptop"
	keyTwo = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJCbFr3JzPqE1qLQ3vEJdVlQwJ0aD6vHy0vLDuUKeFfP two"
)

func TestAuthorizedKey(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		taskstest.MustFail(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyOne}, l, "no account dba")
		taskstest.MustChange(t, h, "user", map[string]any{"name": "dba"}, l)
		taskstest.MustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyOne + "\n"}, l)
		file := filepath.Join(h.Etc, "../home/dba/.ssh/authorized_keys")
		if taskstest.Read(t, file) != keyOne+"\n" {
			t.Errorf("%q", taskstest.Read(t, file))
		}
		if info, err := os.Stat(file); err != nil || info.Sys().(*syscall.Stat_t).Gid == 0 {
			t.Errorf("the keys do not belong to their user's group: %+v %v", info, err)
		}
		for name, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v %v", name, info.Mode(), err)
			}
		}
		taskstest.MustNotChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyOne}, l)
		taskstest.MustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo,
			"key_options": `from="10.0.0.0/24",command="a b"`}, l)
		taskstest.MustNotChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo,
			"key_options": `from="10.0.0.0/24",command="a b"`}, l)
		if want := keyOne + "\n" + `from="10.0.0.0/24",command="a b" ` + keyTwo + "\n"; taskstest.Read(t, file) != want {
			t.Errorf("%q", taskstest.Read(t, file))
		}
		taskstest.MustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "exclusive": true}, l)
		if taskstest.Read(t, file) != keyTwo+"\n" {
			t.Errorf("%q", taskstest.Read(t, file))
		}
		taskstest.MustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "state": "absent"}, l)
		taskstest.MustNotChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "state": "absent"}, l)
	})
}
