package contract_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestInitdb(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		if err := e.mkdir(n.pgdata); err != nil {
			t.Fatal(err)
		}
		n.write(filepath.Join(n.pgdata, "mine"), "precious")
		want(t, e.run(time.Minute, "initdb", "-D", n.pgdata, "-U", "polardb"), 1, "exists but is not empty")
		if _, err := os.Stat(filepath.Join(n.pgdata, "mine")); err != nil {
			t.Error("initdb touched a directory that was not empty")
		}
		if e.as != nil {
			root := *e
			root.as = nil
			want(t, root.run(time.Minute, "initdb", "-D", filepath.Join(n.directory, "other")), 1, "cannot be run as root")
			want(t, root.run(time.Minute, "pg_ctl", "-D", n.pgdata, "status"), 1, "cannot be run as root")
		}
		for _, name := range []string{
			"PG_VERSION", "postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "polar_dma.conf", "base", "global",
		} {
			if _, err := os.Stat(filepath.Join(e.template, "pgdata", name)); err != nil {
				t.Errorf("initdb made no %s", name)
			}
		}
		// What it has chosen by the host and the locale.
		conf, err := os.ReadFile(filepath.Join(e.template, "pgdata", "postgresql.conf"))
		zone, linked := "Etc/UTC", ""
		if linked, _ = os.Readlink("/etc/localtime"); strings.Contains(linked, "zoneinfo/") {
			_, zone, _ = strings.Cut(linked, "zoneinfo/")
		}
		for _, line := range []string{
			"timezone = '" + zone + "'", "log_timezone = '" + zone + "'", "datestyle = 'iso, mdy'", "lc_monetary = 'C'",
			"lc_numeric = 'C'", "lc_time = 'C'", "default_text_search_config = 'pg_catalog.english'",
		} {
			if err != nil || !strings.Contains(string(conf), "\n"+line) {
				t.Errorf("postgresql.conf has no line %s: %v", line, err)
			}
		}
		for _, name := range []string{
			"base/1", "global/pg_control", "pg_wal", "pg_xact", "polar_dma/consensus_log", "polar_dma/consensus_cc_log",
		} {
			if _, err := os.Stat(filepath.Join(e.template, "polardata", name)); err != nil {
				t.Errorf("polar-initdb.sh left no %s in POLARDATA", name)
			}
		}
	})
}

func TestPolarInitdb(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		other := filepath.Join(n.directory, "other")
		limit := 30 * time.Second
		want(t, e.run(limit, "polar-initdb.sh", n.pgdata, n.polardata+"/", "localfs"), 1, n.pgdata+" must end with /")
		want(t, e.run(limit, "polar-initdb.sh", n.pgdata+"/", n.polardata+"/"), 1, "pfs does not exist")
		want(t, e.run(limit, "polar-initdb.sh", n.pgdata+"/", n.polardata+"/", "localfs"), 1, "use localfs mode",
			"pg_twophase in local data dir does not exist")
		if o := e.run(2*time.Minute, "initdb", "-D", filepath.Join(n.directory, "fresh"), "-U", "polardb"); o.code != 0 {
			t.Fatal(o)
		}
		fresh := filepath.Join(n.directory, "fresh") + "/"
		want(t, e.run(limit, "polar-initdb.sh", fresh, other+"/", "localfs"), 1, "dir does not exist")
		want(t, e.run(limit, "polar-initdb.sh", fresh, n.polardata+"/", "localfs"), 1, "dir not empty")
		if err := e.mkdir(other); err != nil {
			t.Fatal(err)
		}
		want(t, e.run(limit, "polar-initdb.sh", fresh, other+"/", "localfs"), 0, "use localfs mode", "init polarDB data dir success")
	})
}

func TestLeaderMetaInit(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		meta := filepath.Join(n.polardata, "polar_dma", "consensus_meta")
		o := e.run(10*time.Second, "polar_tools", "dma-meta", "-D", n.polardata)
		want(t, o, 255, "Failed to open "+meta)
		n.initLeader()
		if _, err := os.Stat(meta); err != nil {
			t.Error(err)
		}
		n.initLeader() // again, nothing joined yet: harmless
		o = e.run(10*time.Second, "polar_tools", "dma-meta", "-D", n.polardata)
		want(t, o, 0, n.member()+"@1")
		if text := n.logText(); !strings.Contains(text, "cluster_info: "+n.address()+"@1, node_info: "+n.member()+"@1") {
			t.Errorf("no cluster_info line in the log:\n%s", text)
		}
		n.start()
		o = n.metaInit(20*time.Second, "polar_dma_members_info", n.address()+"@1")
		want(t, o, 1)
		n.writable()
	})
}

func TestMetaInitHangsOnABadAddress(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		for _, address := range []string{"nohost", n.host + ":99999@1"} {
			if o := n.metaInit(4*time.Second, "polar_dma_members_info", address); o.code != -1 {
				t.Errorf("%s: ended by itself: %v", address, o)
			} else if o.took > 10*time.Second {
				t.Errorf("%s: TERM took %v", address, o.took)
			}
		}
	})
}

func TestMetaInitWithoutDMAIsAnOrdinaryServer(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		n.write(filepath.Join(n.pgdata, "polar_dma.conf"), "")
		done := make(chan outcome, 1)
		go func() { done <- n.metaInit(8*time.Second, "polar_dma_members_info", n.address()+"@1") }()
		n.writable()
		if o := <-done; o.code != -1 {
			t.Errorf("ended by itself: %v", o)
		}
		if _, err := os.Stat(filepath.Join(n.polardata, "polar_dma", "consensus_meta")); err == nil {
			t.Error("it initialised the meta")
		}
	})
}

func TestStartWithoutMeta(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		n.start() // says that it started
		eventually(t, e.within(10*time.Second), "the log tells of the loop", func() bool {
			return strings.Contains(n.logText(), "reinitializing")
		})
		if err := n.try("select 1"); state(err) != "57P03" {
			t.Errorf("a connection met %v", err)
		}
		n.stop()
		n.initLeader()
		n.start()
		n.writable()
	})
}

func TestFirstLeader(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		n.initLeader()
		n.start()
		refused := false
		eventually(t, e.within(20*time.Second), "a write works", func() bool {
			err := n.try("create table first (id int)")
			if state(err) == "25006" {
				refused = true
			} else if err != nil && state(err) != "57P03" {
				t.Fatalf("meanwhile: %v", err)
			}
			return err == nil
		})
		if !refused {
			t.Error("it was writable at once: no read-only window")
		}
		if err := n.try("select * from polar_dma_member_status"); state(err) != "42P01" {
			t.Errorf("view without the extension: %v", err)
		}
		n.exec("create extension polar_monitor")
		if err := n.try("create extension polar_monitor"); state(err) != "42710" {
			t.Errorf("extension twice: %v", err)
		}
		n.exec("create extension if not exists polar_monitor")
		if got := must[string](n, "select member_info_str from polar_dma_meta_status"); got != n.member()+"@1" {
			t.Errorf("member_info_str %s", got)
		}
		if _, err := value[string](n, "select learner_info_str from polar_dma_meta_status"); err == nil ||
			!strings.Contains(err.Error(), "NULL") {
			t.Errorf("learner_info_str is not NULL: %v", err)
		}
		if version := must[string](n, "select current_setting('server_version')"); !strings.HasPrefix(version, "11.9") {
			t.Errorf("server_version %s", version)
		}
		if version := must[string](n, "show polar_version"); version == "" {
			t.Error("no polar_version")
		}
		b, err := os.ReadFile(filepath.Join(n.pgdata, "postmaster.pid"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		if len(lines) < 8 || strings.TrimSpace(lines[7]) != "standby" && strings.TrimSpace(lines[7]) != "ready" {
			t.Errorf("postmaster.pid: %q", b)
		}
	})
}

func TestUnknownSettings(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		n.configure("no_such_setting = on")
		n.initFails(t)
		want(t, n.ctl("-l", filepath.Join(n.directory, "start.log"), "-w", "start"), 1, "could not start server")
		n.configure("polar_no_such_setting = on")
		n.initLeader()
		n.start()
		n.writable()
	})
}

// A setting that needs a restart and that no file has any more is told of by pg_file_settings alone, before a reload and after it.
func TestSettingTakenOut(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		n.configure("max_locks_per_transaction = 99")
		n.initLeader()
		n.start()
		n.writable()
		n.configure()
		for _, moment := range []string{"before a reload", "after a reload"} {
			var problem *string
			var setting string
			var pending bool
			err := n.session().QueryRow(t.Context(), "select error from pg_file_settings where error is not null and name is null").Scan(&problem)
			const wanted = `parameter "max_locks_per_transaction" cannot be changed without restarting the server`
			if err != nil || problem == nil || *problem != wanted {
				t.Errorf("%s: %v, %v", moment, problem, err)
			}
			err = n.session().QueryRow(t.Context(), "select setting, pending_restart from pg_settings where name = 'max_locks_per_transaction'").
				Scan(&setting, &pending)
			if err != nil || setting != "99" || pending {
				t.Errorf("%s: %s, pending: %t, %v", moment, setting, pending, err)
			}
			want(t, n.ctl("reload"), 0)
			time.Sleep(time.Second)
		}
	})
}

func (n *node) initFails(t *testing.T) {
	t.Helper()
	if o := n.metaInit(20*time.Second, "polar_dma_members_info", n.address()+"@1"); o.code == 0 || o.code == -1 {
		t.Errorf("meta init with a broken configuration: %v", o)
	}
}

func TestForegroundServer(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		n.initLeader()
		command := e.command(t.Context(), "postgres", "-D", n.pgdata)
		command.Cancel = func() error { return command.Process.Signal(syscall.SIGQUIT) }
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		n.writable()
		if err := command.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- command.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("after SIGINT: %v", err)
			}
		case <-time.After(e.within(20 * time.Second)):
			t.Error("SIGINT did not stop it")
		}
		if n.pid() != 0 {
			t.Error("postmaster.pid is still there")
		}
	})
}
