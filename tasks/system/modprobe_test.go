package system

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestModprobe(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir, l := t.TempDir(), &taskstest.FakeLocal{}
		taskstest.Pretend(t, dir, map[string]string{"modprobe": `
echo "$*" >>"$STATE/ran"
case $1 in
-r) rmdir "/sys/module/$(echo "$2" | tr - _)" ;;
bad) echo "no such module" >&2; exit 1 ;;
*) mkdir "/sys/module/$(echo "$1" | tr - _)" ;;
esac`})
		taskstest.MustOn(t, h, "mount -t tmpfs none /sys/module && mkdir /sys/module/loop")
		args := func(name string, more ...any) map[string]any {
			all := map[string]any{"name": name}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		must := func(args map[string]any) {
			t.Helper()
			taskstest.MustChange(t, h, "modprobe", args, l)
			taskstest.MustNotChange(t, h, "modprobe", args, l)
		}
		taskstest.MustNotChange(t, h, "modprobe", args("loop"), l)
		must(args("br-net", "params", "a=1 b='x y'"))
		must(args("br-net", "state", "absent"))
		must(args("br-net", "params", "a=1 b=2", "persistent", "present"))
		if got := h.EtcFile(t, "modules-load.d/br-net.conf") + h.EtcFile(t,
			"modprobe.d/br-net.conf"); got != "br-net\noptions br-net a=1\noptions br-net b=2\n" {
			t.Errorf("%q", got)
		}
		// Lines of other files count as well, and those of other modules stay.
		taskstest.MustWrite(t, h.Etc+"/modules-load.d/all.conf", "# loop\nloop ; why\nloop-x\n")
		taskstest.MustWrite(t, h.Etc+"/modprobe.d/old.conf", "options loop max=3\noptions loop-x max=4\nalias x loop\n")
		must(args("loop", "params", "max=5", "persistent", "present"))
		if got := h.EtcFile(t, "modprobe.d/old.conf"); got != "#options loop max=3\noptions loop-x max=4\nalias x loop\n" {
			t.Errorf("%q", got)
		}
		if _, err := os.Stat(h.Etc + "/modules-load.d/loop.conf"); err == nil {
			t.Error("it would be loaded twice")
		}
		must(args("loop", "persistent", "absent"))
		if got := h.EtcFile(t, "modules-load.d/all.conf") + h.EtcFile(t,
			"modprobe.d/loop.conf"); got != "# loop\n#loop ; why\nloop-x\n#options loop max=5\n" {
			t.Errorf("%q", got)
		}
		taskstest.MustFail(t, h, "modprobe", args("bad", "persistent", "present"), l, "no such module")
		if _, err := os.Stat(h.Etc + "/modules-load.d/bad.conf"); err == nil {
			t.Error("what cannot be loaded is loaded at boot")
		}
		if got := taskstest.Read(t, dir+"/ran"); got != "br-net a=1 b=x y\n-r br-net\nbr-net a=1 b=2\nbad\n" {
			t.Errorf("it ran %q", got)
		}
	})
}

func TestModprobeRefusals(t *testing.T) {
	taskstest.TestPlan(t, "modprobe", []taskstest.Case{
		{Name: "an option", Args: map[string]any{"name": "-r"}, Does: `fails: modprobe: argument "name" cannot be "-r"`},
		{Name: "a path", Args: map[string]any{"name": "../x"}, Does: `fails: modprobe: argument "name" cannot be "../x"`},
		{Name: "an option for a parameter", Args: map[string]any{"name": "x", "params": "-C /tmp/x"}, Does: `fails: modprobe: argument "params" has "-C"`},
		{Name: "two lines", Args: map[string]any{"name": "x", "params": "a=1\ninstall x sh"}, Does: `fails: modprobe: argument "params" has to be one line`},
	})
}
