package builtin

import (
	"archive/zip"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// Where no note tells of it, what is there as the archive has it is left, whoever unpacked it.
func TestUnarchiveFindsWhatOthersUnpacked(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		if out, err := taskstest.Sh(t, "cd '"+dir+"' && tar --version"); err != nil || !strings.Contains(out, "GNU") {
			t.Skip("SKIP: this tar does not compare")
		}
		l := &taskstest.FakeLocal{Dir: dir}
		if out, err := taskstest.Sh(t, "cd '"+dir+"' && umask 022 && mkdir -p c/top/sub && echo one >'c/top/a file' && echo two >c/top/sub/äö && "+
			"ln -s sub c/top/link && tar -C c -czf a.tgz top && tar -C c -cf a.tar top"); err != nil {
			t.Fatal(err, out)
		}
		for _, c := range []struct {
			name, then string
			args       map[string]any
			changes    bool
		}{
			{name: "as it is"},
			{name: "and more", then: "touch to/top/other"},
			{name: "on the host", args: map[string]any{"src": dir + "/a.tgz", "remote_src": true}},
			{name: "not compressed", args: map[string]any{"src": "a.tar"}},
			{name: "without a part", args: map[string]any{"exclude": []any{"top/sub"}}, then: "rm -r to/top/sub"},
			{name: "content", then: "echo own >'to/top/a file'; touch -r 'c/top/a file' 'to/top/a file'", changes: true},
			{name: "time", then: "touch -d 2001-01-01 'to/top/a file'", changes: true},
			{name: "mode", then: "chmod 600 'to/top/a file'", changes: true},
			{name: "mode that is given", then: "chmod -R 700 to/top", args: map[string]any{"mode": "0700"}},
			{name: "another mode is given", args: map[string]any{"mode": "0700"}, changes: true},
			{name: "a mode in letters", args: map[string]any{"mode": "u=rwX"}, changes: true},
			{name: "missing", then: "rm to/top/sub/*", changes: true},
			{name: "a link", then: "ln -sfn elsewhere to/top/link", changes: true},
		} {
			if out, err := taskstest.Sh(t, "cd '"+dir+"' && rm -rf to '"+unpackedNotes+"' && mkdir to && tar -C to -xzf a.tgz; "+c.then); err != nil {
				t.Fatal(c.name, err, out)
			}
			args := map[string]any{"src": "a.tgz", "dest": dir + "/to", "list_files": true}
			for k, v := range c.args {
				args[k] = v
			}
			h.Uploads = 0
			if !c.changes {
				plan := taskstest.MustNotChange(t, h, "unarchive", args, l)
				if names, _ := plan.Values["files"].([]any); h.Uploads != 0 || len(names) < 3 || names[0] != "top/" {
					t.Errorf("%s: %v, sent %d times", c.name, plan.Values["files"], h.Uploads)
				}
				continue
			}
			taskstest.MustChange(t, h, "unarchive", args, l)
			taskstest.MustNotChange(t, h, "unarchive", args, l)
		}
	})
}

func TestUnarchiveFindsAZipThatOthersUnpacked(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		if out, err := taskstest.Sh(t, "cd '"+dir+"' && unzip -v && tar --version"); err != nil || !strings.Contains(out, "GNU") {
			t.Skip("SKIP: there is no unzip here, or a tar that does not compare")
		}
		f, err := os.Create(dir + "/a.zip")
		if err != nil {
			t.Fatal(err)
		}
		w := zip.NewWriter(f)
		for name, text := range map[string]string{"top/": "", "top/a file": "one"} {
			e, err := w.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		l := &taskstest.FakeLocal{Dir: dir}
		args := map[string]any{"src": "a.zip", "dest": dir + "/to"}
		if out, err := taskstest.Sh(t, "cd '"+dir+"' && rm -rf '"+unpackedNotes+"' && mkdir to && unzip -q a.zip -d to"); err != nil {
			t.Fatal(err, out)
		}
		taskstest.MustNotChange(t, h, "unarchive", args, l)
		taskstest.Write(t, dir+"/to/top/a file", "own", 0o644)
		taskstest.MustChange(t, h, "unarchive", args, l)
	})
}
