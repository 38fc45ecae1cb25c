package builtin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestHostnameAndTimezone(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		plan, _ := taskstest.MustChange(t, h, "hostname", map[string]any{"name": "db1.example.com"}, l)
		if plan.Values["ansible_facts"].(map[string]any)["ansible_hostname"] != "db1" || h.EtcFile(t, "hostname") != "db1.example.com\n" {
			t.Errorf("%v %q", plan.Values, h.EtcFile(t, "hostname"))
		}
		taskstest.MustNotChange(t, h, "hostname", map[string]any{"name": "db1.example.com"}, l)
		if _, err := os.Stat("/usr/share/zoneinfo/Asia/Shanghai"); err != nil {
			t.Skip("no tzdata here")
		}
		taskstest.Write(t, filepath.Join(h.Etc, "timezone"), "Etc/UTC\n", 0o644)
		taskstest.MustChange(t, h, "timezone", map[string]any{"name": "Asia/Shanghai"}, l)
		target, _ := os.Readlink(filepath.Join(h.Etc, "localtime"))
		if target != "../usr/share/zoneinfo/Asia/Shanghai" || h.EtcFile(t, "timezone") != "Asia/Shanghai\n" {
			t.Errorf("%q %q", target, h.EtcFile(t, "timezone"))
		}
		taskstest.MustNotChange(t, h, "timezone", map[string]any{"name": "Asia/Shanghai"}, l)
		taskstest.MustFail(t, h, "timezone", map[string]any{"name": "Asia/Nowhere"}, l, "no time zone Asia/Nowhere")
	})
}

func TestHostnameRefuses(t *testing.T) {
	m := taskstest.ModuleNamed(t, "hostname")
	for _, name := range []string{"", "-a", "a b", "a..b", "ä", "a.", strings.Repeat("a", 64), strings.Repeat("a.", 32) + "a"} {
		if _, err := m.New(map[string]any{"name": name}, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
