package tasks

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHostnameAndTimezone(t *testing.T) {
	apart(t, func(t *testing.T, h *localHost) {
		l := &fakeLocal{}
		plan, _ := mustChange(t, h, "hostname", map[string]any{"name": "db1.example.com"}, l)
		if plan.Values["ansible_facts"].(map[string]any)["ansible_hostname"] != "db1" || h.etcFile(t, "hostname") != "db1.example.com\n" {
			t.Errorf("%v %q", plan.Values, h.etcFile(t, "hostname"))
		}
		mustNotChange(t, h, "hostname", map[string]any{"name": "db1.example.com"}, l)
		if _, err := os.Stat("/usr/share/zoneinfo/Asia/Shanghai"); err != nil {
			t.Skip("no tzdata here")
		}
		write(t, filepath.Join(h.etc, "timezone"), "Etc/UTC\n", 0o644)
		mustChange(t, h, "timezone", map[string]any{"name": "Asia/Shanghai"}, l)
		if target, _ := os.Readlink(filepath.Join(h.etc, "localtime")); target != "../usr/share/zoneinfo/Asia/Shanghai" || h.etcFile(t, "timezone") != "Asia/Shanghai\n" {
			t.Errorf("%q %q", target, h.etcFile(t, "timezone"))
		}
		mustNotChange(t, h, "timezone", map[string]any{"name": "Asia/Shanghai"}, l)
		mustFail(t, h, "timezone", map[string]any{"name": "Asia/Nowhere"}, l, "no time zone Asia/Nowhere")
	})
}

func TestHostnameRefuses(t *testing.T) {
	m := moduleNamed(t, "hostname")
	for _, name := range []string{"", "-a", "a b", "a..b", "ä", "a.", string(make([]byte, 65))} {
		if _, err := m.New(map[string]any{"name": name}, &fakeLocal{}); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
