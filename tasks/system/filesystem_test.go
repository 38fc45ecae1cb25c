package system

import (
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// device makes a file of some MB that is to be taken for a disk, and returns its path.
func device(t *testing.T, dir, name string, megabytes int64) string {
	t.Helper()
	path := dir + "/" + name
	taskstest.MustWrite(t, path, "")
	if err := os.Truncate(path, megabytes<<20); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesystem(t *testing.T) {
	for _, tool := range []string{"mkfs.ext4", "mkswap", "wipefs", "blkid", "tune2fs"} {
		if _, err := exec.LookPath(tool); err != nil {
			if _, err := os.Stat("/usr/sbin/" + tool); err != nil {
				t.Skip("SKIP: this machine has no " + tool)
			}
		}
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		disk := device(t, dir, "a disk", 8)
		args := func(fstype string, more ...any) map[string]any {
			all := map[string]any{"dev": disk, "fstype": fstype}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		tag := func(name string) string {
			return strings.TrimSpace(taskstest.MustOn(t, h, `PATH=$PATH:/usr/sbin; blkid -p -o value -s `+name+` "`+disk+`" || true`))
		}
		holds := func(name, want string) {
			t.Helper()
			if got := tag(name); got != want {
				t.Errorf("%s is %q instead of %q", name, got, want)
			}
		}
		must := func(args map[string]any, fstype string) {
			t.Helper()
			taskstest.MustChange(t, h, "filesystem", args, l)
			taskstest.MustNotChange(t, h, "filesystem", args, l)
			holds("TYPE", fstype)
		}
		absent := map[string]any{"dev": disk, "state": "absent"}
		taskstest.MustNotChange(t, h, "filesystem", absent, l)
		must(args("ext4", "opts", "-L data -m 1"), "ext4")
		holds("LABEL", "data")
		const uuid = "11111111-2222-3333-4444-555555555555"
		must(args("ext4", "uuid", uuid), "ext4")
		holds("UUID", uuid)
		taskstest.MustNotChange(t, h, "filesystem", args("ext4", "resizefs", true), l)
		if err := os.Truncate(disk, 16<<20); err != nil {
			t.Fatal(err)
		}
		must(args("ext4", "resizefs", true), "ext4")
		taskstest.MustFail(t, h, "filesystem", args("swap"), l, "is already used as ext4")
		holds("UUID", uuid)
		must2 := func(args map[string]any, fstype string) { // as force, which makes it anew at each run
			t.Helper()
			taskstest.MustChange(t, h, "filesystem", args, l)
			taskstest.MustChange(t, h, "filesystem", args, l)
			holds("TYPE", fstype)
		}
		must2(args("ext2", "force", true, "uuid", uuid), "ext2")
		holds("UUID", uuid)
		must2(args("ext2", "uuid", "random"), "ext2")
		if tag("UUID") == uuid {
			t.Error("the UUID is the old one")
		}
		must(absent, "")
		must(args("swap"), "swap")
		must2(args("ext3", "force", true), "ext3")
		taskstest.MustFail(t, h, "filesystem", args("ext4", "opts", "--nonsense", "force", true), l, "invalid option")

		// A partition table is data, which Ansible's module does not see.
		disk = device(t, dir, "whole", 8)
		taskstest.MustWrite(t, disk, strings.Repeat("\x00", 446)+"\x00\x02\x00\x00\x83\x00\x20\x00\x01\x00\x00\x00\x00\x08\x00\x00"+
			strings.Repeat("\x00", 48)+"\x55\xaa"+strings.Repeat("\x00", 4<<20))
		taskstest.MustFail(t, h, "filesystem", args("ext4"), l, "has a partition table")
		must2(args("ext4", "force", true), "ext4")
	})
}

func TestFilesystemPlans(t *testing.T) {
	block := "there yes\nkind block\nblkid yes\nbytes 1000\nlooked yes\n"
	held := func(text string) string {
		return "encoded held\n" + base64.StdEncoding.EncodeToString([]byte(text)) + "\n.\n"
	}
	size := func(text string) string {
		return "encoded size\n" + base64.StdEncoding.EncodeToString([]byte(text)) + "\n.\n"
	}
	point := "encoded point\n" + base64.StdEncoding.EncodeToString([]byte("/data dir")) + "\n.\n"
	args := func(more ...any) map[string]any {
		all := map[string]any{"dev": "/dev/vdb", "fstype": "xfs"}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	taskstest.TestPlan(t, "filesystem", []taskstest.Case{
		{Name: "an option for a device", Args: args("dev", "-f"), Does: `fails: filesystem: argument "dev" cannot be "-f"`},
		{Name: "no type", Args: map[string]any{"dev": "/dev/vdb"}, Does: `fails: filesystem: argument "fstype" is required`},
		{Name: "a type of BSD's", Args: args("fstype", "ufs"), Does: `fails: filesystem: argument "fstype"`},
		{Name: "two wishes", Args: args("resizefs", true, "uuid", "x"), Does: `fails: filesystem: argument "uuid" cannot be given along with resizefs`},
		{Name: "a UUID for vfat", Args: args("fstype", "vfat", "uuid", "x"), Does: `fails: filesystem: argument "uuid" cannot be given for vfat`},
		{Name: "an option for a UUID", Args: args("uuid", "-f"), Does: `fails: filesystem: argument "uuid" cannot be "-f"`},
		{Name: "swap that is to grow", Args: args("fstype", "swap", "resizefs", true), Does: `fails: filesystem: argument "resizefs" is not possible for swap`},
		{Name: "no device", Args: args(), Does: "fails: there is no /dev/vdb"},
		{Name: "no device yet", Args: args(), Check: true, Does: "unknown: there is no /dev/vdb"},
		{Name: "no device, absent", Args: args("state", "absent"), Does: "nothing: there is no /dev/vdb"},
		{Name: "a directory", Args: args(), Found: "there yes\nkind other\n", Does: "fails: /dev/vdb is neither a device nor a file"},
		{Name: "no blkid", Args: args(), Found: "there yes\nkind block\n", Does: "fails: util-linux's blkid is not on this host"},
		{Name: "an answer cut off", Args: args(), Found: "there yes\nkind block\nblkid yes\n", Does: "fails: the host's answer broke off"},
		{Name: "empty", Args: args(), Found: block, Does: "change: make xfs on /dev/vdb"},
		{Name: "a volume of LVM", Args: args("fstype", "lvm"), Found: block + held("TYPE=LVM2_member\n"), Does: "nothing"},
		{Name: "another", Args: args(), Found: block + held("TYPE=ext4\n"), Does: "fails: /dev/vdb is already used as ext4"},
		{Name: "more than one", Args: args(), Found: block + "unclear yes\n", Does: "fails: /dev/vdb has signatures of more than one kind"},
		{Name: "partitions", Args: args(), Found: block + "parts yes\n", Does: "fails: /dev/vdb has a partition table"},
		{Name: "mounted, with force", Args: args("force", true), Found: block + "mounted /data\n", Does: "fails: /dev/vdb is mounted on /data"},
		{Name: "swap in use, wiped", Args: args("state", "absent"), Found: block + "swap yes\n" + held("TYPE=swap\n"), Does: "fails: /dev/vdb is used for swap"},
		{Name: "a member of a volume", Args: args("force", true), Found: block + "holder dm-0\nholder md1\n", Does: "fails: /dev/vdb is part of dm-0, md1"},
		{Name: "the same, mounted", Args: args(), Found: block + "mounted /data\n" + held("TYPE=xfs\n"), Does: "nothing"},
		{Name: "the same UUID", Args: args("uuid", "ABC"), Found: block + held("TYPE=xfs\nUUID=abc\n"), Does: "nothing"},
		{Name: "another UUID", Args: args("uuid", "abd"), Found: block + held("TYPE=xfs\nUUID=abc\n"), Does: "change: change the UUID of /dev/vdb"},
		{Name: "xfs that is not mounted", Args: args("resizefs", true), Found: block + held("TYPE=xfs\n"), Does: "fails: /dev/vdb has to be mounted"},
		{Name: "xfs that grows", Args: args("resizefs", true), Found: block + held("TYPE=xfs\n") + point +
			size("meta-data=/dev/vdb isize=512 agcount=4, agsize=4096 blks\ndata     =         bsize=10   blocks=99, imaxpct=25\n"),
			Does: "change: let the xfs grow over /dev/vdb"},
		{Name: "xfs that is whole", Args: args("resizefs", true), Found: block + held("TYPE=xfs\n") + point +
			size("data     =         bsize=10   blocks=100, imaxpct=25\n"), Does: "nothing: the xfs takes the whole of /dev/vdb"},
		{Name: "no tool for its size", Args: args("resizefs", true), Found: block + held("TYPE=xfs\n") + point + size(""), Does: "fails: the size of the xfs on /dev/vdb cannot be told"},
	})
}
