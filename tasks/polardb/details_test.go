package polardb

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/script"
)

// TestDetailsScript runs it under each shell, on directories that are there and on such that are not yet.
func TestDetailsScript(t *testing.T) {
	dir := t.TempDir()
	pgdata, polardata := filepath.Join(dir, "pg data"), filepath.Join(dir, "polardata")
	for _, d := range []string{pgdata, polardata + "/pg_wal", polardata + "/polar_dma/consensus_log"} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for file, size := range map[string]int{polardata + "/pg_wal/1": 300 << 10, polardata + "/polar_dma/consensus_log/1": 200 << 10} {
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	backup := func(name, cluster, ended string) {
		if err := os.MkdirAll(filepath.Join(dir, "back ups", name), 0o700); err != nil {
			t.Fatal(err)
		}
		text := "{\n  \"cluster\": \"" + cluster + "\",\n  \"source\": \"n\",\n  \"ended\": \"" + ended +
			"\",\n  \"sub\": {\n    \"cluster\": \"no\"\n  }\n}\n"
		if err := os.WriteFile(filepath.Join(dir, "back ups", name, descriptionFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	backup("new", "shop", "2026-11-28T21:32:31.5+08:00")
	backup("old", "shop", "2026-11-27T13:32:31Z")
	backup("others", "pay", "2027-11-28T13:32:31Z")
	backup("spoiled", "shop", "tomorrow")
	if err := os.WriteFile(pgdata+"/postmaster.pid", []byte(fmt.Sprintf("%d\n%s\n", os.Getpid(), pgdata)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		look := func(d, p string) nodeDetails {
			out, err := exec.Command(shell[0],
				append(shell[1:], "-c", scripts.Script("polardb_details",
					script.Values{"PGDATA": d, "POLARDATA": p, "BACKUPS": dir + "/back ups"}))...).Output()
			if err != nil {
				t.Fatalf("%v: %v", shell, err)
			}
			got := nodeDetails{WAL: -1, Log: -1}
			got.parseHost(string(out), "shop")
			return got
		}
		there := look(pgdata, polardata)
		if len(there.Disks) != 1 || there.Disks[0].Total <= 0 || there.Disks[0].Free <= 0 || there.WAL < 300 || there.WAL > 400 ||
			there.Log < 200 || there.Log > 300 {
			t.Errorf("%v: %+v", shell, there)
		}
		if want := time.Date(2026, 11, 28, 13, 32, 31, 5e8, time.UTC); !there.Backup.Equal(want) {
			t.Errorf("%v: the newest backup is of %v, want %v", shell, there.Backup, want)
		}
		bare := look(dir+"/none/at all", dir+"/none")
		if len(bare.Disks) != 1 || bare.Disks[0].Total != there.Disks[0].Total || bare.WAL != -1 || bare.Log != -1 || bare.Release != "" {
			t.Errorf("%v: %+v", shell, bare)
		}
	}
}

func TestDetailsAreRead(t *testing.T) {
	got := nodeDetails{WAL: -1, Log: -1}
	got.parseHost("disk\t/dev/sdb1\t1048576\t524288\t/pg\ndisk\t/dev/sdb1\t1048576\t524288\t/pg/polardata\n"+
		"disk\t/dev/sdc1\t2097152\t40000\t/polar\n"+
		"pg_wal\t163840\t/polar/pg_wal\npolar_dma/consensus_log\t\nexe\t/opt/polardb/versions/polardb-11.9-abc/bin/postgres\n"+
		"exe\t/bin/sh\nrubbish\ndisk\tx\n", "shop")
	want := nodeDetails{Release: "polardb-11.9-abc", Disks: []diskSpace{{"/pg", 1048576, 524288}, {"/polar", 2097152, 40000}},
		WAL: 163840, Log: -1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	got.Pending, got.Overrides = []string{"max_connections"}, []string{"work_mem = 33792kB"}
	remarks, faults := got.remarks("node2")
	if len(faults) != 1 || !strings.Contains(faults[0], "node2: the disk under /polar is full: 39 MB free") {
		t.Errorf("%q", faults)
	}
	if len(remarks) != 2 || !strings.Contains(remarks[0], "max_connections") ||
		!strings.Contains(remarks[1], "postgresql.auto.conf (ALTER SYSTEM) overrides the configuration: work_mem = 33792kB") {
		t.Errorf("%q", remarks)
	}
	for _, c := range []struct {
		d    time.Duration
		want string
	}{{0, "-"}, {59 * time.Second, "59s"}, {61 * time.Second, "1m1s"}, {26 * time.Hour, "1d2h"}, {90 * time.Minute, "1h30m"}} {
		if got := humanTime(c.d); got != c.want {
			t.Errorf("%s is %s, want %s", c.d, got, c.want)
		}
	}
	for _, zone := range []string{"+00", "+08", "+05:30"} {
		if got := upTime("2026-11-27 01:00:00.5"+zone, "2026-11-27 03:00:01.5"+zone); got != 2*time.Hour+time.Second {
			t.Errorf("in the zone %s it is up for %s", zone, got)
		}
	}
	table := detailsTable([]WantedNode{{Name: "node1"}, {Name: "node2"}}, map[string]nodeDetails{"node2": got, "node1": {WAL: -1, Log: -1}})
	for _, text := range []string{"NODE", "polardb-11.9-abc", "160 MB", "512 MB (50%) at /pg, 39 MB (1%) at /polar"} {
		if !strings.Contains(table, text) {
			t.Errorf("%q lacks %q", table, text)
		}
	}
}

// TestDelayedElections wants a cluster without a leader to say that followers were told to wait.
func TestDelayedElections(t *testing.T) {
	survey := dma.Survey{
		{Node: "node1", Err: fmt.Errorf("refused")},
		{Node: "node2", InRecovery: true, DelayElection: true, DelayTimeout: "30min", DelaySince: "2026-11-27 01:00:00+00",
			Status: dma.Status{Role: dma.Follower, LastLogIndex: 9}},
		{Node: "node3", InRecovery: true, DelayElection: true, DelayTimeout: "30min", DelaySince: "2026-11-27 01:00:01+00",
			Status: dma.Status{Role: dma.Follower, LastLogIndex: 10}},
	}
	_, err := leads(survey)
	if err == nil {
		t.Fatal("a leader was found")
	}
	for _, text := range []string{"no leader can be believed",
		"polar_dma_delay_election is on on node2, node3 since 2026-11-27 01:00:00+00", "up to 30min",
		"polarbook run delay-election.yml -e delay=off", "polarbook run force-election.yml -e node=node3"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q lacks %q", err, text)
		}
	}
	for i := range survey {
		survey[i].DelayElection = false
	}
	if _, err := leads(survey); err == nil || strings.Contains(err.Error(), "delay") {
		t.Errorf("%v", err)
	}
}

func TestPurged(t *testing.T) {
	was := dma.View{Node: "node1", PurgeIndex: 100}
	change := &purgeChange{found: purgeFound{KeepSize: "8MB"}, index: 1000}
	for name, c := range map[string]struct {
		now      dma.View
		changed  bool
		fails    string
		says     string
		warnings int
	}{
		"as asked":             {dma.View{Node: "node1", PurgeIndex: 1000}, true, "", "purged up to 1000", 0},
		"as far as one has it": {dma.View{Node: "node1", PurgeIndex: 1000}, true, "", "purged up to 1000, because node3 has no more", 0},
		"kept":                 {dma.View{Node: "node1", PurgeIndex: 100}, false, "", "the engine kept its log", 0},
		"part of the way":      {dma.View{Node: "node1", PurgeIndex: 400}, true, "", "purged up to 400", 1},
		"another leader":       {dma.View{Node: "node2", PurgeIndex: 1000}, true, "node2 leads now", "", 0},
		"nobody leads now":     {dma.View{}, true, "there is no leader now", "", 0},
	} {
		change.least = ""
		if name == "as far as one has it" {
			change.least = "node3"
		}
		r, err := purged(tasks.Result{Changed: true}, was, c.now, change, "node1 1000")
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (r.Changed != c.changed || !strings.Contains(r.Msg, c.says) || len(r.Warnings) != c.warnings) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestNotStreaming(t *testing.T) {
	at := func(host string) dma.Address { return dma.Address{Host: host, Port: 5432} }
	leader := dma.View{Node: "node2", Address: at("10.0.0.2"), SystemID: "7", Status: dma.Status{Term: 9, Role: dma.Leader}}
	self := dma.View{Node: "node4", Address: at("10.0.0.4"), SystemID: "7", Status: dma.Status{Term: 9, Role: dma.Learner}}
	if got := notStreaming(self, leader); !strings.HasPrefix(got, "node4 does not stream from node2; if this lasts, its server log says why") {
		t.Error(got)
	}
	const rebuild = "rebuild-node.yml -e node=node4"
	other := self
	other.Status.Term = 12
	foreign := self
	foreign.SystemID = "8"
	for _, v := range []dma.View{other, foreign} {
		if got := notStreaming(v, leader); !strings.Contains(got, rebuild) {
			t.Error(got)
		}
	}
}

func TestAServerThatWasStartedWithAnOldPassword(t *testing.T) {
	d := nodeDetails{Login: [2]string{"replicator", shownPassword("replicator", `new\ one`)}}
	if d.outdated(`new\ one`) || !d.outdated("old") || (nodeDetails{}).outdated("x") ||
		(nodeDetails{Login: [2]string{"", "unavailable"}}).outdated("x") {
		t.Error("it is not told by its password")
	}
	d.Login = [2]string{"replicator_rotation", shownPassword("replicator_rotation", "new")}
	if d.outdated("new") {
		t.Error("the second role has the new password")
	}
}
