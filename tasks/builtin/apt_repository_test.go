package builtin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// What becomes of the lists.
func TestAptRepositoryEdits(t *testing.T) {
	const line = "deb https://m.example.com/d bookworm main"
	for name, c := range map[string]struct {
		repo, state, filename string
		lists                 map[string]string
		want                  map[string]string
	}{
		"new":             {repo: line, want: map[string]string{"/etc/apt/sources.list.d/m_example_com_d.list": line + "\n"}},
		"with a name":     {repo: line, filename: "own", want: map[string]string{"/etc/apt/sources.list.d/own.list": line + "\n"}},
		"a path":          {repo: line, filename: "/srv/own", want: map[string]string{"/srv/own.list": line + "\n"}},
		"options, secret": {repo: "deb [arch=amd64  trusted=yes] https://u:p@m.example.com/x  ./", want: map[string]string{"/etc/apt/sources.list.d/m_example_com_x.list": "deb [arch=amd64 trusted=yes] https://u:p@m.example.com/x ./\n"}},
		"there, blanks":   {repo: line, lists: map[string]string{"/a.list": "deb   https://m.example.com/d bookworm\tmain # why\n"}},
		"there twice":     {repo: line, lists: map[string]string{"/a.list": line + "\n", "/b.list": line + "\n"}},
		"switched on":     {repo: line, lists: map[string]string{"/a.list": "#x\n# " + line + "\n"}, want: map[string]string{"/a.list": "#x\n" + line + "\n"}},
		"into its list": {repo: line, filename: "/b", lists: map[string]string{"/b.list": "# head\n\ndeb other x y\n"},
			want: map[string]string{"/b.list": "# head\n\ndeb other x y\n" + line + "\n"}},
		"gone":                     {repo: line, state: "absent", lists: map[string]string{"/a.list": line + "\ndeb other x y\n"}, want: map[string]string{"/a.list": "deb other x y\n"}},
		"gone, and its list":       {repo: line, state: "absent", lists: map[string]string{"/a.list": line + "\n"}, want: map[string]string{"/a.list": ""}},
		"absent":                   {repo: line, state: "absent", lists: map[string]string{"/a.list": "# " + line + "\n"}},
		"a source line is another": {repo: "deb-src" + line[3:], lists: map[string]string{"/a.list": line + "\n"}, filename: "/a", want: map[string]string{"/a.list": line + "\ndeb-src" + line[3:] + "\n"}},
		"a remark is left out":     {repo: line + " # ours", filename: "/a", want: map[string]string{"/a.list": line + "\n"}},
	} {
		a := &aptRepository{aptRepositoryArgs: aptRepositoryArgs{Repo: c.repo, State: c.state, Filename: c.filename}, wanted: readSource(c.repo)}
		if a.State == "" {
			a.State = "present"
		}
		var lists []*sourceList
		for _, p := range []string{"/a.list", "/b.list"} {
			if text, ok := c.lists[p]; ok {
				lists = append(lists, &sourceList{path: p, before: text, there: true, lines: splitLines(text)})
			}
		}
		got := map[string]string{}
		for _, l := range a.edit(lists) {
			got[l.path] = l.after()
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for p, want := range c.want {
			if got[p] != want {
				t.Errorf("%s: %s is %q, want %q", name, p, got[p], want)
			}
		}
	}
}

func TestAptRepository(t *testing.T) {
	l := &taskstest.FakeLocal{}
	for _, bad := range []string{"ppa:some/thing", "http://m.example.com", "# deb x y z", "deb x y\ndeb z", "deb", "deb-src # x"} {
		if _, err := aptRepositoryModule.New(map[string]any{"repo": bad}, l); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir := t.TempDir()
		taskstest.Pretend(t, dir, map[string]string{"apt-get": `echo asked >> "$STATE/asked"; [ ! -e "$STATE/refuse" ]` + "\n"})
		etc := func(name string) string { return filepath.Join(h.Etc, name) }
		one := map[string]any{"repo": "deb https://m.example.com/it's bookworm main", "update_cache": true}
		taskstest.MustFail(t, h, "apt_repository", one, l, "") // there is no directory for the list
		for _, d := range []string{"apt", "apt/sources.list.d"} {
			if err := os.Mkdir(etc(d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		disabled := "# deb https://m.example.com/it's bookworm main\n"
		taskstest.Write(t, etc("apt/sources.list"), disabled, 0o600)
		taskstest.Write(t, dir+"/refuse", "", 0o600)
		one["update_cache_retries"] = 2
		one["update_cache_retry_max_delay"] = 0
		taskstest.MustFail(t, h, "apt_repository", one, l, "could not be asked")
		if got := taskstest.Read(t, etc("apt/sources.list")); got != disabled {
			t.Errorf("the list is %q after the sources could not be asked", got)
		}
		if asked := taskstest.Read(t, dir+"/asked"); strings.Count(asked, "asked") != 2 {
			t.Errorf("the sources were asked %q", asked)
		}
		_ = os.Remove(dir + "/refuse")
		taskstest.MustChange(t, h, "apt_repository", one, l)
		taskstest.MustNotChange(t, h, "apt_repository", one, l)
		if got := taskstest.Read(t, etc("apt/sources.list")); strings.HasPrefix(got, "#") {
			t.Errorf("the list is %q", got)
		}
		if info, err := os.Stat(etc("apt/sources.list")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the list's mode is %v, %v", info, err)
		}
		one["repo"], one["filename"], one["update_cache"] = "deb other x y", "it is", false
		taskstest.MustChange(t, h, "apt_repository", one, l)
		taskstest.MustNotChange(t, h, "apt_repository", one, l)
		one["state"] = "absent"
		taskstest.MustChange(t, h, "apt_repository", one, l)
		taskstest.MustNotChange(t, h, "apt_repository", one, l)
		if _, err := os.Lstat(etc("apt/sources.list.d/it is.list")); err == nil {
			t.Error("an empty list is left")
		}
	})
}
