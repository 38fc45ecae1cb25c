package polardb

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestFetchBackupPlan(t *testing.T) {
	k := wholeBackup("a", nil)
	d, _ := k.described()
	for name, c := range map[string]struct {
		change func(*fetchBackupFound)
		ready  bool
		want   string
	}{
		"a new one":             {want: "copy the backup a, 0 MB"},
		"whole already":         {change: func(f *fetchBackupFound) { f.mine = &k }, want: ""},
		"an unfinished one":     {change: func(f *fetchBackupFound) { f.mine = &keptBackup{Name: "a", State: "begun"} }, want: "copy the backup a"},
		"another of that name":  {change: func(f *fetchBackupFound) { other := k; other.Bytes--; f.mine = &other }, want: "refuse: is not that backup"},
		"somebody's files":      {change: func(f *fetchBackupFound) { f.strangers = []string{"letters"} }, want: "refuse: is not empty, and is not that backup letters"},
		"unreadable":            {change: func(f *fetchBackupFound) { f.mine = &keptBackup{Unreadable: true} }, want: "refuse: cannot be read"},
		"no room":               {change: func(f *fetchBackupFound) { f.free = 1 << 20 }, want: "refuse: there is no room in /l of the control node"},
		"none":                  {change: func(f *fetchBackupFound) { f.name, f.unfit = "", "there is none" }, want: "refuse: has no whole backup of the cluster demo"},
		"not whole":             {change: func(f *fetchBackupFound) { f.unfit = "it was cut" }, want: "refuse: is not copied: it was cut"},
		"of another cluster":    {change: func(f *fetchBackupFound) { o := *d; o.Cluster = "other"; f.described = &o }, want: "refuse: is of the cluster other"},
		"ready":                 {ready: true, want: ""},
		"not ready for want of": {ready: true, change: func(f *fetchBackupFound) { f.free = 5 }, want: "refuse: there is no room"},
	} {
		found := fetchBackupFound{name: "a", described: d, free: 1 << 40}
		if c.change != nil {
			c.change(&found)
		}
		a := &fetchBackupArgs{Dir: "/b", User: "polardb", Dest: "/l", Cluster: "demo", Ready: c.ready}
		p, _, err := (&fetchBackupAction{args: a}).Plan(found)
		checkPlan(t, name, c.want, p, err)
	}
}

// TestFetchAndCopyBack brings a backup to the control node and back, with the scripts, and cuts both off.
func TestFetchAndCopyBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Open(t, dir)
		d := hostBackup(t, dir+"/b/20261128T120000Z", noon)
		text, _ := d.json()
		taskstest.MustWrite(t, dir+"/b/20261128T120000Z/backup.json", string(text))
		if out, err := taskstest.Sh(t, "cd '"+dir+"' && chown -R nobody b && chmod 755 b"); err != nil {
			t.Fatal(out, err)
		}
		local := &taskstest.FakeLocal{Dir: dir}
		args := map[string]any{"dir": dir + "/b", "user": "nobody", "dest": dir + "/laptop", "cluster": "demo"}
		cutting := &cutHost{LocalHost: h, after: 3000}
		action := taskstest.NewAction(t, "polardb_fetch_backup", args, local)
		f := taskstest.Work[*fetchBackupAction](t, action)
		found, err := f.Ask(t.Context(), cutting, tasks.Found{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Apply(t.Context(), cutting, tasks.Plan{Values: map[string]any{}}, found); err == nil ||
			!strings.Contains(err.Error(), "cut off") {
			t.Errorf("a copy that was cut off: %v", err)
		}
		if list, _ := (backupsHere{dir + "/laptop"}).list(); len(list.List) != 1 || len(list.List[0].Description) > 0 {
			t.Errorf("cut off, there are %+v", list.List)
		}
		taskstest.MustChange(t, h, "polardb_fetch_backup", args, local)
		taskstest.MustNotChange(t, h, "polardb_fetch_backup", args, local)

		back := map[string]any{"from": "localhost", "from_dir": dir + "/laptop", "dir": dir + "/c", "user": "nobody", "cluster": "demo"}
		taskstest.MustChange(t, h, "polardb_copy_backup", back, local)
		taskstest.MustNotChange(t, h, "polardb_copy_backup", back, local)
		out, err := taskstest.Sh(t, "cd '"+dir+"' && diff -r --no-dereference b c >/dev/null; cd c/2* && sha256sum -c --quiet SHA256SUMS && readlink pgdata/pg_tblspc/16384 && find . ! -user nobody && stat -c %a .")
		if err != nil || out != "/srv/ts\n700\n" {
			t.Errorf("back it is %q, %v", out, err)
		}
		// A file of it is not what was written: nothing is whole.
		archive := dir + "/laptop/20261128T120000Z/data.tar"
		text, err = os.ReadFile(archive)
		if err != nil || os.RemoveAll(dir+"/c") != nil {
			t.Fatal(err)
		}
		text[bytes.LastIndex(text, []byte("control\n"))] = 'k'
		if err := os.WriteFile(archive, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := taskstest.MustFail(t, h, "polardb_copy_backup", back, local, "not what was written"); !strings.Contains(fmt.Sprint(err),
			"not what was written: polardata/global/pg_control") {
			t.Error(err)
		}
		listed, err := listBackups(t.Context(), h, dir+"/c", "nobody")
		if err != nil || len(listed.List) != 1 || len(listed.List[0].Description) > 0 {
			t.Errorf("there are %+v, %v", listed.List, err)
		}
		// It is moved: whole here, it goes there.
		if out, err := taskstest.Sh(t, "rm -r '"+dir+"/laptop'; printf 'cluster=demo\n' >'"+dir+"/b/20261128T120000Z/backup.polarbook'"); err != nil {
			t.Fatal(out, err)
		}
		args["move"] = true
		f = taskstest.Work[*fetchBackupAction](t, taskstest.NewAction(t, "polardb_fetch_backup", args, local))
		if found, err = f.Ask(t.Context(), h, tasks.Found{}); err == nil {
			_, err = f.Apply(t.Context(), h, tasks.Plan{Values: map[string]any{}}, found)
		}
		if list, _ := (backupsHere{dir + "/laptop"}).list(); err != nil || len(list.List) != 1 || !list.List[0].isThat(d) {
			t.Errorf("%v, there are %+v", err, list.List)
		}
		if out, _ := taskstest.Sh(t, "ls '"+dir+"/b'"); out != "" {
			t.Errorf("left is %q", out)
		}
	})
}

// cutHost is a host whose connection gives no more than so many bytes of what a script writes.
type cutHost struct {
	*taskstest.LocalHost
	after int
}

func (c *cutHost) Shell() tasks.Shell { return c }

func (c *cutHost) Stream(ctx context.Context, command remote.Command, stdin io.Reader, stdout, stderr func([]byte)) (remote.Result, error) {
	if stdout == nil {
		return c.LocalHost.Stream(ctx, command, stdin, nil, stderr)
	}
	left := c.after
	return c.LocalHost.Stream(ctx, command, stdin, func(line []byte) {
		text, err := base64.StdEncoding.DecodeString(string(line))
		if text = text[:min(left, len(text))]; err == nil && len(text) > 0 {
			stdout([]byte(base64.StdEncoding.EncodeToString(text)))
		}
		left -= len(text)
	}, stderr)
}
