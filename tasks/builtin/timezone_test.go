package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestTimezonePlan(t *testing.T) {
	shanghai := map[string]any{"name": "Asia/Shanghai"}
	taskstest.TestPlan(t, "timezone", []taskstest.Case{
		{Name: "set", Args: shanghai, Found: "zone ../usr/share/zoneinfo/Asia/Shanghai\nknown yes\n", Does: "nothing"},
		{Name: "set, and written down", Args: shanghai, Found: "zone /usr/share/zoneinfo/Asia/Shanghai\nknown yes\ntext Asia/Shanghai\n",
			Does: "nothing"},
		{Name: "written down as another", Args: shanghai, Found: "zone /usr/share/zoneinfo/Asia/Shanghai\nknown yes\ntext Etc/UTC\n",
			Does: "change: write the time zone Asia/Shanghai to /etc/timezone"},
		{Name: "written down as another, where systemd goes by the link", Args: shanghai,
			Found: "zone /usr/share/zoneinfo/Asia/Shanghai\nsystemd yes\nknown yes\ntext Etc/UTC\n", Does: "nothing"},
		{Name: "written down nowhere, where systemd set it", Args: shanghai,
			Found: "zone /usr/share/zoneinfo/Asia/Shanghai\nsystemd yes\nknown yes\ntext \n", Does: "nothing"},
		{Name: "nothing is UTC", Args: map[string]any{"name": "UTC"}, Found: "zone \nnone yes\nsystemd yes\nknown yes\n", Does: "nothing"},
		{Name: "a copy and no link", Args: map[string]any{"name": "UTC"}, Found: "zone \nsystemd yes\nknown yes\n",
			Does: "change: change the time zone from unknown to UTC"},
		{Name: "another", Args: shanghai, Found: "zone /usr/share/zoneinfo/Etc/UTC\nknown yes\n",
			Does: "change: change the time zone from Etc/UTC to Asia/Shanghai"},
		{Name: "none", Args: shanghai, Found: "zone \nknown yes\n", Does: "change: change the time zone from unknown to Asia/Shanghai"},
		{Name: "the host does not know it", Args: shanghai, Found: "zone \n", Does: "fails: the host has no time zone Asia/Shanghai"},
		{Name: "the host does not know it yet", Args: shanghai, Check: true, Found: "zone \n",
			Does: "unknown: the host has no time zone Asia/Shanghai"},
		{Name: "the clock as it is", Args: map[string]any{"hwclock": "UTC"}, Found: "systemd yes\nclock no\n", Does: "nothing"},
		{Name: "the clock", Args: map[string]any{"hwclock": "local"}, Found: "systemd yes\nclock no\n",
			Does: "change: set the hardware clock from UTC to local"},
		{Name: "the clock of a host without systemd", Args: map[string]any{"hwclock": "local"}, Found: "",
			Does: "fails: the host does not tell what time its hardware clock has"},
		{Name: "neither", Args: map[string]any{}, Does: `fails: timezone: argument "name" is missing, and so is hwclock`},
		{Name: "a way out", Args: map[string]any{"name": "../../etc/passwd"},
			Does: `fails: timezone: argument "name" cannot be "../../etc/passwd"`},
	})
}
