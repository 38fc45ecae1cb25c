package polardb

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// What the engine 11.9 (POLARDB 1.1.20) wrote, shortened where it is long.
const (
	engineNoise = `2026-11-27 04:56:27.006 GMT [5381] [5381] LOG:  polar_vfs loaded in postmaster 5381
2026-11-27 04:56:27.006 GMT [5381] [5381] WARNING:  polardb skip readControlfile
2026-11-27 04:56:27.030 GMT [5381] [5381] WARNING:  could not access file "polar_resource_group": No such file or directory
2026-11-27 04:56:27.030 GMT [5381] [5381] LOG:  could not write pg_stat_statement file "pg_stat_tmp/pgss_query_texts.stat": No such file or directory
`
	engineTrace = `2026-11-27 04:56:39.528 GMT [8229] [8229] BACKTRACE:  
	postgres(+0x1ae17a) [0x55eb58a5917a]
	postgres(_start+0x21) [0x55eb589d4a41]
2026-11-27 04:56:39.561 GMT [8229] [8229] LOG:  database system is shut down
`
	when = "2026-11-27 04:56:39.528 GMT [8229] [8229] "
)

func TestTheReasonOfAStartThatFailedComesFirst(t *testing.T) {
	for name, c := range map[string]struct{ log, unit, want, hint string }{
		"memory": {engineNoise + when + "FATAL:  could not map anonymous shared memory: Cannot allocate memory\n" + when +
			"HINT:  This error usually means that PostgreSQL's request for a shared memory segment exceeded available memory, " +
			"swap space, or huge pages. To reduce the request size (currently 992091119616 bytes), reduce it.\n" + engineTrace, "",
			"FATAL: could not map anonymous shared memory: Cannot allocate memory; HINT: This error usually means", "shared_buffers"},
		"a name": {when + "LOG:  unrecognized configuration parameter \"shared_buffrs\" in file \"/p/postgresql.conf\" line 9\n" + when +
			"FATAL:  configuration file \"/p/postgresql.conf\" contains errors\n" + engineTrace, "",
			"FATAL: configuration file \"/p/postgresql.conf\" contains errors; " +
				"LOG: unrecognized configuration parameter \"shared_buffrs\" in file \"/p/postgresql.conf\" line 9", "reconfigure.yml"},
		"a value": {when + "LOG:  invalid value for parameter \"wal_level\": \"foo\"\n" + when +
			"HINT:  Available values: minimal, replica, logical.\n" + when +
			"FATAL:  configuration file \"/p/postgresql.conf\" contains errors\n", "",
			"FATAL: configuration file \"/p/postgresql.conf\" contains errors; LOG: invalid value for parameter \"wal_level\": \"foo\"; " +
				"HINT: Available values: minimal", "polardb_settings"},
		"pg_hba": {engineNoise + when + "LOG:  invalid CIDR mask in address \"10.77.0.1/33\"\n" + when +
			"CONTEXT:  line 2 of configuration file \"/p/pg_hba.conf\"\n" + when + "FATAL:  could not load pg_hba.conf\n" + engineTrace, "",
			"FATAL: could not load pg_hba.conf; LOG: invalid CIDR mask in address \"10.77.0.1/33\"; CONTEXT: line 2 of", "polardb_hba"},
		"a port": {engineNoise + when + "LOG:  could not bind IPv4 address \"0.0.0.0\": Address already in use\n" + when +
			"HINT:  Is another postmaster already running on port 5999? If not, wait a few seconds and retry.\n" + when +
			"WARNING:  could not create listen socket for \"*\"\n" + when + "FATAL:  could not create any TCP/IP sockets\n" + engineTrace, "",
			"FATAL: could not create any TCP/IP sockets; LOG: could not bind IPv4 address \"0.0.0.0\": Address already in use; " +
				"HINT: Is another postmaster", "ss -ltnp"},
		"a lock": {when + "FATAL:  lock file \"postmaster.pid\" already exists\n" + when +
			"HINT:  Is another postmaster (PID 6744) running in data directory \"/p\"?\n" + engineTrace, "",
			"FATAL: lock file \"postmaster.pid\" already exists; HINT: Is another postmaster (PID 6744)", "a crash left postmaster.pid behind"},
		"a library": {when + "FATAL:  could not load library \"/x/lib/polar_worker.so\": libpq.so.5: cannot open shared object file: " +
			"No such file or directory\n", "", "FATAL: could not load library", "check.yml"},
		"the linker": {"/x/bin/postgres: error while loading shared libraries: libprotobuf.so.32: cannot open shared object file: " +
			"No such file or directory\n", "Result=exit-code\nExecMainStatus=127\n",
			"/x/bin/postgres: error while loading shared libraries: libprotobuf.so.32", "check.yml"},
		"permissions": {engineNoise + when +
			"PANIC:  could not open control file \"file-dio:///p//global/pg_control\": Permission denied\n" + engineTrace,
			"Result=core-dump\nExecMainStatus=6\n",
			"PANIC: could not open control file \"file-dio:///p//global/pg_control\": Permission denied; ", "engine's account"},
		"the mode": {when + "FATAL:  data directory \"/p\" has invalid permissions\n" + when +
			"DETAIL:  Permissions should be u=rwx (0700) or u=rwx,g=rx (0750).\n", "",
			"FATAL: data directory \"/p\" has invalid permissions; DETAIL: Permissions should be", "0700"},
		"the file": {"postgres: could not access the server configuration file \"/p/postgresql.conf\": Permission denied\n", "",
			"postgres: could not access the server configuration file", "engine's account"},
		"a disk": {when + "FATAL:  could not write lock file \"postmaster.pid\": No space left on device\n", "",
			"FATAL: could not write lock file \"postmaster.pid\": No space left on device", "the disk is full"},
		"a sum": {"postgres: superuser_reserved_connections (3) plus max_wal_senders (64) must be less than " +
			"max_connections (12)\n", "Result=exit-code\nExecMainStatus=1\n", "postgres: superuser_reserved_connections (3) plus",
			"polardb_settings"},
		"oom":          {engineNoise, "Result=oom-kill\nExecMainStatus=9\n", "it was killed because memory ran out", "limit"},
		"a time limit": {engineNoise, "Result=timeout\nExecMainStatus=2\n", "a time limit of the unit ended it", "limit"},
		"a kill":       {engineNoise, "Result=signal\nExecMainStatus=9\n", "it was ended by signal 9 (SIGKILL)", "limit"},
		"processor":    {engineNoise, "Result=signal\nExecMainStatus=24\n", "it was ended by signal 24 (SIGXCPU): LimitCPU", "limit"},
		"clients": {when + "FATAL:  the database system is starting up\n" + when +
			"FATAL:  no pg_hba.conf entry for host \"1.2.3.4\"\n" + when + "FATAL:  the one thing\n", "", "FATAL: the one thing; ", ""},
		"no tabs": {when + "FATAL:  the one thing\n" + strings.NewReplacer("\t", "", ":  \n", ":\n").Replace(engineTrace), "",
			"FATAL: the one thing; the server ended", ""},
		"two lines": {when + "FATAL:  the one thing\n\tand its other half\n" + engineTrace, "",
			"FATAL: the one thing and its other half; the server ended", ""},
	} {
		f := parseStartReport("the server ended right after it was started\n@@log\n" + c.log + "@@unit\n" + c.unit +
			"@@holder\n@@full\n").failure()
		if !strings.HasPrefix(f.Msg, c.want) && !strings.Contains(f.Msg, "; "+c.want) || (c.hint == "") != (f.Hint == "") ||
			!strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %s (%s)\nwant it to begin with %s", name, f.Msg, f.Hint, c.want)
		}
		if strings.Contains(f.Msg, "0x5") || strings.Contains(f.Msg, "polar_resource_group") ||
			!strings.HasSuffix(f.Msg, "the server ended right after it was started") {
			t.Errorf("%s: %s", name, f.Msg)
		}
	}
}

// A log of an earlier start is not read, wherever the settings put it; nor is what was in a file before.
func TestOnlyWhatThisStartWroteIsRead(t *testing.T) {
	s := testService(t)
	elsewhere := t.TempDir() + "/of the server"
	taskstest.MustWrite(t, s.args.Pgdata+"/postgresql.conf", "port = 1\nlog_directory = '"+elsewhere+"' # here\n")
	taskstest.MustWrite(t, s.args.Pgdata+"/pg_log/old_error.log", when+"FATAL:  an old one\n")
	taskstest.MustWrite(t, elsewhere+"/a.log", when+"FATAL:  another old one\n")
	out, err := taskstest.Sh(t, s.args.change("")+"BEFORE=$(sizes)\nprintf '%s\\n' '"+when+"FATAL:  the new one' >>'"+elsewhere+
		"/a.log'\nprintf '%s\\n' '"+when+"LOG:  nothing' >\"$PGDATA/pg_log/new_audit.log\"\nnews\n")
	if err != nil || out != when+"FATAL:  the new one\n" {
		t.Errorf("%v %q", err, out)
	}
}

func TestWhoHasTheNumberInPostmasterPidIsSaid(t *testing.T) {
	s := testService(t)
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	taskstest.MustWrite(t, s.args.Pgdata+"/postmaster.pid", strconv.Itoa(other.Process.Pid)+"\n"+s.args.Pgdata+"\n")
	out, err := taskstest.Sh(t, s.args.change("")+"journal() { :; }\nsystemctl() { echo Result=exit-code; }\nBEFORE=\nexplain\n")
	if err != nil {
		t.Fatal(err, out)
	}
	r := parseStartReport(out)
	want := "postmaster.pid names the process " + strconv.Itoa(other.Process.Pid) + ", which is not a server of this directory but sleep of "
	if !strings.HasPrefix(r.holder, want) || r.unit["Result"] != "exit-code" {
		t.Errorf("%+v\n%s", r, out)
	}
	if err := os.Remove(s.args.Pgdata + "/postmaster.pid"); err != nil {
		t.Fatal(err)
	}
}
