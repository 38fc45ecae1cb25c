package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// kept is a backup as polarbook lists it.
type kept struct {
	Name, Path, Host, Cluster, Source, Taken, LSN, Reason string
	Bytes                                                 int64
	Whole                                                 bool
}

func listed(s *site.Site) []kept {
	s.T.Helper()
	var list struct {
		Backups            []kept
		Failures, Warnings []string
	}
	o := s.Polarbook(0, "backups", "--output", "json")
	if err := json.Unmarshal([]byte(o.Stdout), &list); err != nil || len(list.Failures)+len(list.Warnings) > 0 {
		s.T.Fatalf("polarbook backups printed %q: %v", o.Stdout, err)
	}
	return list.Backups
}

// A cluster is backed up, destroyed and restored: as it was, when it is down, elsewhere under another name, and after polarbook was
// killed in the middle. What is wrong with a backup is said before anything is changed.
func TestRestore(t *testing.T) {
	t.Parallel()
	dice := site.Dice(t)
	s := site.New(t, site.Options{User: "dba", Cluster: "e2e", Specs: site.Hosts("node1", "node2", "node3"),
		Group: site.Vars{"polardb_backup_compress": "none"}}) // a file of it can be spoiled by itself
	s.Run(0, "new-cluster.yml")
	for _, n := range s.Names() {
		s.On(n, "install -d -o polardb -g polardb -m 700 /srv/ts1")
	}
	leader := s.Leader()
	s.SQL(leader, "create tablespace ts1 location '/srv/ts1'")
	s.SQL(leader, "create table plain (a int)")
	s.SQL(leader, "create table spaced (a int) tablespace ts1")
	for _, table := range []string{"plain", "spaced"} {
		s.SQL(leader, "insert into "+table+" select x from generate_series(1, 5000) x")
	}
	s.SQL(leader, "create role app login password 'app-secret'")

	var b kept
	s.Subtest(t, "backup", func(t *testing.T) { b = takeBackups(t, s) })
	s.SQL(s.Leader(), "insert into plain values (0)") // after the backup
	s.Subtest(t, "refused while it runs", func(t *testing.T) {
		s.Run(2, "restore.yml", "-e", "from=newest").Says("'s server runs; nothing was changed").Unchanged()
	})
	s.Subtest(t, "unfit", func(t *testing.T) { unfit(t, s, b) })
	s.Subtest(t, "down", func(t *testing.T) {
		s.Run(2, "restore.yml", "-e", "from="+b.Name, "-e", "confirm=other").Says("\"other\" was given").Unchanged()
		s.Run(0, "restore.yml", "-e", "from="+b.Name, "-e", "confirm=e2e", "--check").Says("restore " + b.Path)
		s.Run(0, "restore.yml", "-e", "from="+b.Name, "-e", "confirm=e2e").Changed()
		restored(t, s)
		s.Run(2, "restore.yml", "-e", "from="+b.Name, "-e", "confirm=e2e").Says("'s server runs").Unchanged()
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
	})
	s.Subtest(t, "destroyed", func(t *testing.T) {
		s.Run(0, "destroy.yml", "-e", "confirm=e2e")
		o := s.Run(0, "restore.yml", "-e", "from=newest").Changed()
		restored(t, s)
		t.Logf("restored in %s", o.Took)
	})
	s.Subtest(t, "killed", func(t *testing.T) {
		s.Run(0, "destroy.yml", "-e", "confirm=e2e")
		killedInRestore(s, rand.New(rand.NewPCG(dice.Uint64(), 0)), b)
		restored(t, s)
	})
	s.Subtest(t, "elsewhere", func(t *testing.T) {
		s.Run(0, "destroy.yml", "-e", "confirm=e2e")
		s.SetAll(site.Vars{"polardb_cluster": "Other_2", "polardb_port": 6543, "polardb_pgdata": "/data/pg/main",
			"polardb_polardata": "/srv/store/shared", "polardb_settings": site.Vars{"max_connections": 177}})
		s.Run(2, "restore.yml", "-e", "from="+b.Name).Says("it is of the cluster e2e, and this is Other_2").Unchanged()
		spaces := `{"tablespaces": {"ts1": "/srv/other/ts"}, "other_cluster": true}`
		s.Run(2, "restore.yml", "-e", "from=newest").Says("there is no backup newest").Unchanged()
		s.Run(2, "restore.yml", "-e", "from="+b.Name, "-e", `{"tablespaces": {"ts9": "/srv/x"}, "other_cluster": true}`).
			Says("it has no tablespace ts9").Unchanged()
		s.ChangePassword() // the backup's is another
		s.Run(0, "restore.yml", "-e", "from="+b.Path, "-e", spaces).Changed()
		restored(t, s)
		if got := s.On("node3", "ls -d /srv/other/ts/PG_11_*"); got == "" {
			t.Error("node3 has no tablespace in the new place")
		}
		s.Run(0, "destroy.yml", "-e", "confirm=Other_2")
		if list := listed(s); len(list) != 1 || !list[0].Whole {
			t.Errorf("what destroy.yml left of the backups: %+v", list)
		}
	})
}

// takeBackups takes three, of which one stays, and returns it.
func takeBackups(t *testing.T, s *site.Site) kept {
	s.Run(0, "backup.yml", "-e", "on=node2", "--check").Says("take a base backup of a follower")
	if list := listed(s); len(list) != 0 {
		t.Fatalf("after a check there are %+v", list)
	}
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "polardb_max_rate=500M").Changed()
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "source=leader").Changed()
	s.On("node2", `cd /var/lib/polardb-backups && mkdir begun letters && printf 'cluster=e2e\nsource=x\ntaken=2000\nstate=begun\n' >begun/backup.polarbook &&
		echo dear >letters/one && chown -R polardb begun`)
	list := listed(s)
	if len(list) != 3 {
		t.Fatalf("listed are %+v", list)
	}
	leader := s.Leader()
	for _, b := range list {
		switch {
		case b.Name == "begun" && !b.Whole && strings.Contains(b.Reason, "unfinished"):
		case b.Whole && b.Host == "node2" && b.Cluster == "e2e" && b.Bytes > 0 && b.LSN != "" && b.Taken != "":
		default:
			t.Errorf("listed is %+v", b)
		}
	}
	if list[0].Source != leader || list[1].Source == leader {
		t.Errorf("of %s (it leads) and %s, want of the leader and then, before, of a follower", list[0].Source, list[1].Source)
	}
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "polardb_backup_keep=1").Changed().Says("removed ")
	list = listed(s)
	if len(list) != 1 || !list[0].Whole {
		t.Fatalf("kept are %+v", list)
	}
	if got := s.On("node2", "cd /var/lib/polardb-backups && cat letters/one && rm -r letters && stat -c '%U %a' "+list[0].Name); got != "dear\npolardb 700\n" {
		t.Errorf("beside it is %q", got)
	}
	text := s.On("node2", "cat "+list[0].Path+"/backup.json")
	for _, want := range []string{`"cluster": "e2e"`, `"version": "11.9"`, `"taken_by": "`, `"location": "/srv/ts1"`, `"commit_index": `, `"end_lsn": "`} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %s of itself:\n%s", want, text)
		}
	}
	if o := s.Polarbook(0, "backups"); !strings.Contains(o.Stdout, list[0].Name) || !strings.Contains(o.Stdout, "WHOLE") {
		t.Errorf("polarbook backups prints\n%s", o.Stdout)
	}
	s.Run(0, "verify-backup.yml", "-e", "on=node2").Says("can be restored", "postgres (").Unchanged()
	if got := s.On("node2", "ls -A /var/lib/polardb-backups"); got != list[0].Name+"\n" {
		t.Errorf("verify-backup.yml left %s", got)
	}
	s.Run(2, "verify-backup.yml", "-e", "on=node3").Says("there is no whole backup of the cluster e2e")
	return list[0]
}

// unfit spoils a backup in many ways. Each is refused with nothing changed, and mended again.
func unfit(t *testing.T, s *site.Site, b kept) {
	s.Run(0, "stop.yml", "--yes")
	before := ""
	state := func() string {
		all := ""
		for _, n := range s.Names() {
			all += s.On(n, "cd / && find var/lib/polardb var/lib/polarbook srv opt/polardb/current etc/systemd/system -newer /run/spoiled ! -path '*/pg_log*' ! -path srv -print | sort; "+
				"cksum var/lib/polardb/pgdata/*.conf var/lib/polardb/polardata/global/pg_control var/lib/polardb/polardata/polar_dma/consensus_meta")
		}
		return all
	}
	for _, n := range s.Names() {
		s.On(n, "touch /run/spoiled; sleep 0.1")
	}
	before = state()
	for _, c := range []struct{ name, spoil, mend, want string }{
		{"no description", "mv backup.json ../kept", "mv ../kept backup.json", "does not describe itself"},
		{"unfinished", "mv backup.json ../kept; sed -i s/finished/begun/ backup.polarbook", "mv ../kept backup.json; sed -i s/begun/finished/ backup.polarbook", "unfinished"},
		{"a description that was cut", "cp -p backup.json ../kept; head -c 200 ../kept >backup.json", "cat ../kept >backup.json", "is not what polarbook writes"},
		{"a newer format", `sed -i 's/"format": 1/"format": 3/' backup.json`, `sed -i 's/"format": 3/"format": 1/' backup.json`, "format 3 of a newer polarbook"},
		{"another cluster", `sed -i 's/"cluster": "e2e"/"cluster": "prod"/' backup.json`, `sed -i 's/"cluster": "prod"/"cluster": "e2e"/' backup.json`, "it is of the cluster prod"},
		{"another engine", `sed -i 's/"version": "11.9"/"version": "14.2"/' backup.json`, `sed -i 's/"version": "14.2"/"version": "11.9"/' backup.json`, "it is of the engine 14.2"},
		{"another superuser", `sed -i 's/"superuser": "polardb"/"superuser": "root"/' backup.json`, `sed -i 's/"superuser": "root"/"superuser": "polardb"/' backup.json`, "its database superuser is root"},
		{"a missing file", "mv pgdata/PG_VERSION ../kept", "mv ../kept pgdata/PG_VERSION", "files instead of"},
		{"a file more", "runuser -u polardb touch polardata/more", "rm polardata/more", "files instead of"},
		{"a cut file", "cp -p pgdata/postgresql.conf ../kept; truncate -s -1 pgdata/postgresql.conf", "cat ../kept >pgdata/postgresql.conf", "bytes instead of"},
		{"a changed file", "cp -p pgdata/PG_VERSION ../kept; echo 12 >pgdata/PG_VERSION", "cat ../kept >pgdata/PG_VERSION", "not what was written: pgdata/PG_VERSION"},
		{"no list of checksums", "mv SHA256SUMS ../kept", "mv ../kept SHA256SUMS", "list of checksums is missing"},
		{"another list", "cp -p SHA256SUMS ../kept; sed -i 1d SHA256SUMS", "cat ../kept >SHA256SUMS", "not the one that was written"},
		{"no control file", "mv polardata/global/pg_control ../kept; runuser -u polardb -- sh -c 'head -c $(stat -c %s ../kept) /dev/zero >polardata/global/pg_control'", "cat ../kept >polardata/global/pg_control", "does not read its control file"},
		{"another system", `sed -i 's/"system_identifier": "[0-9]*"/"system_identifier": "1"/' backup.json`, "true", "control file is of the system"},
		{"another's", "chown daemon . ; chmod 755 .", "chown polardb .; chmod 700 .", "belongs to daemon"},
		{"not a backup", "mkdir ../letters; mv backup.json backup.polarbook SHA256SUMS ../letters", "mv ../letters/* .; rmdir ../letters", "has no backup.json"},
		{"no room", `sed -i 's/"polardata_bytes": /"polardata_bytes": 9999999/' backup.json`, `sed -i 's/"polardata_bytes": 9999999/"polardata_bytes": /' backup.json`, "which has room for"},
		{"no place for a tablespace", "install -d -o daemon /srv/taken; sed -i 's,/srv/ts1,/srv/taken,' backup.json", "rm -r /srv/taken; sed -i 's,/srv/taken,/srv/ts1,' backup.json", "belongs to daemon"},
	} {
		s.On(b.Host, "cp -p "+b.Path+"/backup.json /run/description; cd "+b.Path+" && { "+c.spoil+"; }")
		s.Run(2, "restore.yml", "-e", "from="+b.Name, "-e", "confirm=e2e").Says(c.want)
		s.On(b.Host, "cd "+b.Path+" && { "+c.mend+" \n}; cat /run/description >backup.json; rm -f ../kept")
		if after := state(); after != before {
			t.Errorf("%s: it was\n%sand is\n%s", c.name, before, after)
		}
	}
	s.Run(2, "restore.yml", "-e", "from=nobody").Says("there is no backup nobody")
	s.Run(2, "restore.yml", "-e", "from="+b.Name, "-e", "on=node3").Says("there is no backup " + b.Name + " on node3")
	s.Run(2, "restore.yml", "--limit", "node2", "-e", "from="+b.Name).Says("begins the whole cluster anew")
	if after := state(); after != before {
		t.Errorf("it was\n%sand is\n%s", before, after)
	}
	if list := listed(s); len(list) != 1 || !list[0].Whole {
		t.Fatalf("mended, it is %+v", list)
	}
}

// restored wants a whole cluster with what it had when it was backed up, and nothing of what came after.
func restored(t *testing.T, s *site.Site) {
	t.Helper()
	c := s.Whole()
	for _, table := range []string{"plain", "spaced"} {
		for _, m := range c.Members {
			s.Eventually(table+" on "+m.Node, func() error {
				if got := s.SQL(m.Node, "select count(*)::text || ' ' || min(a)::text || ' ' || max(a)::text from "+table); strings.TrimSpace(got) != "5000 1 5000" {
					return fmt.Errorf("%q", got)
				}
				return nil
			})
		}
	}
	if got := s.SQL(c.Leader, "select count(*) from pg_roles where rolname = 'app'"); strings.TrimSpace(got) != "1" {
		t.Errorf("the role app: %q", got)
	}
	if got := s.On(c.Leader, "ls "+s.Pgdata(c.Leader)+"/recovery.conf "+strings.TrimSuffix(s.Marker(c.Leader),
		".node")+".restore 2>/dev/null || true"); got != "" {
		t.Errorf("left is %q", got)
	}
}

// killedInRestore kills polarbook at random moments, the later the later they are in the run.
func killedInRestore(s *site.Site, dice *rand.Rand, b kept) {
	moment, kills := 12, 0
	for range 8 {
		moment += 1 + dice.IntN(24)
		if !s.KillAt("restore.yml", moment, 0, "-e", "from="+b.Name, "-e", "confirm=e2e") {
			return
		}
		kills++
	}
	s.T.Logf("killed %d times", kills)
	s.KillWhen(site.Begins("Write the consensus meta"), "restore.yml", "-e", "from="+b.Name, "-e", "confirm=e2e")
	s.Run(2, "new-cluster.yml").Says("a restore of " + b.Path + " was begun on node2 and is not finished").Unchanged()
	s.Run(0, "restore.yml", "-e", "from="+b.Name, "-e", "confirm=e2e")
}
