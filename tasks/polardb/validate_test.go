package polardb

import (
	"reflect"
	"strings"
	"testing"
)

func testValidate(files map[string]string) *validateAction {
	return &validateAction{
		args: &validateArgs{NodeArgs: NodeArgs{Pgdata: "/p/data", Polardata: "/p/polar", Home: "/opt/polardb", User: "polardb",
			Port: 5432, Cluster: "demo"}, AutoConf: "keep"},
		files: files,
	}
}

func TestReadConf(t *testing.T) {
	got := readConf("# a = b\nwork_mem = '8MB' # c\nPort 5433\n\nodd = 'it''s \\\\ it'\n  x.y=on#z\n= 5\nhalf = 'x\nwork_mem=9MB")
	want := []confLine{{"work_mem", "8MB", 2}, {"port", "5433", 3}, {"odd", `it's \ it`, 5}, {"x.y", "on", 6}, {"work_mem", "9MB", 9}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if all := confSettings("a = 1\nb = 2\n", "A = 3\n"); all["a"].Value != "3" || all["b"].Value != "2" {
		t.Errorf("%v", all)
	}
	if text := withoutSettings("# head\na = 1\nb = '2'\na = 3\n", map[string]bool{"a": true}); text != "# head\nb = '2'\n" {
		t.Errorf("%q", text)
	}
}

const tookThem = "2026 [1] LOG:  polardb try start vfs process\n2026 [1] FATAL:  database files are incompatible with server\n"

func TestWhatTheEngineSaysOfFilesIsTold(t *testing.T) {
	const noMemory = "2026 [1] FATAL:  could not map anonymous shared memory: Cannot allocate memory\n" +
		"2026 [1] HINT:  To reduce the request size (currently 8000000 bytes), reduce it.\n"
	for name, c := range map[string]struct {
		trial trial
		want  string // of the reasons; empty: none
		doubt string
	}{
		"taken": {trial{log: tookThem}, "", ""},
		"nothing said": {trial{log: "2026 [1] LOG:  something\n", status: 124}, "",
			"could not be told: it ended with the status 124"},
		"memory":                 {trial{log: noMemory}, "could not map anonymous shared memory", ""},
		"memory beside a server": {trial{log: noMemory, again: noMemory, memory: map[string]int64{"MemTotal": 9000000}}, "", ""},
		"too much beside a server": {trial{log: noMemory, again: noMemory, memory: map[string]int64{"MemTotal": 7000000}},
			"could not map anonymous shared memory", ""},
		"huge pages it holds": {trial{log: noMemory, again: tookThem, memory: map[string]int64{"HugePages_Total": 4,
			"Hugepagesize": 2 << 20}}, "", ""},
		"huge pages that are not": {trial{log: noMemory, again: tookThem, memory: map[string]int64{"HugePages_Total": 3,
			"Hugepagesize": 2 << 20}}, "could not map anonymous shared memory", ""},
		"a typo": {trial{log: "[1] LOG:  unrecognized configuration parameter \"wrok_mem\" in " +
			"file \"/run/polarbook.x/try/postgresql.conf\" line 3\n" +
			"[1] FATAL:  configuration file \"/run/polarbook.x/try/postgresql.conf\" contains errors\n", names: []string{"work_mem",
			"port"}}, `unrecognized configuration parameter "wrok_mem" in file "postgresql.conf" line 3; did you mean "work_mem"?`, ""},
		"a typo that is ignored": {trial{log: "[1] NOTICE:  unrecognized configuration parameter \"polar_wrok\"\n" + tookThem,
			names: []string{"polar_work"}}, "", `does not know polar_wrok and ignores it; did you mean "polar_work"?`},
		"a line": {trial{log: "[1] LOG:  invalid authentication method \"md55\"\n" +
			"[1] CONTEXT:  line 2 of configuration file \"/run/x/try/pg_hba.conf\"\n[1] FATAL:  could not load pg_hba.conf\n",
			files: map[string]string{"pg_hba.conf": "a\nhost all all all md55\n"}},
			`pg_hba.conf line 2 (host all all all md55): invalid authentication method "md55"; did you mean "md5"?`, ""},
		"less than before": {trial{log: tookThem, files: map[string]string{"postgresql.conf": "max_connections = 120\n"},
			control: map[string]string{"max_connections setting": "150"}}, "max_connections cannot go down from 150 to 120", ""},
		"less than the leader": {trial{log: tookThem, leader: map[string]string{"max_connections": "150"}},
			"max_connections cannot go down from 150 to 100", ""},
		"as much": {trial{log: tookThem, files: map[string]string{"postgresql.conf": "max_connections = 150\n"},
			control: map[string]string{"max_connections setting": "150"}, leader: map[string]string{"max_connections": "150"}}, "", ""},
		"more by ALTER SYSTEM": {trial{log: tookThem, files: map[string]string{"postgresql.conf": "max_connections = 120\n",
			"postgresql.auto.conf": "max_connections = '150'\n"}, control: map[string]string{"max_connections setting": "150"}}, "", ""},
		"large segments": {trial{log: tookThem, files: map[string]string{"postgresql.conf": "min_wal_size = 80MB\n"},
			control: map[string]string{"Bytes per WAL segment": "67108864"}},
			`"min_wal_size" must be at least twice "wal_segment_size" (64 MB)`, ""},
		"any address": {trial{log: tookThem,
			files: map[string]string{"postgresql.conf": "listen_addresses = '203.0.113.9'\n"}, local: map[string]bool{"any": true}}, "", ""},
		"a name of this host": {trial{log: tookThem, files: map[string]string{"postgresql.conf": "listen_addresses = 'db1'\n"},
			local: map[string]bool{"name db1 10.0.0.1": true, "10.0.0.1": true}}, "", ""},
		"a name of another": {trial{log: tookThem, files: map[string]string{"postgresql.conf": "listen_addresses = 'db2'\n"},
			local: map[string]bool{"name db2 10.0.0.2": true, "10.0.0.1": true}}, "the host has no such address (db2)", ""},
		"the engine's own absentee": {trial{log: "[1] WARNING:  could not access file \"polar_stat_sql\": No such file or directory\n" +
			tookThem, files: map[string]string{"postgresql.conf": "shared_preload_libraries = 'polar_stat_sql'\n"}}, "", ""},
	} {
		wrong, doubts := testValidate(nil).judge(c.trial)
		if text := strings.Join(wrong, "; "); (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: wrong is %q, want %q", name, text, c.want)
		}
		if text := strings.Join(doubts, "; "); (c.doubt == "") != (text == "") || !strings.Contains(text, c.doubt) {
			t.Errorf("%s: doubts are %q, want %q", name, text, c.doubt)
		}
	}
}

func TestTheEngineIsNotAskedTwice(t *testing.T) {
	v := testValidate(map[string]string{"postgresql.conf": "", "polar_dma.conf": "", "pg_hba.conf": ""})
	p, err := v.Plan(trial{
		same: true,
		files: map[string]string{"postgresql.conf": "work_mem = 8MB\n",
			"postgresql.auto.conf": "# x\nwork_mem = '9MB'\npolar_dma_delay_election = 'on'\nport = 5\n"},
	})
	if err != nil || p.Values["asked"] != false || p.Values["known"] != true || len(p.Warnings) != 2 ||
		!strings.Contains(p.Warnings[1], "work_mem = 9MB in postgresql.auto.conf, which wins; the inventory says 8MB") {
		t.Errorf("%+v %v", p, err)
	}
	v.args.AutoConf = "reset"
	found := trial{
		same: true,
		files: map[string]string{"postgresql.conf": "work_mem = 8MB\n",
			"postgresql.auto.conf": "# x\nwork_mem = '9MB'\npolar_dma_delay_election = 'on'\n"},
	}
	if p, err = v.Plan(found); err != nil || len(p.Warnings) != 0 || p.Values["auto_conf_text"] != "# x\npolar_dma_delay_election = 'on'\n" {
		t.Errorf("%+v %v", p, err)
	}
	v.args.AutoConf = "refuse"
	if _, err = v.Plan(found); err == nil || !strings.Contains(err.Error(), "ALTER SYSTEM has set work_mem = 9MB") {
		t.Errorf("%v", err)
	}
	if p, err = v.Plan(trial{
		nothing: "the engine is not installed",
	}); err != nil || p.Change || p.Unknown != "" || p.Values["known"] != false {
		t.Errorf("%+v %v", p, err)
	}
}

func TestThePortOfAMemberStays(t *testing.T) {
	v := testValidate(nil)
	s := NodeState{
		Marked:        true,
		Step:          stepMeta,
		MarkerCluster: "demo",
		Version:       "11",
		Control:       true,
		Meta:          true,
		MetaMembers:   "10.0.0.1:15432#5N;10.0.0.2:15433#5N@2",
	}
	_, err := v.Plan(trial{node: s, nothing: "the engine is not installed"})
	if err == nil ||
		!strings.Contains(err.Error(), "polardb_port is 5432, and the node is a member at 10.0.0.2:5433: the port of a member cannot change") {
		t.Errorf("%v", err)
	}
	for _, members := range []string{"10.0.0.2:15433#5N;10.0.0.1:15432#5N@2", "10.0.0.1:15432#5N", "", "nonsense"} {
		s.MetaMembers = members
		if _, err := v.Plan(trial{node: s, nothing: "none"}); err != nil {
			t.Errorf("%s: %v", members, err)
		}
	}
	// What a copy brought along is the leader's.
	s.MetaMembers, s.Step = "10.0.0.2:15433#5N@1", stepData
	if _, err := v.Plan(trial{node: s, nothing: "none"}); err != nil {
		t.Error(err)
	}
}
