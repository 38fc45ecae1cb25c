package configuration

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

var nodes = []string{"node1", "node2", "node3"}

func hba(lines ...string) []string { return append([]string{site.FromOutside}, lines...) }

// good holds the inventory's variables between the cases.
func good() site.Vars {
	return site.Vars{"polardb_settings": site.Vars{"work_mem": "8MB", "max_connections": 150,
		"shared_preload_libraries": "pg_stat_statements"}, "polardb_hba": hba(), "polardb_port": 5432}
}

func with(more site.Vars) site.Vars {
	settings := maps.Clone(good()["polardb_settings"].(site.Vars))
	maps.Copy(settings, more)
	return site.Vars{"polardb_settings": settings}
}

// every tries all cases instead of one of each kind, which takes two minutes more.
var every = os.Getenv("POLARBOOK_FILES") != ""

// TestFiles takes one cluster through everything that can be wrong with its files.
func TestFiles(t *testing.T) {
	s := site.New(t, site.Options{Cluster: "files", Specs: site.Hosts(nodes...), Group: site.Vars{"polardb_locale": "C.UTF-8"}})
	s.SetAll(good())
	step := func(name string, f func(t *testing.T, s *site.Site)) {
		s.Subtest(t, name, func(t *testing.T) { f(t, s) })
	}
	step("bare hosts", bare)
	step("libraries", libraries)
	step("locale, encoding and time zones", madeWith)
	step("old files of the log", oldLogs)
	step("refused before a file is written", refused)
	step("ALTER SYSTEM", overrides)
	step("a way out", wayOut)
	step("the reason of a start that failed", failedStarts)
	if every {
		step("a node that joins with less", joinsWithLess)
	}
}

// files returns a node's configuration and what is left in /run.
func files(s *site.Site) map[string]string {
	s.T.Helper()
	all := map[string]string{}
	for _, n := range nodes {
		all[n] = s.On(n,
			`cd /var/lib/polardb/pgdata 2>/dev/null && stat -c '%n %y' *.conf && sha256sum *.conf; ls -d /run/polarbook.* 2>/dev/null; true`)
	}
	return all
}

func bare(t *testing.T, s *site.Site) {
	s.SetAll(with(site.Vars{"shared_buffrs": "1GB"}))
	s.Run(2, "new-cluster.yml").Says(`unrecognized configuration parameter "shared_buffrs"`, `did you mean "shared_buffers"?`)
	s.SetAll(good())
	s.Run(2, "new-cluster.yml", "-e", "polardb_locale=tlh_KX.UTF-8").Says("tlh_KX.UTF-8 is not among C")
	s.Run(2, "check.yml", "-e", "polardb_encoding=EUC_CN").Says("EUC_CN, and text of the locale C.UTF-8 is in UTF-8")
	s.Run(2, "check.yml", "-e", "polardb_encoding=UTF").Says("UTF is not an encoding that databases can have")
	for _, n := range nodes {
		if left := s.On(n, "ls -A /var/lib/polardb"); left != "" {
			t.Errorf("%s was begun with: %s", n, left)
		}
	}
	s.SetAll(good())
	s.Run(0, "new-cluster.yml")
	s.Run(0, "new-cluster.yml").Unchanged(nodes...)
}

// The engine's own libraries stay when others are named.
func libraries(t *testing.T, s *site.Site) {
	for _, n := range nodes {
		if got := s.Query(n, "show shared_preload_libraries"); got != "$libdir/polar_vfs,$libdir/polar_worker,pg_stat_statements" {
			t.Errorf("%s loads %s", n, got)
		}
	}
}

// What initdb was told, and what it chose, holds on every member; the time zones follow the inventory when it sets one.
func madeWith(t *testing.T, s *site.Site) {
	zone := ""
	shown := func(want string) {
		t.Helper()
		for _, n := range nodes {
			if got := s.Query(n, "select datcollate || ' ' || datctype || ' ' || "+
				"pg_encoding_to_char(encoding) from pg_database where datname = 'template0'"); got != "C.UTF-8 C.UTF-8 UTF8" {
				t.Errorf("%s was made with %s", n, got)
			}
			got := s.Query(n, "show timezone") + " " + s.Query(n, "show log_timezone")
			if want == "" {
				want, zone = got, strings.Fields(got)[0]
			}
			if got != want {
				t.Errorf("%s has the time zones %s, want %s", n, got, want)
			}
		}
	}
	shown("")
	host := strings.TrimSpace(s.On("node1",
		`z=$(readlink /etc/localtime); case $z in *zoneinfo/*) echo "${z##*zoneinfo/}" ;; *) echo Etc/UTC ;; esac`))
	if zone != host {
		t.Errorf("the database has the time zone %s, the host %s", zone, host)
	}
	s.Run(0, "reconfigure.yml", "-e", "polardb_timezone=Asia/Shanghai").Says("timezone " + zone + " -> Asia/Shanghai (reload)")
	shown("Asia/Shanghai Asia/Shanghai")
	s.Run(0, "reconfigure.yml", "-e", "polardb_timezone=Asia/Shanghai").Unchanged(nodes...)
	settings := `{"polardb_timezone": "Asia/Shanghai", "polardb_settings": {"work_mem": "8MB", "max_connections": 150, "shared_preload_libraries": "pg_stat_statements", "TimeZone": "Asia/Tokyo"}}`
	s.Run(0, "reconfigure.yml", "-e", settings)
	shown("Asia/Tokyo Asia/Shanghai")
	// Without one, what initdb has chosen is in force again.
	s.Run(0, "reconfigure.yml")
	shown(zone + " " + zone)
	s.Run(0, "reconfigure.yml").Unchanged(nodes...)

	before := files(s)
	for _, playbook := range []string{"new-cluster.yml", "reconfigure.yml"} {
		s.Run(2, playbook, "-e", "polardb_locale=C", "-e", "polardb_encoding=EUC_CN").Unchanged().
			Says("the cluster was made with the locale C.UTF-8, and polardb_locale is C", "the encoding UTF8, and polardb_encoding is EUC_CN")
	}
	s.Run(0, "new-cluster.yml", "-e", "polardb_locale=C.utf8", "-e", "polardb_encoding=unicode").Unchanged(nodes...)
	if now := files(s); !maps.Equal(now, before) {
		t.Errorf("files were written: %v, %v", before, now)
	}
	// The files of a cluster of an earlier release do not record it, and it keeps the engine's default.
	for _, n := range nodes {
		s.On(n, `sed -i -E '/^(# initdb: )?(timezone|log_timezone|datestyle|lc_[a-z]+|default_text_search_config) /d' /var/lib/polardb/pgdata/postgresql.conf
			systemctl reload `+s.Unit())
	}
	s.Run(0, "reconfigure.yml").Unchanged(nodes...)
	for _, n := range nodes {
		if got := s.Query(n, "show timezone"); got != "GMT" {
			t.Errorf("%s has the time zone %s", n, got)
		}
	}
}

// oldLogs switches the removal of old log files on, changes it and switches it off.
func oldLogs(t *testing.T, s *site.Site) {
	const log = "/var/lib/polardb/pgdata/pg_log/"
	s.Run(2, "reconfigure.yml", "-e", "polardb_log_keep_days=soon").Says("polardb_log_keep_days must be a number of days")
	s.Run(0, "reconfigure.yml", "-e", "polardb_log_keep_days=7").Changed()
	s.Run(0, "reconfigure.yml", "-e", "polardb_log_keep_days=7").Unchanged(nodes...)
	clean := func(days string, want string) {
		t.Helper()
		got := s.On("node1",
			"cd "+log+`; for n in 1 2 3; do
				echo x >"old-$n.log"; chown polardb "old-$n.log"; touch -d "$((n*5)) days ago" "old-$n.log"
			done; ln -sfn /etc/hostname old-0.log
systemctl start `+s.Unit()+`-logs.service && systemctl is-enabled `+s.Unit()+`-logs.timer && ls old-*.log | tr '\n' ' '; rm -f old-*.log`)
		if got = strings.Join(strings.Fields(got), " "); got != "enabled "+want {
			t.Errorf("after %s days: %s, want %s", days, got, want)
		}
	}
	clean("7", "old-0.log old-1.log")
	s.Status(0)
	s.Run(0, "reconfigure.yml", "-e", "polardb_log_keep_days=12").Changed()
	clean("12", "old-0.log old-1.log old-2.log")
	// As after a run that was cut off once the files were written.
	s.On("node1", "touch /etc/systemd/system/"+s.Unit()+".service /etc/systemd/system/"+s.Unit()+"-logs.service")
	s.Run(0, "reconfigure.yml", "-e", "polardb_log_keep_days=12")
	stale := s.On("node1", "systemctl show --all -p NeedDaemonReload "+s.Unit()+"-logs.service "+s.Unit()+".service | grep -c =yes || true")
	if strings.TrimSpace(stale) != "0" {
		t.Errorf("systemd goes by %s former files", strings.TrimSpace(stale))
	}
	s.Run(0, "reconfigure.yml").Changed()
	left := s.On("node1", "ls /etc/systemd/system | grep -e -logs || true; systemctl list-timers --all | grep polardb || true")
	if left != "" {
		t.Errorf("what removes old logs is still there: %s", left)
	}
	s.Run(0, "reconfigure.yml").Unchanged(nodes...)
}

func refused(t *testing.T, s *site.Site) {
	before := files(s)
	for name, c := range map[string]struct {
		set  site.Vars
		says []string
	}{
		"a setting": {with(site.Vars{"shared_buffrs": "1GB"}), []string{`unrecognized configuration parameter "shared_buffrs"`,
			`did you mean "shared_buffers"?`}},
		"a value": {with(site.Vars{"wal_level": "lots"}), []string{`invalid value for parameter "wal_level": "lots"`, "Available values"}},
		"memory": {with(site.Vars{"shared_buffers": "900GB"}),
			[]string{"could not map anonymous shared memory", "reducing shared_buffers"}},
		"pg_hba.conf": {site.Vars{"polardb_hba": hba("host all all 10.77.0.1/33 md5")},
			[]string{"(host all all 10.77.0.1/33 md5): invalid CIDR mask in address", "polardb_hba"}},
		"together": {with(site.Vars{"superuser_reserved_connections": 140}), []string{"superuser_reserved_connections (140) plus",
			"must be less than max_connections (150)"}},
		"less": {with(site.Vars{"max_connections": 120}), []string{"max_connections cannot go down from 150 to 120"}},
		"an address": {with(site.Vars{"listen_addresses": "203.0.113.9"}),
			[]string{"listen_addresses is 203.0.113.9, but the host has no such address"}},
		"a library": {with(site.Vars{"shared_preload_libraries": "pg_stat_statments"}),
			[]string{"shared_preload_libraries names pg_stat_statments"}},
		"for dma": {site.Vars{"polardb_dma_settings": site.Vars{"polar_dma_election_timeout": "soon"}},
			[]string{"polar_dma_election_timeout"}},
		"another port": {site.Vars{"polardb_port": 5433}, []string{":5432 by its consensus meta, and ", ":5433 by the inventory",
			"polarbook run move-node.yml -e node="}},
		"data elsewhere": {with(site.Vars{"data_directory": "/srv"}), []string{"data_directory must be /var/lib/polardb/pgdata, not /srv"}},
	} {
		if !every && name != "memory" && name != "pg_hba.conf" {
			continue
		}
		s.Case(t, name, func(t *testing.T) {
			defer s.SetAll(site.Vars{"polardb_dma_settings": site.Vars{"polar_dma_election_timeout": site.ElectionTimeout}})
			defer s.SetAll(good())
			s.SetAll(c.set)
			runs := [][]string{{"new-cluster.yml"}, {"reconfigure.yml", "--check"}}
			if name == "pg_hba.conf" {
				runs = append(runs, []string{"reconfigure.yml"}, []string{"new-cluster.yml", "--check"}, []string{"add-node.yml",
					"--limit", "node3"}, []string{"rebuild-node.yml", "--yes", "-e", "node=" + s.Followers()[0]}, []string{"upgrade.yml"})
			}
			for _, r := range runs {
				s.Run(2, r[0], r[1:]...).Says(c.says...)
			}
		})
	}
	if now := files(s); !maps.Equal(now, before) {
		t.Errorf("files were written: %v, %v", before, now)
	}
	s.Whole()
	s.Run(0, "new-cluster.yml").Unchanged(nodes...)
}

func overrides(t *testing.T, s *site.Site) {
	// Every node keeps a file of its own.
	s.SQL("node2", "alter system set work_mem = '33MB'")
	s.SetAll(with(site.Vars{"work_mem": "16MB"}))
	s.Run(0, "reconfigure.yml", "--check").Says("ALTER SYSTEM has set work_mem = 33MB in postgresql.auto.conf, which wins; "+
		"the inventory says 16MB", "set by ALTER SYSTEM in postgresql.auto.conf")
	s.Run(2, "reconfigure.yml", "-e", "polardb_auto_conf=refuse").Says("ALTER SYSTEM has set work_mem = 33MB", "ALTER SYSTEM RESET")
	s.Run(0, "reconfigure.yml", "-e", "polardb_auto_conf=reset")
	for _, n := range nodes {
		if got := s.Query(n, "show work_mem"); got != "16MB" {
			t.Errorf("%s has work_mem %s", n, got)
		}
	}
	s.Run(0, "reconfigure.yml", "-e", "polardb_auto_conf=reset").Unchanged(nodes...)
	s.SetAll(good())
	s.Run(0, "reconfigure.yml")
}

const stop = "systemctl stop polardb-files; "

func wayOut(t *testing.T, s *site.Site) {
	broken := map[string]string{
		"a setting":   `echo "shared_buffrs = 1GB" >>/var/lib/polardb/pgdata/postgresql.conf`,
		"pg_hba.conf": `echo "host all all 10.77.0.1/33 md5" >>/var/lib/polardb/pgdata/pg_hba.conf`,
		"memory":      `echo "shared_buffers = 900GB" >>/var/lib/polardb/pgdata/postgresql.conf`,
	}
	for playbook, what := range map[string]string{"start.yml": "a setting", "reconfigure.yml": "memory", "new-cluster.yml": "pg_hba.conf"} {
		if !every && playbook != "start.yml" {
			continue
		}
		s.Subtest(t, playbook+" where no node starts: "+what, func(t *testing.T) {
			for _, n := range nodes {
				s.On(n, stop+broken[what])
			}
			s.Run(0, playbook, "--check").Says("does not start with the files that it has", "replace the content of")
			s.Run(0, playbook).Says("the server does not start with the files that it has, so they are written anew")
			s.Whole()
			s.Run(0, "reconfigure.yml").Unchanged(nodes...)
		})
	}
	if !every {
		return
	}
	s.Case(t, "one node, by ALTER SYSTEM", func(t *testing.T) {
		n := s.Followers()[0]
		s.On(n, stop+`echo "shared_buffers = '900GB'" >>/var/lib/polardb/pgdata/postgresql.auto.conf`)
		s.Run(2, "reconfigure.yml").Says("could not map anonymous shared memory",
			"ALTER SYSTEM has set shared_buffers = 900GB in postgresql.auto.conf")
		s.Run(0, "reconfigure.yml", "-e", "polardb_auto_conf=reset")
		s.Whole()
	})
	s.Case(t, "one that was stopped", func(t *testing.T) {
		n := s.Followers()[0]
		s.On(n, stop)
		s.Run(2, "reconfigure.yml").Says(n+"'s server does not run; start it first", "start.yml")
		s.Run(0, "start.yml")
		s.Whole()
	})
}

// The files are right here and something else is wrong. The reason comes first, and is of this start.
func failedStarts(t *testing.T, s *site.Site) {
	n := s.Followers()[0]
	const unit = "/run/systemd/system/polardb-files.service.d"
	for name, c := range map[string]struct{ wrong, right, says string }{
		"permissions": {"chmod 777 /var/lib/polardb/pgdata", "chmod 700 /var/lib/polardb/pgdata",
			`FATAL: data directory "/var/lib/polardb/pgdata" has invalid permissions; DETAIL: Permissions should be`},
		"control file": {"chown root /var/lib/polardb/polardata/global/pg_control", "chown polardb /var/lib/polardb/polardata/global/pg_control",
			"pg_control\": Permission denied"},
		"a lock": {`cd /tmp; runuser -u polardb -- sh -c 'sleep 600 >/dev/null 2>&1 & echo $! >/tmp/held'; { cat /tmp/held; printf '/var/lib/polardb/pgdata\n1\n5432\n/run\n*\n'; } >/var/lib/polardb/pgdata/postmaster.pid; chown polardb: /var/lib/polardb/pgdata/postmaster.pid`,
			"kill $(cat /tmp/held); rm -f /tmp/held /var/lib/polardb/pgdata/postmaster.pid",
			`FATAL: lock file "postmaster.pid" already exists; HINT: Is another postmaster`},
		"a time limit": {"mkdir -p " + unit + "; printf '[Service]\\nRuntimeMaxSec=1us\\n' >" + unit + "/limit.conf; systemctl daemon-reload",
			"rm -r " + unit + "; systemctl daemon-reload", "a time limit of the unit ended it"},
		"a port": {"systemd-run -q --unit=taker systemd-socket-activate -l 5432 --inetd -a /bin/cat; sleep 1",
			"systemctl stop taker", "port 5432 is taken by another process"},
	} {
		if !every && name != "a lock" {
			continue
		}
		s.Case(t, name, func(t *testing.T) {
			s.On(n, "systemctl stop polardb-files; rm -rf /var/lib/polardb/pgdata/pg_log/*; echo '2020-01-01 [1] FATAL: "+
				" an old story' >/var/lib/polardb/pgdata/pg_log/old_error.log; chown polardb: /var/lib/polardb/pgdata/pg_log/old_error.log; "+c.wrong)
			o := s.Run(2, "start.yml").Says(c.says)
			s.On(n, "systemctl stop polardb-files; "+c.right)
			for _, e := range o.Events {
				if strings.Contains(e.Msg, "old story") || strings.Contains(e.Msg, "[0x") {
					t.Errorf("tells old stories: %s", e.Msg)
				}
			}
		})
	}
	s.Run(0, "start.yml")
	s.Whole()
}

func joinsWithLess(t *testing.T, s *site.Site) {
	n := s.Followers()[0]
	s.Run(0, "drop-node.yml", "--yes", "-e", "node="+n, "-e", "wipe=yes", "-e", "confirm="+n)
	s.Set(n, with(site.Vars{"max_connections": 120}))
	s.Run(2, "add-node.yml", "--limit", n).Says("max_connections cannot go down from 150 to 120: " +
		"a node with less than the leader had does not start")
	if left := s.On(n, "ls /var/lib/polardb/pgdata/postgresql.conf 2>/dev/null || true"); left != "" {
		t.Errorf("files were written")
	}
	s.Set(n, with(nil))
	s.Run(0, "add-node.yml", "--limit", n)
	s.Whole()
}
