package system

import (
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestDebconf(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		own := "DEBCONF_SYSTEMRC=" + dir + "/debconf.conf"
		pretendDebian(t, dir, map[string]string{"debconf-show": own, "debconf-set-selections": own, "debconf-communicate": own})
		conf := "Config: config\nTemplates: templates\n"
		for _, name := range []string{"config", "templates"} {
			conf += "\nName: " + name + "\nDriver: File\nMode: 600\nFilename: " + dir + "/" + name + ".dat\n"
		}
		taskstest.MustWrite(t, dir+"/debconf.conf", conf)
		l := &taskstest.FakeLocal{}
		args := func(question, vtype string, value any) map[string]any {
			return map[string]any{"name": "probe", "question": "probe/" + question, "vtype": vtype, "value": value}
		}
		for _, a := range []map[string]any{
			args("one", "select", 5), args("one", "select", "a b, c"), args("yes", "boolean", "False"), args("many", "multiselect", []any{"y", "x"}),
			args("many", "multiselect", "x"), args("word", "password", "S3cret word"),
		} {
			taskstest.MustChange(t, h, "debconf", a, l)
			taskstest.MustNotChange(t, h, "debconf", a, l)
		}
		taskstest.MustNotChange(t, h, "debconf", args("many", "multiselect", []any{"x"}), l)
		plan := taskstest.MustNotChange(t, h, "debconf", map[string]any{"pkg": "probe"}, l)
		if have := plan.Values["current"].(map[string]any); have["probe/one"] != "a b, c" || have["probe/yes"] != "false" || len(have) != 4 {
			t.Errorf("%v", have)
		}
		if _, r := taskstest.MustChange(t, h, "debconf", args("yes", "boolean", true),
			l); r.Values["current"].(map[string]any)["probe/yes"] != "true" {
			t.Errorf("%v", r.Values)
		}
		_, r := taskstest.MustChange(t, h, "debconf", args("one", "select", "Asia"), l)
		if before := r.Values["previous"].(map[string]any); len(before) != 1 || before["probe/one"] != "a b, c" {
			t.Errorf("%v", before)
		}
		if !slices.ContainsFunc(l.Secrets, func(s string) bool { return strings.Contains(s, "S3cret word") }) {
			t.Errorf("the password is no secret: %v", l.Secrets)
		}
	})
	for _, bad := range []map[string]any{
		{"name": "-x"}, {"name": "a", "question": "a/b"}, {"name": "a", "question": "a/b", "vtype": "string"}, {"name": "a", "value": "b"},
		{"name": "a", "question": "a b", "vtype": "string", "value": "c"}, {"name": "a", "question": "a/b", "vtype": "none", "value": "c"},
		{"name": "a", "question": "a/b", "vtype": "string", "value": "c\nd e string f"},
	} {
		if _, err := debconfModule.New(bad, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	if _, err := (&debconf{}).Plan(tasks.Found{}); err == nil {
		t.Error("a host without debconf is no failure")
	}
}
