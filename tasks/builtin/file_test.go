package builtin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestFileOnDirectories(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		deep := filepath.Join(dir, "a b", "c'd", "e")
		taskstest.MustChange(t, h, "file", map[string]any{"path": deep, "state": "directory", "mode": "0750"}, l)
		for _, d := range []string{deep, filepath.Dir(deep)} {
			if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o750 {
				t.Errorf("%s: %v, %v: each directory that is made gets the mode", d, info.Mode(), err)
			}
		}
		taskstest.MustNotChange(t, h, "file", map[string]any{"path": deep + "/", "state": "directory", "mode": "u=rwx,g=rx,o="}, l)
		taskstest.MustChange(t, h, "file", map[string]any{"path": deep, "state": "directory", "mode": "2750"}, l)
		taskstest.MustChange(t, h, "file", map[string]any{"path": deep, "state": "directory", "mode": "0750"}, l)
		taskstest.Write(t, filepath.Join(deep, "x\ny"), "", 0o600)
		taskstest.MustFail(t, h, "file", map[string]any{"path": filepath.Join(deep, "x\ny"), "state": "directory"}, l, "a directory is wanted")

		taskstest.Write(t, filepath.Join(dir, "a b", "run"), "", 0o755)
		taskstest.MustChange(t, h, "file", map[string]any{"path": filepath.Join(dir, "a b"), "recurse": true, "mode": "u=rwX,g=rX,o="}, l)
		if info, _ := os.Stat(filepath.Join(deep, "x\ny")); info.Mode().Perm() != 0o640 {
			t.Errorf("recurse left mode %v", info.Mode())
		}
		if info, _ := os.Stat(filepath.Join(dir, "a b", "run")); info.Mode().Perm() != 0o750 {
			t.Errorf("recurse left mode %v", info.Mode())
		}
		taskstest.MustChange(t, h, "file", map[string]any{"path": filepath.Join(dir, "a b"), "state": "absent"}, l)
		if _, err := os.Lstat(filepath.Join(dir, "a b")); err == nil {
			t.Error("absent left the directory")
		}
		taskstest.MustNotChange(t, h, "file", map[string]any{"path": filepath.Join(dir, "a b"), "state": "absent"}, l)
	})
}

// What it found instead of the file is told as values, too.
func TestFileThatIsNone(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		for path, state := range map[string]string{dir: "directory", dir + "/none": "absent"} {
			err := taskstest.MustFail(t, h, "file", map[string]any{"path": path, "state": "file", "mode": "0600"}, &taskstest.FakeLocal{}, "is ")
			var failure *tasks.Failure
			if !errors.As(err, &failure) || failure.Values["path"] != path || failure.Values["state"] != state {
				t.Errorf("%s: %+v", path, failure)
			}
		}
	})
}

func TestFileOnLinks(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		one, two, link := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "link")
		for _, d := range []string{one, two} {
			if err := os.Mkdir(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		taskstest.MustChange(t, h, "file", map[string]any{"path": link, "src": one, "state": "link"}, l)
		taskstest.MustNotChange(t, h, "file", map[string]any{"dest": link, "src": one, "state": "link"}, l)
		taskstest.MustChange(t, h, "file", map[string]any{"path": link, "src": "two", "state": "link"}, l)
		if target, _ := os.Readlink(link); target != "two" {
			t.Errorf("the link leads to %q", target)
		}
		if entries, _ := os.ReadDir(one); len(entries) > 0 {
			t.Errorf("replacing a link to a directory put %v in that directory", entries)
		}
		taskstest.MustFail(t, h, "file", map[string]any{"path": link, "src": "nowhere", "state": "link"}, l, "does not exist")
		taskstest.MustChange(t, h, "file", map[string]any{"path": link, "src": "nowhere", "state": "link", "force": true}, l)
		taskstest.MustFail(t, h, "file", map[string]any{"path": one, "src": "two", "state": "link", "force": true}, l, "never replaces")
		taskstest.Write(t, filepath.Join(dir, "f"), "text", 0o640)
		taskstest.MustFail(t, h, "file", map[string]any{"path": filepath.Join(dir, "f"), "src": "two", "state": "link"}, l, "is a file")
		taskstest.MustChange(t, h, "file", map[string]any{"path": filepath.Join(dir, "g"), "src": filepath.Join(dir, "f"), "state": "hard"}, l)
		taskstest.MustNotChange(t, h, "file", map[string]any{"path": filepath.Join(dir, "g"), "src": filepath.Join(dir, "f"), "state": "hard"}, l)
		taskstest.MustChange(t, h, "file", map[string]any{"path": link, "src": "f", "state": "link", "mode": "0600"}, l)
		taskstest.MustNotChange(t, h, "file", map[string]any{"path": link, "mode": "0600"}, l)
		taskstest.MustChange(t, h, "file", map[string]any{"path": link, "state": "absent"}, l)
		if taskstest.Read(t, filepath.Join(dir, "f")) != "text" {
			t.Error("removing the link touched its target")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".polarbook*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestFileTouch(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		f := filepath.Join(dir, "f")
		taskstest.MustFail(t, h, "file", map[string]any{"path": f}, l, "absent")
		taskstest.MustFail(t, h, "file", map[string]any{"path": filepath.Join(dir, "no", "f"), "state": "touch"}, l, "does not exist")
		plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "file", map[string]any{"path": filepath.Join(dir, "no", "f"),
			"state": "touch"}, &taskstest.FakeLocal{Checking: true}))
		if err != nil || plan.Unknown == "" {
			t.Errorf("asking gave %+v, %v", plan, err)
		}
		if plan, _ := taskstest.MustChange(t, h, "file", map[string]any{"path": f, "state": "touch", "mode": "u=rw,go=",
			"modification_time": "202001020304.05"}, l); plan.Values["state"] != "file" {
			t.Errorf("what was touched is %v", plan.Values["state"])
		}
		if mode := files.FileValues(script.File{Kind: "directory", Mode: 0o2775})["mode"]; mode != "02775" {
			t.Errorf("a mode of four digits is %v, where Ansible writes a zero before it", mode)
		}
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o600 || info.ModTime().Format("20060102") != "20200102" {
			t.Errorf("%v %v %v", info.Mode(), info.ModTime(), err)
		}
		taskstest.MustChange(t, h, "file", map[string]any{"path": f, "state": "touch"}, l)
		timely := map[string]any{"path": f, "state": "touch", "modification_time": "202001020304.05", "access_time": "202101020304.05"}
		taskstest.MustChange(t, h, "file", timely, l)
		if plan := taskstest.MustNotChange(t, h, "file", timely, l); plan.Values["dest"] != f {
			t.Errorf("touched: %v", plan.Values)
		}
		timely["access_time"] = "202101020304.06"
		taskstest.MustChange(t, h, "file", timely, l)
		timely["access_time"] = "now"
		taskstest.MustChange(t, h, "file", timely, l)
		taskstest.MustChange(t, h, "file", timely, l)
		taskstest.MustNotChange(t, h, "file", map[string]any{"path": f, "state": "touch", "modification_time": "preserve",
			"access_time": "preserve"}, l)
	})
}

func TestFileNeverRemovesTheSystem(t *testing.T) {
	m := taskstest.ModuleNamed(t, "file")
	for _, p := range []string{"/", "//", "/etc/", "/usr/../var", "/var/lib"} {
		if _, err := m.New(map[string]any{"path": p, "state": "absent"}, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%s would be removed", p)
		}
	}
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		spec    string
		current int
		dir     bool
		want    int
	}{
		{"0644", 0, false, 0o644}, {"755", 0, false, 0o755}, {"4755", 0, false, 0o4755},
		{"u=rw,g=r,o=", 0o777, false, 0o640}, {"u+x", 0o644, false, 0o744}, {"go-w", 0o666, false, 0o644}, {"a=r", 0o777, false, 0o444},
		{"+x", 0o644, false, 0o755}, {"a+X", 0o644, false, 0o644}, {"a+X", 0o744, false, 0o755}, {"u=rwX,go=rX", 0o600, true, 0o755},
		{"g+s", 0o755, true, 0o2755}, {"g=rx", 0o2775, true, 0o755}, {"o+t", 0o777, true, 0o1777}, {"g=u", 0o740, false, 0o770},
		{"u=rw-x+X", 0o755, false, 0o755},
	} {
		if got, err := files.ModeFrom(c.spec, c.current, c.dir); err != nil || got != c.want {
			t.Errorf("%s on %04o: %04o, %v; want %04o", c.spec, c.current, got, err, c.want)
		}
	}
	for _, bad := range []string{"99", "u=rwz", "rwxr-xr-x", "u", "10000", "z+x"} {
		if _, err := files.ModeFrom(bad, 0, false); err == nil {
			t.Errorf("%q was taken for a mode", bad)
		}
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string]string{
		`a  b`: "a|b", `'a b' "c d"`: "a b|c d", `a\ b`: "a b", `"a\"b\n"`: `a"b\n`, `x''y`: "xy", `'' z`: "|z", ``: "",
	} {
		got, err := script.SplitWords(line)
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, bad := range []string{`'a`, `"a`, `a\`} {
		if _, err := script.SplitWords(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// What a task failed on is told: playbooks pass over the failure and ask whether the file is absent.
func TestFileFailsWithWhatIsThere(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Write(t, dir+"/f", "12", 0o640)
		l := &taskstest.FakeLocal{}
		values := func(args map[string]any) map[string]any {
			t.Helper()
			var f *tasks.Failure
			if err := taskstest.MustFail(t, h, "file", args, l, ""); !errors.As(err, &f) {
				t.Fatal(err)
			}
			return f.Values
		}
		if v := values(map[string]any{"path": dir + "/none"}); v["state"] != "absent" || v["path"] != dir+"/none" {
			t.Errorf("%v", v)
		}
		if v := values(map[string]any{"path": dir + "/f", "state": "directory"}); v["state"] != "file" || v["mode"] != "0640" {
			t.Errorf("%v", v)
		}
		v := values(map[string]any{"path": dir + "/f", "src": "/x/none", "state": "link"})
		if v["state"] != "file" || v["src"] != "/x/none" || v["dest"] != dir+"/f" {
			t.Errorf("%v", v)
		}
		plan, _ := taskstest.MustChange(t, h, "file", map[string]any{"path": dir + "/hard", "src": dir + "/f", "state": "hard"}, l)
		if v := plan.Values; v["mode"] != "0640" || v["state"] != "hard" || v["uid"] != os.Getuid() {
			t.Errorf("%v", v)
		}
	})
}
