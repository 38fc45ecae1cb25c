package builtin

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestPackagesOnAHost(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		taskstest.Pretend(t, dir, map[string]string{
			"apt-get":    `case $* in *install*) : > "$STATE/zstd" ;; *remove*) rm -f "$STATE/zstd" ;; esac` + "\n",
			"dpkg-query": `if [ -e "$STATE/$4" ]; then echo "installed 1.5"; else exit 1; fi` + "\n",
			"apt-cache":  `echo "  Installed: $(cat "$STATE/zstd")"; echo "  Candidate: "` + "\n",
		})
		l := &taskstest.FakeLocal{}
		taskstest.MustChange(t, h, "apt", map[string]any{"name": "zstd"}, l)
		taskstest.MustNotChange(t, h, "apt", map[string]any{"name": "zstd=1.5", "state": "latest"}, l)
		taskstest.MustChange(t, h, "apt", map[string]any{"name": "zstd", "state": "absent"}, l)
		taskstest.MustNotChange(t, h, "apt", map[string]any{"name": "zstd", "state": "absent"}, l)
	})
}
