package builtin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestYumRepository(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		file := filepath.Join(dir, "lab.repo")
		taskstest.MustWrite(t, file, "# by hand\n[other]\nname: Other\nbaseurl = http://a.lan/\n  http://b.lan/\n")
		want := func(text string) {
			t.Helper()
			got, err := os.ReadFile(file)
			if err != nil || string(got) != text {
				t.Errorf("%v\n got %q\nwant %q", err, got, text)
			}
		}
		args := map[string]any{
			"name": "mine", "file": "lab", "reposdir": dir, "description": "Our packages", "baseurl": []any{"http://a.lan/", "http://b.lan/"},
			"gpgcheck": false, "exclude": "a*,b", "priority": 1,
		}
		const other = "[other]\nname = Other\nbaseurl = http://a.lan/\n\thttp://b.lan/\n\n"
		if _, r := taskstest.MustChange(t, h, "yum_repository", args, l); r.Values["state"] != "present" || r.Values["repo"] != "mine" {
			t.Errorf("%v", r.Values)
		}
		want(other + "[mine]\nbaseurl = http://a.lan/\n\thttp://b.lan/\nexclude = a* b\ngpgcheck = 0\nname = Our packages\npriority = 1\n\n")
		taskstest.MustNotChange(t, h, "yum_repository", args, l)
		gone := map[string]any{"name": "mine", "file": "lab", "reposdir": dir, "state": "absent"}
		taskstest.MustChange(t, h, "yum_repository", gone, l)
		want(other)
		taskstest.MustNotChange(t, h, "yum_repository", gone, l)
		gone["name"] = "other"
		taskstest.MustChange(t, h, "yum_repository", gone, l)
		if _, err := os.Stat(file); err == nil {
			t.Error("a file without sections is left")
		}
		taskstest.MustNotChange(t, h, "yum_repository", gone, l)
		args["reposdir"] = filepath.Join(dir, "nowhere")
		taskstest.MustFail(t, h, "yum_repository", args, l, "does not exist")
	})
}
