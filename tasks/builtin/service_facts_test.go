package builtin

import (
	"os"
	"reflect"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestServiceFacts(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		taskstest.Pretend(t, dir, map[string]string{
			"service":   "exit 1\n",
			"chkconfig": `echo "Note: SysV alone" >&2; echo "network  0:off 1:off 2:on 3:on 4:on 5:on 6:off"` + "\n",
			"systemctl": `case "$*" in *list-units*) echo "a.service loaded active running the a" ;;
*list-unit-files*) echo "a.service enabled enabled"; echo "b.service disabled enabled"; echo "c@.service static -" ;;
"show b.service --property=ActiveState") echo ActiveState=inactive ;;
*) exit 1 ;; esac
`,
		})
		if _, err := os.Stat("/run/systemd/system"); err != nil {
			t.Skip("systemd does not run here")
		}
		plan := taskstest.MustNotChange(t, h, "service_facts", map[string]any{}, &taskstest.FakeLocal{})
		one := func(name, state, status, source string) map[string]any {
			return map[string]any{"name": name, "state": state, "status": status, "source": source}
		}
		want := map[string]any{"services": map[string]any{
			"network":    one("network", "stopped", "enabled", "sysv"),
			"a.service":  one("a.service", "running", "enabled", "systemd"),
			"b.service":  one("b.service", "inactive", "disabled", "systemd"),
			"c@.service": one("c@.service", "unknown", "static", "systemd"),
		}}
		if got := plan.Values["ansible_facts"]; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	})
}
