package daytwo

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/test/site"
)

// The rows of each table, on one line: their number and a checksum.
const rows = "select count(*)::text || $$ $$ || md5(string_agg(a::text, $$,$$ order by a)) from "

// tablespaces creates two in two databases while node4 is not a member, and checks that nobody copies them over other data.
// A follower is rebuilt and a backup taken; then node4 is added.
func tablespaces(s *site.Site) {
	c := s.StatusNow()
	f := c.Followers()[0]
	for _, n := range s.Names() {
		if n != "node4" {
			s.On(n, "install -d -o polardb -g polardb -m 700 /srv/ts1 '/srv/ts 2'")
		}
	}
	s.SQL(c.Leader, "create tablespace ts1 location '/srv/ts1'")
	s.SQL(c.Leader, "create tablespace ts2 location '/srv/ts 2'")
	s.SQL(c.Leader, "create table precious (a int) tablespace ts1")
	s.SQL(c.Leader, "create table besides (a int) tablespace ts2")
	for _, table := range []string{"precious", "besides"} {
		s.SQL(c.Leader, "insert into "+table+" select x from generate_series(1, 5000) x")
	}

	s.On("node4", "install -d -m 755 /srv/ts1; touch /srv/ts1/mine; ln -s /etc '/srv/ts 2'")
	full := "ts1 in /srv/ts1 is not empty on node4: mine"
	s.Run(2, "add-node.yml", "--limit", "node4", "--check").Says(full)
	s.Run(2, "add-node.yml", "--limit", "node4").Says(full, "ts2 in /srv/ts 2 is not empty on node4: ").Unchanged()
	s.On("node4", "rm /srv/ts1/mine '/srv/ts 2'; chown daemon /srv/ts1")
	s.Run(2, "add-node.yml", "--limit", "node4").Says("ts1 in /srv/ts1 belongs to daemon on node4").Unchanged()
	s.On("node4", "chown root /srv/ts1")
	s.Run(0, "add-node.yml", "--limit", "node4", "--check")
	if left := s.On("node4", "ls -A /srv/ts1 /var/lib/polardb/pgdata 2>/dev/null | grep -v -e : -e '^$' || true"); left != "" {
		s.T.Errorf("the check left %q", left)
	}

	// What the copy before left is removed, and none of it comes back.
	s.On(f, "runuser -u polardb -- sh -c 'cp -r /srv/ts1/PG_11_* /srv/ts1/PG_11_1; for d in /srv/ts1/PG_11_*; do touch $d/stale; done'")
	s.Run(0, "rebuild-node.yml", "-e", "node="+f, "--yes").Changed()
	if left := s.On(f, "ls -d /srv/ts1/PG_11_1 /srv/ts1/PG_11_*/stale 2>/dev/null || true"); left != "" {
		s.T.Errorf("%s has what was left: %s", f, left)
	}
	sameRows(s)

	s.Run(0, "backup.yml", "-e", "on="+f, "-e", "to=/backup/ts", "-e",
		"polardb_backup_compress=none").Changed().Says("each file with a checksum")
	said := s.On(f, "cd /backup/ts && grep tablespace= backup.polarbook | sed 's/=[0-9]* /=/' && "+
		"grep -c ' tablespaces/' SHA256SUMS && readlink pgdata/pg_tblspc/* | sed 's/[0-9]*$//' && sha256sum --quiet -c SHA256SUMS")
	want := "tablespace=/srv/ts1\ntablespace=/srv/ts 2\n"
	if !strings.HasPrefix(said, want) || !strings.HasSuffix(said, "\n/backup/ts/tablespaces/\n/backup/ts/tablespaces/\n") ||
		strings.Contains(said, "\n0\n") {
		s.T.Errorf("the backup says:\n%s", said)
	}
	sameRows(s)
}

// spacesGone runs when node4 is back.
func spacesGone(s *site.Site) {
	sameRows(s)
	c := s.Settles()
	if owner := s.On("node4", "stat -c '%U %a' /srv/ts1 '/srv/ts 2'"); owner != "polardb 700\npolardb 700\n" {
		s.T.Errorf("the tablespaces on node4: %q", owner)
	}
	// A missing file is found, although every node streams.
	s.On("node4", "cd /srv/ts1/PG_11_*/* && mkdir /srv/aside && mv [0-9]* /srv/aside/")
	s.Run(2, "add-node.yml", "--limit", "node4").Says("node4 is not a complete copy of "+c.Leader,
		"in the database postgres the files of 1 of ", "rebuild-node.yml -e node=node4")
	s.On("node4", "mv /srv/aside/* /srv/ts1/PG_11_*/*/ && rmdir /srv/aside")
	s.Run(0, "add-node.yml", "--limit", "node4").Unchanged().Says("relations of ")
	s.SQL(c.Leader, "drop table precious")
	s.SQL(c.Leader, "drop table besides")
	s.SQL(c.Leader, "drop tablespace ts1")
	s.SQL(c.Leader, "drop tablespace ts2")
}

// sameRows compares the tables in the tablespaces of each node with the leader's.
func sameRows(s *site.Site) {
	s.T.Helper()
	c := s.StatusNow()
	for _, table := range []string{"precious", "besides"} {
		want := s.SQL(c.Leader, rows+table)
		if !strings.HasPrefix(want, "5000 ") {
			s.T.Errorf("%s has %q in %s", c.Leader, want, table)
		}
		for _, m := range c.Members {
			if !m.Answers {
				continue // it is no member now
			}
			s.Eventually(table+" on "+m.Node, func() error {
				if got := s.SQL(m.Node, rows+table); got != want {
					return fmt.Errorf("%s, the leader has %s", got, want)
				}
				return nil
			})
		}
	}
}
