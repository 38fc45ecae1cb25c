package polardb

import (
	"fmt"
	"strings"
	"testing"
)

// running returns a server with these settings, its files as they were when it started.
func running() serverSettings {
	return serverSettings{
		settings: map[string]serverSetting{
			"work_mem": {Value: "4096", Unit: "kB", Context: "user", Type: "integer", Source: "configuration file",
				File: "/d/postgresql.conf", Boot: "4096"},
			"log_min_messages": {Value: "warning", Context: "superuser", Type: "enum", Source: "default", Boot: "warning"},
			"log_checkpoints": {Value: "on", Context: "sighup", Type: "bool", Source: "configuration file",
				File: "/d/postgresql.conf", Boot: "off"},
			"max_connections": {Value: "100", Context: "postmaster", Type: "integer", Source: "configuration file",
				File: "/d/postgresql.conf", Boot: "100"},
			"shared_buffers": {Value: "16384", Unit: "8kB", Context: "postmaster", Type: "integer", Source: "configuration file",
				File: "/d/postgresql.conf", Boot: "1024"},
			"wal_buffers": {Value: "512", Unit: "8kB", Context: "postmaster", Type: "integer", Source: "default", Boot: "-1"},
			"port": {Value: "5432", Context: "postmaster", Type: "integer", Source: "configuration file",
				File: "/d/postgresql.conf", Boot: "5432"},
			"polar_datadir": {Value: "file-dio:///d/polardata", Context: "postmaster", Type: "string",
				Source: "configuration file", File: "/d/polar_node_static.conf"},
			"polar_hostid": {Value: "1", Context: "postmaster", Type: "integer", Source: "configuration file",
				File: "/d/polar_node_static.conf"},
			"polar_dma_delay_election": {Value: "off", Context: "sighup", Type: "bool", Source: "default", Boot: "off"},
			"client_encoding":          {Value: "UTF8", Context: "user", Type: "string", Source: "client", Boot: "SQL_ASCII"},
			"server_version":           {Value: "11.9", Context: "internal", Type: "string", Source: "default"},
		},
		files: []fileSetting{
			{Name: "work_mem", Value: "4MB", File: "/d/postgresql.conf", Line: "2"}, {Name: "log_checkpoints", Value: "yes",
				File: "/d/postgresql.conf", Line: "3"},
			{Name: "max_connections", Value: "100", File: "/d/postgresql.conf", Line: "4"}, {Name: "shared_buffers", Value: "128MB",
				File: "/d/postgresql.conf", Line: "5"},
			{Name: "port", Value: "5432", File: "/d/postgresql.conf", Line: "6"}, {Name: "polar_dma_repl_passwd", Value: "very-secret",
				File: "/d/polar_dma.conf", Line: "1"},
			{Error: `parameter "polar_disk_name" cannot be changed without restarting the server`},
		},
		unseen: map[string]string{"polar_dma_repl_passwd": "md591d4a15bb3ec6271190d85de682d07cb", "polar_dma_repl_user": "replicator",
			"polar_enable_xlog_buffer": "off"},
	}
}

func TestSettingsInFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files  []fileSetting
		change func(*serverSettings)
		want   string
	}{
		"as started": {want: ""},
		"a reload":   {files: []fileSetting{{Name: "work_mem", Value: "8MB"}}, want: "work_mem reload"},
		"written otherwise": {files: []fileSetting{{Name: "work_mem", Value: "4096"},
			{Name: "log_checkpoints", Value: "true"}}, want: ""},
		"a restart": {files: []fileSetting{{Name: "max_connections", Value: "200",
			Error: "setting could not be applied"}}, change: pends("max_connections"), want: "max_connections restart"},
		"the engine knows its own values": {files: []fileSetting{{Name: "wal_buffers", Value: "-1"}}, want: ""},
		"not a number": {files: []fileSetting{{Name: "max_connections", Value: "many", Error: "setting could not be applied",
			File: "/d/postgresql.conf", Line: "9"}},
			want: "refused /d/postgresql.conf line 9: max_connections = many: setting could not be applied"},
		"not a choice": {files: []fileSetting{{Name: "log_min_messages", Value: "loud",
			Error: "setting could not be applied"}}, want: "refused"},
		"no such setting": {files: []fileSetting{{Name: "nosuch", Value: "1",
			Error: "unrecognized configuration parameter"}}, want: "refused"},
		"broken syntax": {files: []fileSetting{{Error: "syntax error", File: "/d/postgresql.conf", Line: "7"}},
			want: "refused /d/postgresql.conf line 7: syntax error"},
		"a hidden one": {files: []fileSetting{{Name: "polar_enable_xlog_buffer", Value: "on",
			Error: "setting could not be applied"}}, want: "polar_enable_xlog_buffer restart"},
		"a password": {files: []fileSetting{{Name: "polar_dma_repl_passwd", Value: "another-secret",
			Error: "setting could not be applied"}}, want: "polar_dma_repl_passwd restart"},
		"less than a follower needs": {files: []fileSetting{{Name: "max_connections", Value: "80",
			Error: "setting could not be applied"}}, change: pends("max_connections"),
			want: "refused max_connections cannot go down from 100 to 80"},
		"another port": {files: []fileSetting{{Name: "port", Value: "5433", Error: "setting could not be applied"}},
			change: pends("port"), want: "refused port is 5432 and would become 5433"},
		"another POLARDATA": {files: []fileSetting{{Name: "polar_datadir", Value: "file-dio:///e",
			Error: "setting could not be applied"}}, change: pends("polar_datadir"), want: "refused polar_datadir"},
		"another host id": {files: []fileSetting{{Name: "polar_hostid", Value: "2", Error: "setting could not be applied"}},
			change: pends("polar_hostid"), want: "pinned polar_hostid"},
		"a newer engine's": {files: []fileSetting{{Name: "polar_enable_wal_prefetch", Value: "off"}},
			want: "ignored polar_enable_wal_prefetch"},
		"a session's own":           {files: []fileSetting{{Name: "client_encoding", Value: "LATIN1"}}, want: ""},
		"taken out, needs a reload": {change: without("log_checkpoints"), want: "log_checkpoints reload"},
		"taken out, needs a restart": {change: func(s *serverSettings) {
			without("shared_buffers")(s)
			pends("shared_buffers")(s)
		}, want: "shared_buffers restart"},
		"taken out, the engine's word": {files: []fileSetting{{Error: `parameter "shared_buffers" cannot be changed without restarting the server`}}, change: without("shared_buffers"), want: "shared_buffers restart"},
		"ALTER SYSTEM wins": {files: []fileSetting{{Name: "polar_dma_delay_election", Value: "off", File: "/d/polar_dma.conf"},
			{Name: "polar_dma_delay_election", Value: "on", File: "/d/postgresql.auto.conf"}},
			want: "polar_dma_delay_election reload"},
	} {
		s := running()
		s.files = append(s.files, c.files...)
		if c.change != nil {
			c.change(&s)
		}
		checkSettings(t, name, compareSettings(s, nil, false), c.want)
	}
}

func TestSettingsWanted(t *testing.T) {
	same := map[string]string{
		"work_mem":              "4MB",
		"log_checkpoints":       "on",
		"max_connections":       "100",
		"shared_buffers":        "128MB",
		"port":                  "5432",
		"polar_dma_repl_passwd": "very-secret",
	}
	for name, c := range map[string]struct {
		set, value string
		auto       string
		want       string
	}{
		"as it is":           {},
		"a reload":           {set: "work_mem", value: "8MB", want: "work_mem reload"},
		"a restart":          {set: "max_connections", value: "200", want: "max_connections restart"},
		"less":               {set: "max_connections", value: "50", want: "refused max_connections cannot go down"},
		"hidden":             {set: "polar_enable_xlog_buffer", value: "on", want: "polar_enable_xlog_buffer restart"},
		"a password":         {set: "polar_dma_repl_passwd", value: "another-secret", want: "polar_dma_repl_passwd restart"},
		"a typo":             {set: "wrok_mem", value: "8MB", want: "refused the engine has no setting wrok_mem"},
		"not for files":      {set: "server_version", value: "12", want: "refused server_version"},
		"ALTER SYSTEM rules": {set: "work_mem", value: "8MB", auto: "4MB", want: ""},
	} {
		s, wanted := running(), map[string]string{}
		for k, v := range same {
			wanted[k] = v
		}
		if c.set != "" {
			wanted[c.set] = c.value
		}
		if c.auto != "" {
			s.files = append(s.files, fileSetting{Name: c.set, Value: c.auto, File: "/d/postgresql.auto.conf"})
		}
		checkSettings(t, name, compareSettings(s, wanted, false), c.want)
	}
}

func TestWhatAlterSystemSetIsNamedOrTakenBack(t *testing.T) {
	s := running()
	s.files = append(s.files, fileSetting{
		Name:  "work_mem",
		Value: "33MB",
		File:  "/d/postgresql.auto.conf",
	}, fileSetting{Name: "polar_dma_delay_election", Value: "on", File: "/d/postgresql.auto.conf"})
	wanted := map[string]string{"work_mem": "8MB"}
	for _, c := range compareSettings(s.without("keep"), wanted, true).changes {
		if c.To != "33MB" || !c.Override {
			t.Errorf("kept: %+v", c)
		}
	}
	r := compareSettings(s.without("reset"), wanted, true)
	if len(r.changes) != 1 || r.changes[0].To != "8MB" || r.changes[0].Override {
		t.Errorf("taken back: %+v", r.changes)
	}
	if left := s.without("reset").files; len(left) != 1+len(running().files) || left[len(left)-1].Name != "polar_dma_delay_election" {
		t.Errorf("%+v", left)
	}
}

func TestSettingsWantedInPart(t *testing.T) {
	checkSettings(t, "one that is so", compareSettings(running(), map[string]string{"max_connections": "100"}, true), "")
	checkSettings(t, "one that is not", compareSettings(running(), map[string]string{
		"max_connections": "200",
	}, true), "max_connections restart")
}

func pends(name string) func(*serverSettings) {
	return func(s *serverSettings) {
		one := s.settings[name]
		one.Pending = true
		s.settings[name] = one
	}
}

func without(name string) func(*serverSettings) {
	return func(s *serverSettings) {
		var left []fileSetting
		for _, f := range s.files {
			if f.Name != name {
				left = append(left, f)
			}
		}
		s.files = left
	}
}

func checkSettings(t *testing.T, name string, r settingsReport, want string) {
	t.Helper()
	var all []string
	for _, c := range r.changes {
		all = append(all, c.Name+" "+c.Needs)
	}
	for what, list := range map[string][]string{"refused": r.refused, "pinned": r.pinned, "ignored": r.ignored} {
		for _, l := range list {
			all = append(all, what+" "+l)
		}
	}
	got := strings.Join(all, "; ")
	if len(all) > 1 || (want == "") != (got == "") || !strings.HasPrefix(got, want) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
	if shown := fmt.Sprint(r); strings.Contains(shown, "-secret") {
		t.Errorf("%s: a password is shown: %s", name, shown)
	}
}

func TestSameValue(t *testing.T) {
	for _, c := range []struct {
		now, to, unit, kind string
		want                bool
	}{
		{"16384", "128MB", "8kB", "integer", true}, {"16384", "127MB", "8kB", "integer", false}, {"5000", "5s", "ms", "integer", true},
		{"60", "1min", "s", "integer", true}, {"-1", "-1", "8kB", "integer", true}, {"0.5", ".50", "", "real", true},
		{"on", "1", "", "bool", true},
		{"on", "off", "", "bool", false}, {"replica", "REPLICA", "", "enum", true}, {"a", "A", "", "string", false},
		{"off", "false", "", "", true},
	} {
		if got := sameValue(c.now, c.to, serverSetting{Unit: c.unit, Type: c.kind}); got != c.want {
			t.Errorf("%q and %q of unit %q are the same: %t", c.now, c.to, c.unit, got)
		}
	}
}
