package tasks

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

const (
	keyOne = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl one@laptop"
	keyTwo = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJCbFr3JzPqE1qLQ3vEJdVlQwJ0aD6vHy0vLDuUKeFfP two"
)

func TestAuthorizedKey(t *testing.T) {
	apart(t, func(t *testing.T, h *localHost) {
		l := &fakeLocal{}
		mustFail(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyOne}, l, "no account dba")
		mustChange(t, h, "user", map[string]any{"name": "dba"}, l)
		mustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyOne + "\n"}, l)
		file := filepath.Join(h.etc, "../home/dba/.ssh/authorized_keys")
		if read(t, file) != keyOne+"\n" {
			t.Errorf("%q", read(t, file))
		}
		if info, err := os.Stat(file); err != nil || info.Sys().(*syscall.Stat_t).Gid == 0 {
			t.Errorf("the keys do not belong to their user's group: %+v %v", info, err)
		}
		for name, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v %v", name, info.Mode(), err)
			}
		}
		mustNotChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyOne}, l)
		mustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "key_options": `from="10.0.0.0/24",command="a b"`}, l)
		mustNotChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "key_options": `from="10.0.0.0/24",command="a b"`}, l)
		if want := keyOne + "\n" + `from="10.0.0.0/24",command="a b" ` + keyTwo + "\n"; read(t, file) != want {
			t.Errorf("%q", read(t, file))
		}
		mustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "exclusive": true}, l)
		if read(t, file) != keyTwo+"\n" {
			t.Errorf("%q", read(t, file))
		}
		mustChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "state": "absent"}, l)
		mustNotChange(t, h, "authorized_key", map[string]any{"user": "dba", "key": keyTwo, "state": "absent"}, l)
	})
}
