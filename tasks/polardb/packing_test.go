package polardb

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestPacker(t *testing.T) {
	for _, c := range []struct{ wanted, there, want, problem string }{
		{"none", "zstd gzip", "", ""},
		{"auto", "zstd gzip", "zstd", ""},
		{"auto", "gzip", "gzip", ""},
		{"auto", "", "", ""},
		{"zstd", "zstd gzip", "zstd", ""},
		{"zstd", "gzip", "", "no program zstd"},
		{"gzip", "", "", "no program gzip"},
	} {
		got, problem := packer(c.wanted, strings.Fields(c.there))
		if got != c.want || (problem == "") != (c.problem == "") || !strings.Contains(problem, c.problem) {
			t.Errorf("%s of %q: %q, %q", c.wanted, c.there, got, problem)
		}
	}
	for _, c := range []struct{ with, there, want string }{{"zstd", "gzip", "no program zstd: install the package zstd"},
		{"gzip", "gzip", ""}, {"", "", ""}} {
		d := &backupDescription{Bytes: 9, Files: 8}
		if c.with != "" {
			d.Packed = &backupPacked{c.with, 5, 2}
		}
		if got := unpackable(d, strings.Fields(c.there)); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s with %q: %q", c.with, c.there, got)
		}
	}
}

// toolThatCopies makes what the engine's tools would: data with a tablespace, and a link and a directory that is empty.
const toolThatCopies = `#!/bin/sh
for a do case $a in --polardata=*) polardata=${a#*=} ;; */pgdata) pgdata=$a ;; esac; done
case $0 in *pg_controldata) echo 'Database system identifier:           7123'; exit ;; esac
cd "$pgdata" && mkdir pg_tblspc pg_empty && echo 11 >PG_VERSION && echo secret >recovery.conf && echo odd >'with  blanks'
mkdir "$polardata/global" "$polardata/polar_dma" && echo control >"$polardata/global/pg_control" && echo meta >"$polardata/polar_dma/consensus_meta"
head -c 300000 /dev/zero >"$polardata/zeros"
mkdir -p ../tablespaces/16384/PG_11_1 && echo rows >../tablespaces/16384/PG_11_1/1 && ln -s "$PWD/../tablespaces/16384" pg_tblspc/16384
`

// packedHost is a host with the engine's tools, on which a backup is taken and compressed.
type packedHost struct {
	t    *testing.T
	h    *taskstest.LocalHost
	dir  string
	spec *backupAction
}

func newPackedHost(t *testing.T, h *taskstest.LocalHost, dir string) *packedHost {
	t.Helper()
	taskstest.Open(t, dir)
	for tool, text := range map[string]string{"polar_basebackup": toolThatCopies, "pg_controldata": toolThatCopies,
		"postgres": "#!/bin/sh\necho 'postgres (PostgreSQL) 11.9 (POLARDB 11.9)'\n"} {
		taskstest.MustWrite(t, dir+"/home/current/bin/"+tool, text)
	}
	if out, err := taskstest.Sh(t, "chmod -R a+rx '"+dir+"/home' && cd '"+dir+"' && install -d -o nobody b data && mkdir first"); err != nil {
		t.Fatal(out, err)
	}
	action := taskstest.NewAction(t, "polardb_backup", map[string]any{"to": dir + "/b/a", "home": dir + "/home", "user": "nobody",
		"cluster":              "demo",
		"replication_password": "x", "login_password": "y", "nodes": []any{map[string]any{"name": "a", "address": "10.0.0.1"}}}, &taskstest.FakeLocal{Dir: dir})
	return &packedHost{t, h, dir, taskstest.Work[*backupAction](t, action)}
}

// take takes the backup and describes it as Apply does.
func (p *packedHost) take(with string) *backupCopy {
	p.t.Helper()
	tools := backupTools{"polar_basebackup", with}
	spaces := []tablespace{{oid: 16384, name: "ts1", location: p.dir + "/ts1"}}
	r, err := p.h.Run(p.t.Context(), remote.Command{Script: p.spec.script("polardb_backup", dma.View{Node: "a"}, spaces, tools),
		Stdin: []byte("secret")})
	if err != nil || r.Status != 0 {
		p.t.Fatalf("%v, %d: %s", err, r.Status, r.Stderr)
	}
	copied := &backupCopy{}
	if err := script.Decode(r.Stdout, copied); err != nil {
		p.t.Fatal(err)
	}
	k := wholeBackup("a", func(d *backupDescription) {
		d.Bytes, d.Files, d.Pgdata, d.Polardata, d.Sums.SHA256, d.Superuser = copied.Bytes, copied.Files, copied.Pgdata, copied.Polardata, copied.Sums, "nobody"
		d.Spaces = []backupTablespace{{16384, "ts1", p.dir + "/ts1", 5}}
		if copied.Packed != "" {
			d.Format, d.Packed = packedFormat, &backupPacked{copied.Packed, copied.Stored, copied.Stores}
		}
	})
	r, err = p.h.Run(p.t.Context(), remote.Command{Script: p.spec.script("polardb_backup_finish", dma.View{Node: "a"}, spaces, tools),
		Stdin: k.Description})
	if err != nil || r.Status != 0 {
		p.t.Fatalf("%v, %d: %s", err, r.Status, r.Stderr)
	}
	return copied
}

func (p *packedHost) sh(text string) string {
	p.t.Helper()
	out, err := taskstest.Sh(p.t, "cd '"+p.dir+"'; "+text)
	if err != nil {
		p.t.Fatal(out, err)
	}
	return out
}

// TestPackedBackup compresses a backup, restores it, and wants it to be refused where it was spoiled, or cannot be unpacked.
func TestPackedBackup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	for _, with := range packers {
		if _, err := exec.LookPath(with); err != nil {
			t.Logf("there is no %s here", with)
			continue
		}
		t.Run(with, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) { restorePacked(newPackedHost(t, h, dir), with) })
		})
	}
}

func restorePacked(p *packedHost, with string) {
	t, h, dir := p.t, p.h, p.dir
	copied := p.take(with)
	if copied.Packed != with || copied.Unpacked != "" || copied.Stored >= copied.Bytes || copied.Files != 7 || copied.Stores != 5 {
		t.Errorf("it came to %+v", copied)
	}
	listed, err := listBackups(t.Context(), h, dir+"/b", "nobody")
	if err != nil || len(listed.List) != 1 {
		t.Fatal(listed, err)
	}
	if _, reason := listed.List[0].described(); reason != "" || listed.List[0].Bytes != copied.Stored {
		t.Errorf("listed is %+v: %s", listed.List[0], reason)
	}
	if got := p.sh("ls b/a b/a/tablespaces; find b/a ! -user nobody"); strings.Contains(got, "pgdata\n") || strings.Contains(got, "16384\n") {
		t.Errorf("it has\n%s", got)
	}
	action := taskstest.NewAction(t, "polardb_restore", map[string]any{"pgdata": dir + "/data/pgdata", "polardata": dir + "/data/polardata",
		"home": dir + "/home",
		"user": "nobody", "cluster": "demo", "from": dir + "/b/a", "tablespaces": map[string]any{"ts1": dir + "/other/ts"}}, &taskstest.FakeLocal{Dir: dir})
	r := taskstest.Work[*restoreAction](t, action)
	r.args.state, r.check = dir+"/state", true
	ends := map[string]string{"zstd": "zst", "gzip": "gz"}[with]
	for name, c := range map[string]struct{ spoil, want string }{
		"a changed byte":    {"printf x | dd of=polardata.tar." + ends + " bs=1 seek=20 conv=notrunc 2>/dev/null", "not what was written: polardata.tar." + ends},
		"a cut archive":     {"truncate -s -1 polardata.tar." + ends, "bytes instead of"},
		"no archive":        {"rm tablespaces/16384.tar." + ends, "files instead of"},
		"another list":      {"tr a b <CONTENTS >x && mv x CONTENTS", "not what was written: CONTENTS"},
		"another one of it": {"sed -i 1d SHA256SUMS", "not the one that was written"},
		"how, is not said":  {"sed -i 's/\"with\": \"" + with + "\"/\"with\": \"xz\"/' backup.json", "does not say how it is compressed"},
	} {
		p.sh("cp -a b/a kept; cd b/a; " + c.spoil)
		if _, err := taskstest.PlanOn(t, h, action); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		p.sh("rm -r b/a; mv kept b/a")
	}
	d, _ := parseDescription(listed.List[0].Description)
	look, err := r.look(t.Context(), h, &restoreFound{backup: d, state: NodeState{Postgres: dir + "/home/current/bin/postgres"}}, true)
	if err != nil || r.args.unfit(d, look, true) != "" || !slices.Contains(look.Packers, with) || !look.Control {
		t.Errorf("%+v, %v: %s", look, err, r.args.unfit(d, look, true))
	}
	look.Packers = nil
	if got := r.args.unfit(d, look, true); !strings.Contains(got, "this host has no program "+with) {
		t.Errorf("without the program: %q", got)
	}
	for _, text := range restoreScripts(r, dir) {
		answer, err := h.Run(t.Context(), remote.Command{Script: text})
		if err != nil || answer.Status != 0 || len(answer.Stderr) > 0 {
			t.Fatalf("%v, %d: %s", err, answer.Status, answer.Stderr)
		}
	}
	got := p.sh(`cat data/pgdata/PG_VERSION 'data/pgdata/with  blanks' other/ts/PG_11_1/1 data/pgdata/pg_tblspc/16384/PG_11_1/1 data/polardata/global/pg_control
		stat -c %s data/polardata/zeros; ls data/pgdata data/polardata/polar_dma; find data other/ts -mindepth 1 ! -user nobody; stat -c %a data/pgdata data/polardata`)
	want := "11\nodd\nrows\nrows\ncontrol\n300000\ndata/pgdata:\nPG_VERSION\npg_empty\npg_tblspc\npolarbook.id\nwith  blanks\n\ndata/polardata/polar_dma:\n700\n700\n"
	if got != want {
		t.Errorf("restored is\n%s\nwant\n%s", got, want)
	}
	// An archive that was whole and holds something else is seen when it is unpacked.
	p.sh("rm -r data other state; install -d -o nobody data; cd b/a; tr 0-9 9876543210 <CONTENTS >x; cat x >CONTENTS; rm x")
	answer, err := h.Run(t.Context(), remote.Command{Script: restoreScripts(r, dir)[0]})
	if err != nil || answer.Status == 0 || !strings.Contains(string(answer.Stderr), "FAILED") {
		t.Errorf("other contents: %v, %d: %s", err, answer.Status, answer.Stderr)
	}
}

// TestBackupThatStaysUnpacked: where there is no room for archives, or one cannot be made, the backup is whole as it was copied.
func TestBackupThatStaysUnpacked(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	for name, c := range map[string]struct{ command, text, want string }{
		"no room":             {"df", "echo x; echo /dev/x 9 9 262144 9% /", "there is no room for its archives"},
		"room for some":       {"df", "echo x; echo /dev/x 9 9 262145 9% /", "there is no room for its archives"},
		"a program that dies": {"gzip", "cat >/dev/null; exit 1", "does not hold what was read"},
		"one that dies early": {"gzip", "exit 1", ""}, // tar fails as well, unless the pipe took all that it had
		"one that lies":       {"gzip", `cat >/dev/null; [ "$1" = -d ] || echo lies`, "does not hold what was read"},
		"tar that fails":      {"tar", "echo half; exit 2", "tar failed"},
	} {
		t.Run(name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				p := newPackedHost(t, h, dir)
				taskstest.Pretend(t, dir+"/first", map[string]string{c.command: c.text + "\n"})
				p.sh("chmod -R go+rX first")
				if copied := p.take("gzip"); copied.Packed != "" || copied.Unpacked == "" || !strings.Contains(copied.Unpacked, c.want) {
					t.Errorf("it came to %+v", copied)
				}
				listed, err := listBackups(t.Context(), h, dir+"/b", "nobody")
				if err != nil || len(listed.List) != 1 {
					t.Fatal(listed, err)
				}
				if _, reason := listed.List[0].described(); reason != "" {
					t.Error(reason)
				}
				if got := p.sh("cd b/a && sha256sum -c --quiet SHA256SUMS && ls -A . tablespaces"); strings.Contains(got, "tar") ||
					strings.Contains(got, ".plain") {
					t.Errorf("it has\n%s", got)
				}
			})
		})
	}
}

// TestScheduledBackupsPackAlike: what a timer starts makes the same archives.
func TestScheduledBackupsPackAlike(t *testing.T) {
	_, text, ok := strings.Cut(taskstest.Read(t, "scripts/polardb_backup_pack.sh"), "pack='")
	if !ok || !strings.Contains(taskstest.Read(t, "../../templates/polardb-backup.sh.j2"), strings.TrimSuffix(strings.TrimSpace(text), "'")) {
		t.Error("the template polardb-backup.sh.j2 does not have the function pack of scripts/polardb_backup_pack.sh")
	}
}
