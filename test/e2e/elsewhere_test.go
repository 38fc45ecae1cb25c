package e2e

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
	"gopkg.in/yaml.v3"
)

// A backup lies on a host that is no member, or on the control node, by one command, and a cluster is restored from there. What fails on
// the way is said with the command that goes on, and what is wrong with a backup before anything is changed.
func TestBackupsElsewhere(t *testing.T) {
	t.Parallel()
	dice := site.Dice(t)
	s := site.New(t, site.Options{User: "dba", Cluster: "e2e", Specs: site.Hosts("node1", "node2", "store")})
	s.Only("node1", "node2")
	besides(s, "store", site.Vars{"polardb_user": "root", "polardb_backups": "/srv/backups"})
	s.Run(0, "new-cluster.yml")
	s.SQL(s.Leader(), "create table plain (a int)")
	s.SQL(s.Leader(), "insert into plain select x from generate_series(1, 5000) x")

	s.Subtest(t, "no place", func(t *testing.T) {
		for _, to := range []string{"nowhere", "node2", "a/b"} {
			s.Run(2, "backup.yml", "-e", "on=node2", "-e", "to="+to).Says("to=" + to +
				" is no place for the backup; nothing was changed").Unchanged()
		}
		s.On("store", "install -d -o daemon /srv/backups")
		s.Run(2, "backup.yml", "-e", "on=node2", "-e", "to=store").Says("is not a safe place for a backup").Unchanged()
		s.On("store", "rmdir /srv/backups")
		s.Run(2, "copy-backup.yml", "-e", "on=localhost", "-e", "to=node2").Says("localhost has no whole backup of the cluster e2e").Unchanged()
		s.Run(2, "verify-backup.yml", "-e", "on=localhost").Says("has no whole backup").Unchanged()
		if all := listed(s); len(all) > 0 {
			t.Errorf("there are %+v", all)
		}
	})
	var far, here kept
	s.Subtest(t, "on another host", func(t *testing.T) {
		s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=store", "--check")
		s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=store").Changed()
		far = only(t, s, "store")
		if got := s.On("store", "stat -c '%U %a' "+far.Path); got != "root 700\n" {
			t.Errorf("it is %q", got)
		}
	})
	s.Subtest(t, "on the control node", func(t *testing.T) {
		s.On("node2", "mv /usr/bin/base64 /usr/bin/whole64 && printf '#!/bin/sh\\nhead -c 6000 | whole64 \"$@\"\\n' >/usr/bin/base64 && chmod 755 /usr/bin/base64")
		o := s.Run(2, "backup.yml", "-e", "on=node2", "-e", "to=localhost").Says("was not copied", "The backup is whole, and lies on node2 in",
			"copy-backup.yml -e on=node2 -e to=localhost -e from=2")
		s.On("node2", "mv /usr/bin/whole64 /usr/bin/base64")
		name := on(listed(s), "node2")[0].Name
		if half := on(listed(s), "localhost"); len(half) != 1 || half[0].Whole || !strings.Contains(half[0].Reason, "unfinished") {
			t.Errorf("half a copy counts: %+v\n%s", half, o.Printed())
		}
		s.Twice("copy-backup.yml", "-e", "on=node2", "-e", "to=localhost", "-e", "from="+name)
		s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=localhost", "-e", "polardb_backup_keep=1").Says("; removed " + name)
		if all := on(listed(s), "localhost"); len(all) != 1 || !all[0].Whole || all[0].Name == name {
			t.Fatalf("on the control node are %+v", all)
		}
		here = on(listed(s), "localhost")[0]
		for _, f := range []string{"", "data.tar", "backup.json"} {
			if info, err := os.Stat(filepath.Join(here.Path, f)); err != nil || info.Mode().Perm()&0o77 != 0 {
				t.Errorf("%s: %v, %v", f, info.Mode(), err)
			}
		}
		s.Run(0, "verify-backup.yml", "-e", "on=localhost").Says("each file of " + here.Path + " of the control node is as it was written")
		s.On("node2", "rm -r /var/lib/polardb-backups/2*")
		if all := listed(s); len(all) != 2 {
			t.Errorf("there are %+v", all)
		}
	})
	s.SQL(s.Leader(), "insert into plain values (0)") // after the backups
	s.Run(0, "stop.yml", "--yes")
	s.Subtest(t, "unfit", func(t *testing.T) { unfitElsewhere(t, s, far, here) })
	s.Subtest(t, "restored from another host", func(t *testing.T) {
		s.Run(0, "restore.yml", "-e", "from=newest", "-e", "on=store", "-e", "confirm=e2e",
			"--check").Says("restore /var/lib/polardb-backups/" + far.Name)
		s.Run(0, "restore.yml", "-e", "from=newest", "-e", "on=store", "-e", "confirm=e2e").Changed()
		plain(t, s)
	})
	s.Subtest(t, "restored from the control node, killed", func(t *testing.T) {
		s.Run(0, "destroy.yml", "-e", "confirm=e2e")
		for _, n := range s.Names() {
			s.On(n, "rm -rf /var/lib/polardb-backups")
		}
		args := []string{"-e", "from=" + here.Name, "-e", "on=localhost", "-e", "member=node2"}
		s.KillWhen(site.Begins("Bring the backup to the first member"), "restore.yml", args...)
		random := rand.New(rand.NewPCG(dice.Uint64(), 0))
		moment := 20
		for range 3 {
			if moment += 1 + random.IntN(20); !s.KillAt("restore.yml", moment, 0, args...) {
				break
			}
		}
		s.Run(0, "restore.yml", append(args, "-e", "confirm=e2e")...)
		plain(t, s)
	})
}

// besides adds a host to the inventory that is not of the group.
func besides(s *site.Site, name string, vars site.Vars) {
	s.T.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "inventory.yml"))
	if err != nil {
		s.T.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		s.T.Fatal(err)
	}
	v := site.Vars{"ansible_host": s.Lab.Host(name).Address}
	group, _ := all["polardb"].(map[string]any)
	of, _ := group["vars"].(map[string]any)
	for key, value := range of {
		if strings.HasPrefix(key, "ansible_") {
			v[key] = value
		}
	}
	maps.Copy(v, vars)
	all["others"] = map[string]any{"hosts": map[string]any{name: v}}
	if text, err = yaml.Marshal(all); err != nil {
		s.T.Fatal(err)
	}
	s.File("inventory.yml", string(text))
}

func on(list []kept, host string) []kept {
	return slices.DeleteFunc(slices.Clone(list), func(k kept) bool { return k.Host != host })
}

// only wants one whole backup in all, on that host.
func only(t *testing.T, s *site.Site, host string) kept {
	t.Helper()
	all := listed(s)
	if len(all) != 1 || all[0].Host != host || !all[0].Whole || all[0].Cluster != "e2e" {
		t.Fatalf("there are %+v", all)
	}
	return all[0]
}

// unfitElsewhere spoils the backups where they lie. Each is refused with nothing changed, and mended again.
func unfitElsewhere(t *testing.T, s *site.Site, far, here kept) {
	archive := filepath.Join(here.Path, "data.tar")
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(on, want string) {
		t.Helper()
		s.Run(2, "restore.yml", "-e", "from="+map[string]string{"store": far.Name, "localhost": here.Name}[on], "-e", "on="+on, "-e",
			"confirm=e2e").Says(want).Unchanged()
	}
	spoil := func(text []byte, want string) {
		t.Helper()
		if err := os.WriteFile(archive, text, 0o600); err != nil {
			t.Fatal(err)
		}
		refused("localhost", want)
	}
	changed := slices.Clone(whole)
	changed[len(changed)/2] ^= 1
	spoil(changed, "not what was written")
	spoil(whole[:len(whole)/2], "files instead of")
	spoil([]byte("text"), "list of checksums is missing")
	if err := os.WriteFile(archive, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s.On("store", "cd "+far.Path+" && cp -p CONTENTS /run/kept && tr a b </run/kept >CONTENTS")
	refused("store", "not what was written: CONTENTS")
	s.On("store", "cat /run/kept >"+far.Path+"/CONTENTS")
	s.On("store", "cd "+far.Path+` && cp -p backup.json /run/kept && sed -i 's/"polardata_bytes": /"polardata_bytes": 9999999/' backup.json`)
	refused("store", "which has room for")
	s.On("store", "cat /run/kept >"+far.Path+"/backup.json")
	s.Run(2, "restore.yml", "-e", "from=newest", "-e", "on=store", "-e",
		"member=store").Says("store is no host of the group polardb").Unchanged()
	s.Run(2, "restore.yml", "-e", "from=nobody", "-e", "on=localhost").Says("there is no backup nobody on localhost").Unchanged()
	for _, b := range listed(s) {
		if !b.Whole {
			t.Fatalf("mended, it is %+v", b)
		}
	}
}

// plain wants a whole cluster with what it had when it was backed up, and nothing of what came after.
func plain(t *testing.T, s *site.Site) {
	t.Helper()
	c := s.Whole()
	if got := s.SQL(c.Leader, "select count(*)::text || ' ' || min(a)::text || ' ' || max(a)::text from plain"); strings.TrimSpace(got) != "5000 1 5000" {
		t.Errorf("it has %q", got)
	}
}
