package polardb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// hostBackup makes what a backup has on a host, in dir, and returns how it describes itself.
func hostBackup(t *testing.T, dir string, ended time.Time) *backupDescription {
	t.Helper()
	out, err := taskstest.Sh(t, "mkdir -p '"+dir+`/pgdata/pg_tblspc' '`+dir+`/polardata/global' '`+dir+`/tablespaces' && cd '`+dir+`' &&
		echo 11 >pgdata/PG_VERSION && ln -s /srv/ts pgdata/pg_tblspc/16384 && echo control >polardata/global/pg_control && head -c 100000 /dev/zero >polardata/zeros &&
		echo odd >'pgdata/back\slash' && find pgdata polardata tablespaces -type f | sort | xargs -d '\n' sha256sum >SHA256SUMS && cat SHA256SUMS`)
	if err != nil {
		t.Fatal(out, err)
	}
	sum := sha256.Sum256([]byte(out))
	k := wholeBackup("a", func(d *backupDescription) {
		d.Files, d.Bytes, d.Sums.SHA256, d.Ended = 4, 3+8+100000+4, hex.EncodeToString(sum[:]), ended
	})
	d, err := parseDescription(k.Description)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fetched puts the backup of a host where backups of the control node lie.
func fetched(t *testing.T, here backupsHere, name, from string, d *backupDescription) {
	t.Helper()
	dir, err := here.begin(name, d)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if out, err := taskstest.Sh(t, "cd '"+from+"' && tar -cf '"+here.dir+"/"+name+"/data.tar' SHA256SUMS pgdata polardata tablespaces"); err != nil {
		t.Fatal(out, err)
	}
	if err := finishHere(dir, d); err != nil {
		t.Fatal(err)
	}
}

func TestBackupsHere(t *testing.T) {
	dir := t.TempDir()
	d := hostBackup(t, dir+"/host", noon)
	here := backupsHere{dir + "/laptop/backups"}
	if list, err := here.list(); err != nil || len(list.List) > 0 {
		t.Errorf("before there is anything: %+v, %v", list, err)
	}
	archive := filepath.Join(here.dir, "a", dataFile)
	fetched(t, here, "a", dir+"/host", d)
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(whole, []byte("control\n"))
	flipped := bytes.Clone(whole)
	flipped[at] ^= 1
	other := bytes.Replace(whole, []byte("  polardata/zeros"), []byte("  polardata/ones."), 1)
	for name, c := range map[string]struct {
		text         []byte
		listed, read string
	}{
		"whole":            {whole, "", ""},
		"a changed byte":   {flipped, "", "this file is not what was written: polardata/global/pg_control"},
		"half of it":       {whole[:len(whole)/2], "files instead of 4", "it was cut off"},
		"a header is left": {whole[:600], "list of checksums is missing", "it was cut off"},
		"another list":     {other, "not the one that was written", "list of checksums is not the one"},
		"no archive":       {[]byte("text"), "list of checksums is missing", "it was cut off, or is no archive"},
		"nothing":          {nil, "list of checksums is missing", "it was cut off"},
	} {
		if err := os.WriteFile(archive, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := here.list()
		if err != nil || len(list.List) != 1 {
			t.Fatalf("%s: %+v, %v", name, list, err)
		}
		if _, got := list.List[0].described(); (got == "") != (c.listed == "") || !strings.Contains(got, c.listed) {
			t.Errorf("%s: listed as %q, want %q", name, got, c.listed)
		}
		if got, err := here.prove(t.Context(), "a", d, nil); err != nil || (got == "") != (c.read == "") || !strings.Contains(got, c.read) {
			t.Errorf("%s: read it is %q, %v; want %q", name, got, err, c.read)
		}
	}
	if err := os.WriteFile(archive, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{".", dataFile, descriptionFile, noteFile} {
		if info, err := os.Stat(filepath.Join(here.dir, "a", f)); err != nil || f != dataFile && info.Mode().Perm()&0o77 != 0 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}

	// What was cut off is unfinished, another's is left alone, and the rules for keeping are those of hosts.
	begun, err := here.begin("b", d)
	if err != nil {
		t.Fatal(err)
	}
	_ = begun.Close()
	taskstest.MustWrite(t, here.dir+"/letters/one", "dear")
	old := *d
	old.Ended = noon.AddDate(0, 0, -40)
	fetched(t, here, "old", dir+"/host", &old)
	list, _ := here.list()
	got := ""
	for _, k := range list.List {
		_, reason := k.described()
		got += k.Name + ": " + reason + "\n"
	}
	if want := "a: \nb: it is unfinished: it was begun "; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\nold: \n") {
		t.Errorf("listed are\n%s", got)
	}
	if gone, err := here.prune("demo", "a", 1, 0); err != nil || strings.Join(gone, " ") != "b old" {
		t.Errorf("removed %q, %v", gone, err)
	}
	if _, err := here.begin("letters", d); err == nil || !strings.Contains(err.Error(), "holds what polarbook did not write: one") {
		t.Errorf("letters: %v", err)
	}
	if err := here.remove("letters"); err == nil {
		t.Error("letters were removed")
	}
	if err := os.Symlink("/etc", here.dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if _, err := here.begin("link", d); err == nil {
		t.Error("a link was followed")
	}
	if free, err := (backupsHere{dir + "/not/there"}).free(); err != nil || free <= 0 {
		t.Errorf("free: %d, %v", free, err)
	}
}
