package trees

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestArchive(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l, asks := &taskstest.FakeLocal{}, &taskstest.FakeLocal{Checking: true}
		tree := dir + "/it's a tree"
		fill := func() {
			taskstest.MustWrite(t, tree+"/a", "a\n")
			taskstest.MustWrite(t, tree+"/sub/b c", "b\n")
			taskstest.MustWrite(t, tree+"/sub/-d.log", "d\n")
			_ = os.MkdirAll(tree+"/empty", 0o755)
			_ = os.Symlink("a", tree+"/link")
		}
		fill()
		run := func(changed bool, args map[string]any) map[string]any {
			t.Helper()
			_, result, err := taskstest.Attempt(t, h, "archive", args, l)
			if err != nil || result.Changed != changed {
				t.Fatalf("%v: changed %v, %v, %v", args, result.Changed, err, result.Values)
			}
			return result.Values
		}
		contents := func(command, want string) {
			t.Helper()
			if got, err := taskstest.Sh(t, "cd '"+dir+"' && "+command+" | LC_ALL=C sort | tr '\\n' ' '"); err != nil || got != want {
				t.Errorf("%s: %q, %v", command, got, err)
			}
		}
		all := "it's a tree/a it's a tree/empty/ it's a tree/link it's a tree/sub/ it's a tree/sub/-d.log it's a tree/sub/b c "
		args := map[string]any{"path": tree, "dest": dir + "/o.tgz", "mode": "0600"}
		plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "archive", args, asks))
		if err != nil || !plan.Change {
			t.Fatalf("check mode: %+v, %v", plan, err)
		}
		v := run(true, args)
		if v["arcroot"] != dir+"/" || v["dest_state"] != "archive" || v["mode"] != "0600" || len(v["archived"].([]any)) != 6 {
			t.Errorf("%v", v)
		}
		contents("tar -tzf o.tgz", all)
		run(false, args)
		args["mode"] = "0640"
		run(true, args)
		run(false, args)
		taskstest.Write(t, tree+"/a", "A\n", 0o644)
		run(true, args)
		for format, list := range map[string]string{"bz2": "tar -tjf", "xz": "tar -tJf", "tar": "tar -tf"} {
			args := map[string]any{"path": []any{tree + "/", dir + "/none"}, "dest": dir + "/o." + format, "format": format}
			v := run(true, args)
			if v["dest_state"] != "incomplete" || v["missing"].([]any)[0] != dir+"/none" {
				t.Errorf("%v", v)
			}
			contents(list+" o."+format, all)
			run(false, args)
		}
		left := map[string]any{
			"path": []any{tree + "/*"}, "exclude_path": []any{tree + "/em*"}, "exclusion_patterns": []any{"sub/*.log", "l?nk"}, "dest": dir + "/left.tar",
			"format": "tar",
		}
		run(true, left)
		contents("tar -tf left.tar", "a sub/b c ")
		left["remove"], left["dest"] = true, dir+"/again.tar"
		run(true, left)
		contents("find \"it's a tree\" -type f", "it's a tree/sub/-d.log ")
		fill()
		run(true, map[string]any{"path": tree, "dest": dir + "/again.tar", "format": "tar", "remove": true})
		if _, err := os.Lstat(tree); err == nil {
			t.Error("the tree is left with remove")
		}
		fill()

		one := map[string]any{"path": tree + "/a"}
		if v := run(true, one); v["dest_state"] != "compress" || v["dest"] != tree+"/a.gz" {
			t.Errorf("%v", v)
		}
		run(false, one)
		contents("gzip -dc \"it's a tree/a.gz\"", "a ")
		taskstest.MustNotChange(t, h, "archive", one, asks)
		one["force_archive"], one["dest"] = true, dir+"/one.tgz"
		run(true, one)
		contents("tar -tzf one.tgz", "a ")
		if out, _ := taskstest.Sh(t, "command -v zip"); out != "" {
			zip := map[string]any{"path": tree + "/sub", "format": "zip", "dest": dir + "/o.zip", "exclusion_patterns": []any{"*/b c"}}
			run(true, zip)
			run(false, zip)
			contents("python3 -c \"import zipfile; print('\\n'.join(zipfile.ZipFile('o.zip').namelist()))\"", "sub/-d.log ")
		}

		before := taskstest.Read(t, dir+"/o.tgz")
		taskstest.MustFail(t, h, "archive", map[string]any{"path": tree, "dest": tree + "/in.tgz", "remove": true}, l, "can not be contained")
		taskstest.MustFail(t, h, "archive", map[string]any{"path": tree}, l, "must specify")
		taskstest.MustFail(t, h, "archive", map[string]any{"path": dir + "/no*"}, l, "no source paths")
		taskstest.MustFail(t, h, "archive", map[string]any{"path": tree, "dest": dir + "/no/o.tgz"}, l, "is not there")
		taskstest.Write(t, tree+"/new\nline", "", 0o644)
		args["path"] = tree
		taskstest.MustFail(t, h, "archive", args, l, "newline")
		if taskstest.Read(t, dir+"/o.tgz") != before {
			t.Error("the archive is another after a refusal")
		}
		if got, _ := taskstest.Sh(t, "find '"+dir+"' -name '.polarbook*'"); got != "" {
			t.Errorf("left behind: %s", got)
		}
	})
}

func TestArchiveRefuses(t *testing.T) {
	for problem, args := range map[string]map[string]any{
		"absolute": {"path": "x"}, "is empty": {"path": []any{}}, "dest": {"path": "/x", "dest": "y"}, "attributes": {"path": "/x", "attributes": "+i"},
	} {
		if _, err := taskstest.ModuleNamed(t, "archive").New(args, &taskstest.FakeLocal{}); err == nil ||
			!strings.Contains(err.Error(), problem) {
			t.Errorf("%v: %v", args, err)
		}
	}
	for paths, want := range map[string]string{"/a/b": "/a/", "/a/b /a/c/d": "/a/", "/a/b/ /a/bc/d": "/a/", "/a /b": "/", "/a/b/": "/a/b/"} {
		if got := commonRoot(strings.Fields(paths)); got != want {
			t.Errorf("%s: %s", paths, got)
		}
	}
}

// Of a zip the files are returned, of others their directories too.
func TestArchiveTold(t *testing.T) {
	for format, want := range map[string]string{"zip": "/d/a /d/s/b /e", "gz": "/d/a /d/s /d/s/b /e"} {
		a := archive{archiveArgs: archiveArgs{Format: format}}
		if got := strings.Join(a.told([]string{"/d/a", "/d/s", "/d/s/b", "/e"}), " "); got != want {
			t.Errorf("%s: %s", format, got)
		}
	}
}

// Where tar is busybox's it may read no list of names, as Debian's does not.
func TestArchiveByBusybox(t *testing.T) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("SKIP: this machine has no busybox")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{Dir: dir}
		taskstest.MustWrite(t, dir+"/d/a", "a\n")
		taskstest.MustWrite(t, dir+"/d/-b *", "b\n")
		taskstest.MustWrite(t, dir+"/d/sub/c", "c\n")
		_ = os.Mkdir(dir+"/fake", 0o755)
		taskstest.Pretend(t, dir+"/fake", map[string]string{"tar": "exec " + busybox + ` tar "$@"`})
		args := map[string]any{"path": dir + "/d", "dest": dir + "/d.tgz"}
		taskstest.MustChange(t, h, "archive", args, l)
		if _, r, err := taskstest.Attempt(t, h, "archive", args, l); err != nil || r.Changed {
			t.Errorf("again: %v, %v", r.Changed, err)
		}
		out, err := taskstest.Sh(t, "cd "+dir+" && tar -xzf d.tgz -C fake && cd fake && LC_ALL=C find . -type f ! -name tar | LC_ALL=C sort && cat -- ./*/'-b *'")
		if want := "./d/-b *\n./d/a\n./d/sub/c\nb\n"; err != nil || out != want {
			t.Errorf("%v: %q, not %q", err, out, want)
		}
		taskstest.Pretend(t, dir+"/fake", map[string]string{"tar": "exit 3"})
		taskstest.MustWrite(t, dir+"/d/more", "m\n")
		args["remove"] = true
		taskstest.MustFail(t, h, "archive", args, l, "could not be made")
		if taskstest.Read(t, dir+"/d/more") != "m\n" {
			t.Error("what was to be in it is gone")
		}
	})
}
