package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		line, name, value string
		ok                bool
		bad               string
	}{
		{"", "", "", false, ""},
		{"  # comment", "", "", false, ""},
		{"port = 5432", "port", "5432", true, ""},
		{"port 5432 # comment", "port", "5432", true, ""},
		{"Max_Connections=100\t\t# (change requires restart)", "max_connections", "100", true, ""},
		{"x = 'it''s # no \\' comment' # yes", "x", "it's # no ' comment", true, ""},
		{"polar_vfs.localfs_mode = on", "polar_vfs.localfs_mode", "on", true, ""},
		{"x = 'open", "", "", false, "'open"},
		{"x = a b", "", "", false, "b"},
		{"x =", "", "", false, "x"},
		{"= 5", "", "", false, "="},
	} {
		name, value, ok, bad := ParseLine(c.line)
		if name != c.name || value != c.value || ok != c.ok || bad != c.bad {
			t.Errorf("%q: %q %q %v %q", c.line, name, value, ok, bad)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("a = 'b''c' # d")
	f.Add("a b\tc")
	f.Fuzz(func(t *testing.T, line string) {
		name, value, ok, _ := ParseLine(line)
		if !ok || strings.ContainsAny(line, "\n") {
			return
		}
		quoted := name + " = '" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(value) + "'"
		if again, same, ok, bad := ParseLine(quoted); !ok || again != name || same != value {
			t.Errorf("%q gave %q; quoted %q gives %q (%v %q)", line, value, quoted, same, ok, bad)
		}
	})
}

func TestLoad(t *testing.T) {
	directory := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("postgresql.conf", "port = 1\nwork_mem = 8MB\ninclude_if_exists 'none.conf'\ninclude 'more.conf'\npolar_unheard_of = 1\n")
	write("more.conf", "port = 2\npolar_dma_election_timeout = 5s\n")
	write("postgresql.auto.conf", "work_mem = '16MB'\n")
	write("polar_dma.conf", "polar_enable_dma = true\npolar_dma_election_timeout = 1s\n")
	f, err := Load(directory, []Override{{"port", "3"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"port": "3", "work_mem": "16384", "polar_enable_dma": "on", "polar_dma_election_timeout": "1000",
	} {
		if got := f.Values[name].Text; got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	if Display("work_mem", "16384") != "16MB" || Display("polar_dma_election_timeout", "1500") != "1500ms" ||
		Display("shared_buffers", "4096") != "32MB" {
		t.Error("Display")
	}
	if len(f.Notices) != 1 {
		t.Errorf("notices %v", f.Notices)
	}
	write("more.conf", "unheard_of = 1\n")
	if _, err := Load(directory, nil); err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "unheard_of"`) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestHBA(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pg_hba.conf")
	text := "local all all peer\nhost all bob 10.0.0.0/8 reject\nhost all all 10.0.0.0 255.0.0.0 md5\n" +
		"host replication replicator 10.1.0.1/32 md5\nhost all all nonsense/99 md5\n" +
		"host \"all\" all 12.0.0.0/8 md5\nhost postgres,\"x y\" carol, \"d\"\"e #f\", \"all\" 12.0.0.0/8 md5 # with a comment\n" +
		"host all +ops all trust\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := LoadHBA(name)
	if err != nil {
		t.Fatal(err)
	}
	member := func(role string) bool { return role == "ops" }
	for _, c := range []struct {
		address, user string
		replication   bool
		line          int
	}{
		{"", "alice", false, 1}, {"10.2.3.4", "bob", false, 2}, {"10.2.3.4", "alice", false, 3}, {"10.1.0.1", "replicator", true, 4},
		{"10.1.0.2", "replicator", true, 0}, {"11.0.0.1", "carol", false, 8},
		{"12.0.0.1", "dora", false, 8}, {"12.0.0.1", `d"e #f`, false, 7}, {"12.0.0.1", "all", false, 7},
	} {
		l := Login{Database: "postgres", User: c.user, Replication: c.replication, MemberOf: member}
		if c.address != "" {
			l.Address = netip.MustParseAddr(c.address)
		}
		got := 0
		if h := Match(lines, l); h != nil {
			got = h.Number
		}
		if got != c.line {
			t.Errorf("%s from %q: line %d, want %d", c.user, c.address, got, c.line)
		}
	}
	if lines[4].Error == "" {
		t.Error("a bad address passed")
	}
}

func TestFilesInTheEnginesOrder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"postgresql.conf": "work_mem = 1MB\n", "other.conf": "work_mem = 2MB\n",
		"polar_dma.conf": "polar_dma_election_timeout = 1s\n", "postgresql.auto.conf": "polar_dma_election_timeout = '3s'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Load(dir, nil)
	if err != nil || files.Values["polar_dma_election_timeout"].Text != "3000" {
		t.Errorf("ALTER SYSTEM does not win over polar_dma.conf: %+v, %v", files.Values["polar_dma_election_timeout"], err)
	}
	files, err = Load(dir, []Override{{Name: "config_file", Value: filepath.Join(dir, "other.conf")}})
	if err != nil || files.Values["work_mem"].Text != "2048" {
		t.Errorf("another postgresql.conf is not read: %+v, %v", files.Values["work_mem"], err)
	}
}
