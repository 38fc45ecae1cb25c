package builtin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// The flags of a file are a file beside it, which goes with neither a rename nor a new content.
var flagPrograms = map[string]string{
	"lsattr": `f=$3; f=$(cat -- "$f.flags" 2>/dev/null); echo "----$f---e---- $3"` + "\n",
	"chattr": `echo "$*" >>"$STATE/chattr.log"; f=$2
old=$(cat -- "$f.flags" 2>/dev/null); new=${1#?}
case $1 in
+*) printf %s "$old$(printf %s "$new" | tr -d "${old:-.}")" >"$f.flags" ;;
-*) printf %s "$old" | tr -d "$new" >"$f.flags" ;;
=*) printf %s "$new" >"$f.flags" ;;
esac
`,
}

// refused returns why a module does not take its arguments, which has to say text.
func refused(t *testing.T, module string, args map[string]any, text string) error {
	t.Helper()
	_, err := taskstest.ModuleNamed(t, module).New(args, &taskstest.FakeLocal{})
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("%s %v: %v", module, args, err)
	}
	return err
}

func TestAttributesOfChattr(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, flagPrograms)
		l := &taskstest.FakeLocal{}
		file := filepath.Join(dir, "f")
		flags := func(want string) {
			t.Helper()
			text, _ := os.ReadFile(file + ".flags")
			if string(text) != want {
				t.Errorf("the flags are %q, not %q", text, want)
			}
		}
		for _, task := range []struct {
			module, want string
			args         map[string]any
		}{
			{"copy", "i", map[string]any{"dest": file, "content": "one\n", "attributes": "+i"}},
			{"file", "iA", map[string]any{"path": file, "attr": "+iA"}},
			{"file", "A", map[string]any{"path": file, "attributes": "-i"}},
			{"lineinfile", "Aa", map[string]any{"path": file, "line": "two", "attributes": "+a"}},
			{"file", "a", map[string]any{"path": file, "attributes": "a"}},
			{"file", "i", map[string]any{"path": file, "attributes": "=i"}},
			{"replace", "i", map[string]any{"path": file, "regexp": "two", "replace": "three", "attributes": "=i"}},
			{"blockinfile", "ia", map[string]any{"path": file, "block": "four", "attributes": "+a"}},
			{"copy", "iaA", map[string]any{"dest": dir, "src": "/etc/f", "remote_src": true, "attributes": "+A", "force": false}},
		} {
			if task.args["src"] != nil {
				task.args["src"] = dir + "/./f"
			}
			taskstest.MustChange(t, h, task.module, task.args, l)
			flags(task.want)
			taskstest.MustNotChange(t, h, task.module, task.args, l)
		}
		refused(t, "file", map[string]any{"path": file, "attributes": "+?"}, "letters of chattr")
		refused(t, "file", map[string]any{"path": dir, "state": "directory", "recurse": true, "attributes": "+i"}, "exclude")
		if _, err := os.Stat("/sys/fs/selinux/enforce"); err != nil {
			// As in Ansible, of no effect.
			taskstest.MustNotChange(t, h, "file", map[string]any{"path": file, "setype": "etc_t", "seuser": "_default"}, l)
		}
	})
}

func TestCopyChecksum(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		args := map[string]any{"dest": filepath.Join(dir, "f"), "content": "one\n", "checksum": "0000000000000000000000000000000000000000"}
		err := refused(t, "copy", args, "does not match the expected checksum")
		var failed *tasks.Failure
		if !errors.As(err, &failed) || failed.Values["checksum"] != "c7059bb19433cc3cabaa6236c83d56668a843dd2" {
			t.Errorf("%+v", failed)
		}
		args["checksum"] = "C7059BB19433CC3CABAA6236C83D56668A843DD2"
		taskstest.MustChange(t, h, "copy", args, l)
	})
}

func TestTimesInAnotherFormat(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		file := filepath.Join(dir, "f")
		taskstest.MustChange(t, h, "file", map[string]any{
			"path": file, "state": "touch", "modification_time": "2024-02-29 13:05", "modification_time_format": "%Y-%m-%d %H:%M",
		}, l)
		info, err := os.Stat(file)
		if err != nil || info.ModTime().Format("2006-01-02 15:04:05") != "2024-02-29 13:05:00" {
			t.Errorf("%v, %v", info.ModTime(), err)
		}
		for text, want := range map[string]string{"yesterday": "is not a time of the format", "2024": "is not a time"} {
			refused(t, "file", map[string]any{"path": file, "state": "touch", "access_time": text, "access_time_format": "%Y-%m-%d"}, want)
		}
		refused(t, "file", map[string]any{"path": file, "state": "touch", "access_time": "1", "access_time_format": "%s"}, "are known")
	})
}

func TestEncodings(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		file := filepath.Join(dir, "f")
		taskstest.Write(t, file, "caf\xe9 1\n", 0o644)
		args := map[string]any{"path": file, "regexp": "é 1", "replace": "é ü", "encoding": "iso-8859-1"}
		taskstest.MustChange(t, h, "replace", args, l)
		if text := taskstest.Read(t, file); text != "caf\xe9 \xfc\n" {
			t.Errorf("%q", text)
		}
		taskstest.MustNotChange(t, h, "replace", args, l)
		taskstest.MustFail(t, h, "replace", map[string]any{"path": file, "regexp": "a", "replace": "€", "encoding": "latin1"}, l,
			"not in the encoding")
		taskstest.MustFail(t, h, "replace", map[string]any{"path": file, "regexp": "a", "encoding": "ascii"}, l, "not ASCII")
		refused(t, "replace", map[string]any{"path": file, "regexp": "a", "encoding": "utf-16"}, "are known")
	})
}
