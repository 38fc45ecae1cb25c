package builtin

import (
	"errors"
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestAptOnAHost(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		taskstest.Pretend(t, dir, map[string]string{
			"apt-get":    `case $* in *" bad="*) echo 'E: no' >&2; exit 100 ;; *install*) : > "$STATE/zstd" ;; *remove*) rm -f "$STATE/zstd" ;; esac` + "\n",
			"apt-mark":   `[ "$1" = showauto ] || exit 1` + "\n",
			"dpkg-query": `case $* in *Package*) echo zstd; echo other; echo bad; exit 0 ;; esac` + "\n" + `if [ -e "$STATE/$4" ]; then echo "installed 1.5"; else exit 1; fi` + "\n",
			"apt-cache":  `case $1 in pkgnames) echo zstd; echo other; echo bad ;; policy) printf '%s:\n  Installed: x\n  Candidate: 1.5\n  Version table:\n     1.5 500\n' "$2" ;; esac` + "\n",
		})
		l := &taskstest.FakeLocal{}
		taskstest.MustChange(t, h, "apt", map[string]any{"name": "zstd"}, l)
		taskstest.MustNotChange(t, h, "apt", map[string]any{"name": "zstd=1.5", "state": "latest"}, l)
		taskstest.MustNotChange(t, h, "apt", map[string]any{"name": "zst?"}, l)
		taskstest.MustChange(t, h, "apt", map[string]any{"name": "[!a]st*", "state": "absent"}, l)
		taskstest.MustNotChange(t, h, "apt", map[string]any{"name": "zstd", "state": "absent"}, l)
		taskstest.MustFail(t, h, "apt", map[string]any{"name": "zsh*"}, l, "No package(s) matching")
		// What apt-get said is told, with its status.
		err := taskstest.MustFail(t, h, "apt", map[string]any{"name": "bad"}, l, "E: no")
		var failure *tasks.Failure
		if !errors.As(err, &failure) || failure.Values["rc"] != 100 || failure.Values["stderr"] != "E: no\n" {
			t.Errorf("apt-get failed: %+v", failure)
		}
		if _, err := taskstest.ModuleNamed(t, "package").New(map[string]any{"name": "zstd", "state": "installed", "use": "apt"}, l); err == nil {
			t.Error("package took a state that apt does not")
		}
		taskstest.MustChange(t, h, "package", map[string]any{"name": "zstd", "use": "apt"}, l)
		taskstest.MustNotChange(t, h, "package", map[string]any{"name": "zstd", "use": "apt"}, l)
	})
}

func TestAptStates(t *testing.T) {
	for _, state := range []string{"installed", "removed"} { // they were Ansible's long ago
		if _, err := taskstest.ModuleNamed(t, "apt").New(map[string]any{"name": "zstd", "state": state}, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("state %s was taken", state)
		}
	}
}

func TestDebianVersions(t *testing.T) {
	for _, v := range []struct {
		a, b string
		want int
	}{
		{"1.0", "1.0", 0}, {"1.0", "1.00", 0}, {"1.2", "1.10", -1}, {"1:1.0", "2.0", 1}, {"1.0~rc1", "1.0", -1}, {"1.0~~", "1.0~", -1},
		{"1.0a", "1.0", 1}, {"1.0+b1", "1.0a", 1}, {"1.0-1", "1.0-2", -1}, {"1.0", "1.0-1", -1}, {"2.36-9+deb12u4", "2.36-9+deb12u10", -1},
	} {
		if got := compareDebian(v.a, v.b); got != v.want {
			t.Errorf("%s and %s: %d, want %d", v.a, v.b, got, v.want)
		}
		if got := compareDebian(v.b, v.a); got != -v.want {
			t.Errorf("%s and %s: %d, want %d", v.b, v.a, got, -v.want)
		}
	}
}
