package builtin

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func pack(t *testing.T, into, compress, from string) {
	t.Helper()
	cmd := exec.Command("tar", "-C", from, "--"+compress, "-cf", into, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("tar --%s: %v %s", compress, err, out)
	}
}

func TestUnarchive(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		local := t.TempDir()
		l := &taskstest.FakeLocal{Dir: local}
		content := filepath.Join(t.TempDir(), "c")
		if err := os.MkdirAll(content+"/top/bin dir", 0o755); err != nil {
			t.Fatal(err)
		}
		taskstest.Write(t, content+"/top/bin dir/it's", "run", 0o755)
		taskstest.Write(t, content+"/top/directory 1", "", 0o644)
		if err := os.Symlink("bin dir", content+"/top/link"); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"gzip", "xz", "zstd", "bzip2"} {
			if _, err := exec.LookPath(how); err != nil {
				continue
			}
			pack(t, local+"/a.tar", how, content)
			to := filepath.Join(dir, how)
			args := map[string]any{"src": "a.tar", "dest": to, "extra_opts": []any{"--strip-components=2"}, "list_files": true}
			taskstest.MustFail(t, h, "unarchive", args, l, "does not exist")
			if err := os.Mkdir(to, 0o755); err != nil {
				t.Fatal(err)
			}
			h.Uploads = 0
			_, r := taskstest.MustChange(t, h, "unarchive", args, l)
			if taskstest.Read(t, to+"/bin dir/it's") != "run" {
				t.Error("not unpacked")
			}
			if files, _ := r.Values["files"].([]any); len(files) != 4 {
				t.Errorf("files: %v", r.Values["files"])
			}
			if v := r.Values; v["mode"] != "0755" || v["state"] != "directory" || v["uid"] != os.Getuid() || v["owner"] == nil || v["size"] == nil {
				t.Errorf("of the directory it says %v", v)
			}
			taskstest.MustNotChange(t, h, "unarchive", args, l)
			taskstest.Write(t, to+"/own", "added later", 0o644)
			if err := os.Chmod(to+"/bin dir/it's", 0o700); err != nil {
				t.Fatal(err)
			}
			taskstest.MustNotChange(t, h, "unarchive", args, l)
			if h.Uploads != 1 {
				t.Errorf("sent %d times", h.Uploads)
			}
			if err := os.Remove(to + "/bin dir/it's"); err != nil {
				t.Fatal(err)
			}
			taskstest.MustChange(t, h, "unarchive", args, l)
			later := time.Now().Add(time.Hour)
			taskstest.Write(t, to+"/bin dir/it's", "ruN", 0o755)
			if err := os.Chtimes(to+"/bin dir/it's", later, later); err != nil {
				t.Fatal(err)
			}
			taskstest.MustChange(t, h, "unarchive", args, l)
			if taskstest.Read(t, to+"/own") != "added later" {
				t.Error("what is not ours was touched")
			}
			if left, _ := filepath.Glob(to + "/.polarbook*"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		}
		taskstest.Write(t, local+"/bad.tar.gz", "\x1f\x8bnonsense", 0o644)
		taskstest.MustFail(t, h, "unarchive", map[string]any{"src": "bad.tar.gz", "dest": dir}, l, "not an archive")
		pack(t, dir+"/here.tgz", "gzip", content)
		args := map[string]any{"src": dir + "/here.tgz", "dest": dir, "remote_src": true, "creates": dir + "/top/nothing"}
		if _, r := taskstest.MustChange(t, h, "unarchive", args, l); len(r.Warnings) != 1 ||
			!strings.Contains(r.Warnings[0], dir+"/top/nothing") {
			t.Errorf("what creates names is not there, and it says %q", r.Warnings)
		}
		args["creates"] = dir + "/to*" // a name, and no pattern
		if plan := taskstest.MustNotChange(t, h, "unarchive", args, l); plan.Values["skipped"] != nil {
			t.Errorf("creates is taken for a pattern: %v", plan.Values)
		}
		args["creates"] = dir + "/top"
		taskstest.MustNotChange(t, h, "unarchive", args, l)
		delete(args, "creates")
		taskstest.MustNotChange(t, h, "unarchive", args, l)
		args["mode"] = "u=rwX,go="
		args["exclude"] = "*/link"
		taskstest.MustChange(t, h, "unarchive", args, l)
		if info, _ := os.Stat(dir + "/top/bin dir/it's"); info.Mode().Perm() != 0o700 {
			t.Error(info.Mode())
		}
		if _, err := os.Stat(dir + "/here.tgz"); err != nil {
			t.Error("the host's own archive is gone")
		}
		if os.Getuid() == 0 {
			args["owner"] = "65534"
			taskstest.MustChange(t, h, "unarchive", args, l)
			taskstest.MustNotChange(t, h, "unarchive", args, l)
			if err := os.Chown(dir+"/top/directory 1", 0, 0); err != nil {
				t.Fatal(err)
			}
			plan, _ := taskstest.MustChange(t, h, "unarchive", args, l)
			if !strings.Contains(plan.Msg, "again") {
				t.Error(plan.Msg)
			}
		}
	})
}

// TestUnarchiveBelowAnotherAccountsDirectory has root unpack where another account put links in the archive's way.
func TestUnarchiveBelowAnotherAccountsDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Open(t, dir)
		l := &taskstest.FakeLocal{Dir: dir}
		script := `cd '` + dir + `' && umask 022 && mkdir victim to to/app && echo before >victim/file && echo old >to/app/kept &&
			mkdir -p c/app/conf/deep c/new && echo new >c/app/conf/deep/file && echo new >c/app/file && echo new >c/app/kept &&
			echo new >c/new/file && chmod 0750 c/app/conf && chmod 4755 c/new/file &&
			touch -d '2001-01-01' c/app/kept && tar -C c -czf a.tgz app new && chown -R 61234 to/app`
		if out, err := taskstest.Sh(t, script); err != nil {
			t.Fatal(err, out)
		}
		before := taskstest.Listing(t, dir+"/victim")
		attack := func(script, refused string, args map[string]any) {
			t.Helper()
			if out, err := taskstest.Sh(t, "cd '"+dir+"' && rm -rf to/app/conf to/app/file && "+script+" && chown -h 61234 to/app/*"); err != nil {
				t.Fatal(err, out)
			}
			if refused != "" {
				taskstest.MustFail(t, h, "unarchive", args, l, refused)
			} else {
				taskstest.MustChange(t, h, "unarchive", args, l)
				taskstest.MustNotChange(t, h, "unarchive", args, l)
			}
			if after := taskstest.Listing(t, dir+"/victim"); after != before {
				t.Errorf("root's directory was:\n%sand is:\n%s", before, after)
			}
			if left, _ := filepath.Glob(dir + "/to/.polarbook.*"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		}
		args := map[string]any{"src": "a.tgz", "dest": dir + "/to"}
		attack("mkdir victim/deep; ln -s ../../victim to/app/conf; rmdir victim/deep", "is not followed", args)
		attack("mkdir to/app/conf; ln -s ../../../victim to/app/conf/deep; chown -h 61234 to/app/conf/deep", "is not followed", args)
		attack("ln -s ../../victim/file to/app/file; mkdir to/app/elsewhere; ln -s elsewhere to/app/conf", "", args)
		out, err := taskstest.Sh(t, "cd '"+dir+"/to' && cat app/file app/elsewhere/deep/file app/kept new/file && "+
			"stat -c '%a %u' app/file app/elsewhere new/file && [ ! -L app/file ]")
		if want := "new\nnew\nnew\nnew\n644 0\n750 61234\n755 0\n"; err != nil || out != want {
			t.Errorf("got %q, %v; want %q", out, err, want)
		}
		args["owner"], args["keep_newer"] = "61234", true
		attack("rm -rf to/new '"+unpackedNotes+"'; echo mine >to/app/kept", "", args)
		if out, err := taskstest.Sh(t, "cd '"+dir+"/to' && cat app/kept && find app/conf new ! -uid 61234 && stat -c %u ."); err != nil ||
			out != "mine\n0\n" {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

func init() { unpackedNotes = filepath.Join(os.TempDir(), "polarbook-unpacked-notes") }

// What an earlier release noted in the directory itself is believed, and goes with the next change.
func TestUnarchiveTakesAnEarlierNoteOver(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.MustWrite(t, dir+"/from/x", "x")
		taskstest.MustWrite(t, dir+"/to/own", "y")
		if out, err := taskstest.Sh(t, "cd "+dir+" && tar -C from -cf a.tar x"); err != nil {
			t.Fatal(err, out)
		}
		l := &taskstest.FakeLocal{Dir: dir}
		args := map[string]any{"src": "a.tar", "dest": dir + "/to"}
		u := taskstest.Work[*unarchive](t, taskstest.NewAction(t, "unarchive", args, l))
		note, old := u.note()
		taskstest.MustChange(t, h, "unarchive", args, l)
		if err := os.Rename(unpackedNotes+"/"+note, dir+"/to/"+old); err != nil {
			t.Fatal(err)
		}
		taskstest.MustNotChange(t, h, "unarchive", args, l)
		taskstest.MustWrite(t, dir+"/to/x", "changed")
		taskstest.MustChange(t, h, "unarchive", args, l)
		taskstest.MustNotChange(t, h, "unarchive", args, l)
		if left, _ := filepath.Glob(dir + "/to/.*"); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestUnarchiveZip(t *testing.T) {
	for _, program := range []string{"zip", "unzip"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIP: no %s here", program)
		}
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.MustWrite(t, dir+"/from/top/a file", "a")
		taskstest.MustWrite(t, dir+"/from/top/sub/b", "b")
		taskstest.MustWrite(t, dir+"/to/own", "mine")
		if out, err := taskstest.Sh(t, "cd "+dir+"/from && chmod 4777 top/sub/b && zip -qr ../a.zip top"); err != nil {
			t.Fatal(err, out)
		}
		l := &taskstest.FakeLocal{Dir: dir}
		args := map[string]any{"src": "a.zip", "dest": dir + "/to", "list_files": true}
		_, r := taskstest.MustChange(t, h, "unarchive", args, l)
		if files, _ := r.Values["files"].([]any); len(files) != 4 || r.Values["handler"] != "ZipArchive" {
			t.Errorf("%v", r.Values)
		}
		taskstest.MustNotChange(t, h, "unarchive", args, l)
		if taskstest.Read(t, dir+"/to/top/a file")+taskstest.Read(t, dir+"/to/top/sub/b")+taskstest.Read(t, dir+"/to/own") != "abmine" {
			t.Error("not unpacked")
		}
		if info, _ := os.Stat(dir + "/to/top/sub/b"); info.Mode() != 0o755 {
			t.Errorf("mode %v", info.Mode())
		}
		if err := os.Remove(dir + "/to/top/sub/b"); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "unarchive", args, l)
		args = map[string]any{"src": dir + "/a.zip", "dest": dir + "/to", "remote_src": true, "exclude": []any{"*/b"}, "extra_opts": []any{"-j"}}
		taskstest.MustChange(t, h, "unarchive", args, l)
		if taskstest.Read(t, dir+"/to/a file") != "a" {
			t.Error("its options are not given to unzip")
		}
		if _, err := os.Lstat(dir + "/to/b"); err == nil {
			t.Error("what was excluded is there")
		}
		taskstest.Write(t, dir+"/bad.zip", "PK\x03\x04nonsense", 0o644)
		taskstest.MustFail(t, h, "unarchive", map[string]any{"src": "bad.zip", "dest": dir + "/to"}, l, "is not an archive that unzip can read")
		if left, _ := filepath.Glob(dir + "/to/.*"); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestUnarchiveInAnotherDirectory(t *testing.T) {
	for _, options := range [][]any{
		{"-Csub/way"}, {"-Csub", "-vCway"}, {"--directory=sub/way/"}, {"--direct=sub", "--no-same-owner", "-Cway"},
	} {
		taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
			taskstest.MustWrite(t, dir+"/from/d/x", "x")
			taskstest.MustWrite(t, dir+"/to/sub/way/other", "y")
			if out, err := taskstest.Sh(t, "cd "+dir+" && tar -C from -cf a.tar ."); err != nil {
				t.Fatal(err, out)
			}
			l := &taskstest.FakeLocal{Dir: dir}
			args := map[string]any{"src": "a.tar", "dest": dir + "/to", "extra_opts": options}
			taskstest.MustChange(t, h, "unarchive", args, l)
			taskstest.MustNotChange(t, h, "unarchive", args, l)
			if taskstest.Read(t, dir+"/to/sub/way/d/x") != "x" || taskstest.Read(t, dir+"/to/sub/way/other") != "y" {
				t.Error("it was unpacked elsewhere")
			}
			taskstest.MustWrite(t, dir+"/to/sub/way/d/x", "changed")
			taskstest.MustChange(t, h, "unarchive", args, l)
			if taskstest.Read(t, dir+"/to/sub/way/d/x") != "x" {
				t.Error("what was changed is not unpacked again")
			}
			args["extra_opts"] = []any{"-Cnone"}
			taskstest.MustFail(t, h, "unarchive", args, l, "the directory none of extra_opts does not exist")
			if left, _ := filepath.Glob(dir + "/to/.polarbook*"); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestUnarchiveHandlers(t *testing.T) {
	for begins, want := range map[string]string{
		"\x1f\x8b\x08": "TgzArchive", "PK\x03\x04": "ZipArchive", "\xfd7zXZ\x00": "TarArchive", "BZh9": "TarArchive", "\x28\xb5\x2f\xfd": "TarArchive", "f": "TarArchive",
	} {
		if got := (unarchiveFound{}).handler(&unarchive{begins: []byte(begins)}); got != want {
			t.Errorf("%q: %s", begins, got)
		}
	}
}
