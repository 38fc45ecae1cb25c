package system

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestMount(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l := &taskstest.FakeLocal{}
		dir := t.TempDir() + "/a b"
		args := func(state string, more ...any) map[string]any {
			all := map[string]any{"path": dir + "/m", "src": "polarbook", "fstype": "tmpfs", "state": state}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		is := func(want string) {
			t.Helper()
			got := taskstest.MustOn(t, h, "awk '$5 ~ /b\\/m$/ { print $6 }' /proc/self/mountinfo | cut -d, -f1,2")
			if strings.TrimSpace(got) != want {
				t.Errorf("mounted are %q, want %q", got, want)
			}
		}
		table := func(want string) {
			t.Helper()
			if got := h.EtcFile(t, "fstab"); got != want {
				t.Errorf("fstab is\n%swant\n%s", got, want)
			}
		}
		path := strings.ReplaceAll(dir, " ", `\040`) + "/m"
		taskstest.MustNotChange(t, h, "mount", args("unmounted"), l)
		taskstest.MustNotChange(t, h, "mount", args("absent"), l)
		taskstest.MustChange(t, h, "mount", args("present", "boot", false), l)
		table("polarbook " + path + " tmpfs defaults,noauto 0 0\n")
		is("")
		taskstest.MustNotChange(t, h, "mount", args("present", "boot", false), l)
		plan, _ := taskstest.MustChange(t, h, "mount", args("mounted", "opts", "ro", "backup", true), l)
		if plan.Values["backup_file"] == "" || plan.Values["opts"] != "ro" || plan.Values["boot"] != "yes" {
			t.Errorf("it says %v", plan.Values)
		}
		table("polarbook " + path + " tmpfs ro 0 0\n")
		is("ro,relatime")
		taskstest.MustNotChange(t, h, "mount", args("mounted", "opts", "ro"), l)
		taskstest.MustChange(t, h, "mount", args("mounted", "opts", "nosuid"), l)
		is("rw,nosuid")
		// What is mounted anew is so each time.
		taskstest.MustChange(t, h, "mount", map[string]any{"path": dir + "/m", "state": "remounted", "opts": "noexec"}, l)
		taskstest.MustChange(t, h, "mount", map[string]any{"path": dir + "/m", "state": "remounted"}, l)
		taskstest.MustChange(t, h, "mount", args("unmounted"), l)
		is("")
		taskstest.MustChange(t, h, "mount", args("ephemeral"), l)
		taskstest.MustChange(t, h, "mount", args("ephemeral", "opts", "ro"), l)
		is("ro,relatime")
		taskstest.MustFail(t, h, "mount", args("ephemeral", "src", "another"), l,
			"polarbook is mounted on "+dir+"/m, and another is wanted there")
		taskstest.MustChange(t, h, "mount", args("absent_from_fstab"), l)
		is("ro,relatime")
		table("")
		taskstest.MustChange(t, h, "mount", args("present"), l)
		taskstest.MustChange(t, h, "mount", args("absent"), l)
		taskstest.MustNotChange(t, h, "mount", args("absent"), l)
		is("")
		if out := taskstest.MustOn(t, h, "ls -A '"+dir+"'"); out != "" {
			t.Errorf("the directory is there: %s", out)
		}
		// What does not mount leaves nothing behind, neither in fstab nor in directories.
		taskstest.MustFail(t, h, "mount", args("mounted", "path", dir+"/x/y", "fstype", "no_such_type"), l, "mount "+dir+"/x/y: ")
		table("")
		if out := taskstest.MustOn(t, h, "ls -A '"+dir+"'"); out != "" {
			t.Errorf("directories stayed: %s", out)
		}
	})
}

func TestMountOfADirectory(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l, dir := &taskstest.FakeLocal{}, t.TempDir()
		taskstest.MustOn(t, h, "mkdir "+dir+"/a "+dir+"/b "+dir+"/c; ln -s "+dir+" "+dir+"/link; ln -s b "+dir+"/last")
		args := map[string]any{"path": dir + "/link/b", "src": dir + "/a", "fstype": "none", "opts": "bind", "state": "mounted",
			"fstab": dir + "/tab/fstab"}
		taskstest.MustChange(t, h, "mount", args, l)
		taskstest.MustNotChange(t, h, "mount", args, l)
		// Another directory of the same file system is mounted over it.
		taskstest.MustOn(t, h, "mkdir "+dir+"/d; touch "+dir+"/d/f; ln -s d "+dir+"/to-d")
		args["src"] = dir + "/to-d"
		taskstest.MustChange(t, h, "mount", args, l)
		taskstest.MustNotChange(t, h, "mount", args, l)
		taskstest.MustOn(t, h, "test -e "+dir+"/b/f && umount "+dir+"/b")
		args["state"] = "ephemeral"
		args["src"] = dir + "/c"
		taskstest.MustFail(t, h, "mount", args, l, "and "+dir+"/c is wanted there")
		taskstest.MustNotChange(t, h, "mount", map[string]any{"path": dir + "/last", "state": "unmounted"}, l)
		taskstest.MustChange(t, h, "mount", map[string]any{"path": dir + "/b/", "state": "unmounted"}, l)
	})
}

// Swap has no path: nothing is unmounted, and fstab is all there is to change.
func TestMountOfSwap(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l, dir := &taskstest.FakeLocal{}, t.TempDir()
		taskstest.MustOn(t, h, "printf '/swapfile swap swap sw 0 0\n' >"+dir+"/fstab")
		args := map[string]any{"path": "swap", "fstype": "swap", "state": "unmounted", "fstab": dir + "/fstab"}
		taskstest.MustNotChange(t, h, "mount", args, l)
		args["state"] = "absent"
		taskstest.MustChange(t, h, "mount", args, l)
		taskstest.MustNotChange(t, h, "mount", args, l)
		if got := taskstest.MustOn(t, h, "cat "+dir+"/fstab"); got != "" {
			t.Errorf("fstab has %q", got)
		}
	})
}

func TestMountsOfAFileSystem(t *testing.T) {
	mounts := readMounts("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:2 / /home rw shared:1 - ext4 /dev/sdb rw\n" +
		"31 22 8:2 /x/y /mnt/a\\040b rw - ext4 /dev/sdb rw\n32 22 8:1 /srv/z /mnt/c rw - ext4 /dev/sda1 rw\nbroken\n")
	at, ok := mounts.at("/mnt/a b")
	if !ok || !mounts.of(at, "/home/x/y") || !mounts.of(at, "/dev/sdb") || mounts.of(at, "/home/x") || mounts.of(at, "/x/y") {
		t.Errorf("%+v", at)
	}
	if mounts.within(at) {
		t.Error("/mnt/a b is taken for a part of /")
	}
	if at, ok = mounts.at("/mnt/c"); !ok || !mounts.within(at) || !mounts.of(at, "/srv/z") || mounts.of(at, "/mnt/c") {
		t.Errorf("%+v", at)
	}
	if _, ok = mounts.at("/mnt"); ok {
		t.Error("/mnt is mounted")
	}
}

func TestFstab(t *testing.T) {
	for _, c := range []struct{ name, before, after, state, src string }{
		{"an entry of four fields", "old /m xfs ro\n", "dev /m xfs defaults 0 0\n", "present", "dev"},
		{"remarks and others stay", "# x /m\n\n/dev/a /n xfs ro 0 0 # /m\nx\n", "# x /m\n\n/dev/a /n xfs ro 0 0 # /m\nx\ndev /m xfs defaults 0 0\n", "present", "dev"},
		{"a last line without an end", "a /n xfs ro 0 0", "a /n xfs ro 0 0\ndev /m xfs defaults 0 0\n", "present", "dev"},
		{"as wanted, with tabs", "dev\t/m\txfs  defaults\t0 0\n", "dev\t/m\txfs  defaults\t0 0\n", "present", "dev"},
		{"removed, four fields", "a /m xfs ro\nb /n xfs ro\n", "b /n xfs ro\n", "absent", ""},
		{"an ampersand", "", "//s/a\\046b\\040c /m xfs defaults 0 0\n", "present", "//s/a&b c"},
	} {
		m := &mount{mountArgs: mountArgs{Path: "/m", Src: c.src, FSType: "xfs", Opts: "defaults", Dump: "0", Passno: "0", State: c.state}}
		if got, _, _, _ := m.rewrite(c.before, true); got != c.after {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	m := &mount{mountArgs: mountArgs{Path: "none", Src: "/dev/b", FSType: "swap", Opts: "sw", Dump: "0", Passno: "0", State: "absent"}}
	if got, _, _, _ := m.rewrite("/dev/a none swap sw 0 0\n/dev/b none swap sw 0 0\n", true); got != "/dev/a none swap sw 0 0\n" {
		t.Errorf("swap: %q", got)
	}
}

func TestMountRefusals(t *testing.T) {
	taskstest.TestPlan(t, "mount", []taskstest.Case{
		{Name: "no source", Args: map[string]any{"path": "/m", "state": "mounted", "fstype": "xfs"}, Does: `fails: mount: argument "src" is required for state: mounted`},
		{Name: "no type", Args: map[string]any{"path": "/m", "state": "present", "src": "a"}, Does: `fails: mount: argument "fstype" is required`},
		{Name: "two lines", Args: map[string]any{"path": "/m", "state": "present", "src": "a\nb", "fstype": "x"}, Does: `fails: mount: argument "src" holds a tab`},
		{Name: "an option", Args: map[string]any{"path": "/m", "state": "present", "src": "-o", "fstype": "x"}, Does: `fails: mount: argument "src" begins with a hyphen`},
		{Name: "no directory", Args: map[string]any{"path": "none", "state": "remounted"}, Does: `fails: mount: argument "path" has to begin with /`},
		{Name: "cut off", Args: map[string]any{"path": "/m", "state": "unmounted"}, Found: "there yes\n", Does: `fails: the host's answer broke off`},
	})
	l := &taskstest.FakeLocal{}
	taskstest.NewAction(t, "mount", map[string]any{"path": "/m", "state": "present", "src": "//a", "fstype": "cifs", "opts": "password=x",
		"opts_no_log": true}, l)
	if len(l.Secrets) != 1 || l.Secrets[0] != "password=x" {
		t.Errorf("hidden are %v", l.Secrets)
	}
}
