package polardb

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestReadOptions(t *testing.T) {
	for line, want := range map[string]string{
		"postgres|-D|/data":                                  " / ",
		"postgres|-D/data|-p|5433":                           "port=5433 / ",
		"postgres|-D|/data|-p5433|-c|work_mem = 8MB":         "port=5433 work_mem=8MB / ",
		"postgres|--work-mem=8MB|-i|-k|/tmp|-D|/data":        "work_mem=8MB listen_addresses=* unix_socket_directories=/tmp / ",
		"postgres|-D|/data|-c|config_file=/etc/postgres.cnf": "config_file=/etc/postgres.cnf / config_file",
		"postgres|-D|/data|-F|-O|more|--single":              " / -F -O more --single",
		"postgres|-D|/data|-c|polar_enable_dma":              " / -c",
	} {
		settings, stray := readOptions(strings.Split(line, "|"))
		var got []string
		for _, s := range settings {
			got = append(got, s.Name+"="+s.Value)
		}
		if text := strings.Join(got, " ") + " / " + strings.Join(stray, " "); text != want {
			t.Errorf("%s: %q, want %q", line, text, want)
		}
	}
}

func TestConninfoText(t *testing.T) {
	for text, want := range map[string]string{"plain": "plain", `'two words'`: "two words", `it\'s`: "it's", `a\\b`: `a\b`, `'a\'b'`: "a'b", "": ""} {
		if got := conninfoText(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// A server's files are read with what they include, in the engine's order, and no more of them than is reasonable.
func TestConfReader(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: reads as another account, so it needs root")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Open(t, dir)
		write := func(name, text string) {
			if err := os.MkdirAll(filepath.Dir(dir+"/"+name), 0o755); err != nil {
				t.Fatal(err)
			}
			taskstest.MustWrite(t, dir+"/"+name, text)
			taskstest.Open(t, filepath.Dir(dir+"/"+name))
			if err := os.Chmod(dir+"/"+name, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("postgresql.conf", "# a comment\nwork_mem = 4MB # why\nInclude 'more/one.conf'\ninclude_if_exists = none.conf\ninclude_dir 'more'\nshared_buffers 1GB\n")
		write("more/one.conf", "work_mem = '8MB'\ninclude 'two'\n")
		write("more/two", "log_line_prefix = '%m ''x'' {{ y }}'\n")
		write("more/z.conf", "max_connections = 300\n")
		write("loop.conf", "include loop.conf\n")
		write("secret.conf", "a.b = 1\n")
		if err := os.Chmod(dir+"/secret.conf", 0o600); err != nil {
			t.Fatal(err)
		}
		r := &confReader{h: h, owner: "nobody"}
		list, err := r.settings(t.Context(), dir+"/postgresql.conf", 0)
		got := ""
		for _, s := range list {
			got += s.Name + "=" + s.Value + " "
		}
		want := "work_mem=4MB work_mem=8MB log_line_prefix=%m 'x' {{ y }} work_mem=8MB log_line_prefix=%m 'x' {{ y }} max_connections=300 shared_buffers=1GB "
		if err != nil || r.fault != "" || got != want {
			t.Errorf("read %q (%s), %v; want %q", got, r.fault, err, want)
		}
		n := foundNode{Settings: list}
		if v := n.setting("work_mem"); v != "8MB" {
			t.Errorf("work_mem is %q", v)
		}
		if list, err := r.settings(t.Context(), dir+"/secret.conf", 0); err != nil || len(list) > 0 {
			t.Errorf("a file that the account cannot read: %v, %v", list, err)
		}
		if _, err := r.settings(t.Context(), dir+"/loop.conf", 0); err != nil || !strings.Contains(r.fault, "include each other") {
			t.Errorf("a loop: %q, %v", r.fault, err)
		}
	})
}

func TestChooseServer(t *testing.T) {
	server := func(dir string) discoveredServer {
		return discoveredServer{PID: 7, Pgdata: dir, Given: dir, Port: "5432", Account: "pg", Prefix: "/opt/pg",
			Command: []byte("postgres\n-D\n" + dir + "\n")}
	}
	note, _ := json.Marshal(&foundNode{Pgdata: "/a/pgdata", Account: "pg"})
	type marker = struct {
		Pgdata  string `answer:"marker"`
		Cluster string `answer:"marker.cluster"`
	}
	type noted = struct {
		Pgdata string `answer:"note"`
		Text   []byte `answer:"note.text"`
		Done   bool   `answer:"note.done"`
	}
	for name, c := range map[string]struct {
		found         discovered
		pgdata, fault string
		ours, begun   bool
		chosen        string
	}{
		"nothing":              {fault: "no server of PolarDB runs"},
		"one":                  {found: discovered{Servers: []discoveredServer{server("/a/pgdata")}}, chosen: "/a/pgdata"},
		"one, by default":      {found: discovered{Servers: []discoveredServer{server("/a/pgdata")}}, pgdata: defaultPgdata, chosen: "/a/pgdata"},
		"two":                  {found: discovered{Servers: []discoveredServer{server("/a/pgdata"), server("/b/pgdata")}}, fault: "/a/pgdata and /b/pgdata"},
		"two, of which one":    {found: discovered{Servers: []discoveredServer{server("/a/pgdata"), server("/b/pgdata")}}, pgdata: "/b/pgdata", chosen: "/b/pgdata"},
		"another than is said": {found: discovered{Servers: []discoveredServer{server("/a/pgdata")}}, pgdata: "/c/pgdata", fault: "no server runs in /c/pgdata"},
		"ours": {found: discovered{Servers: []discoveredServer{server("/a/pgdata")}, Markers: []marker{{"/a/pgdata", "demo"}}}, ours: true,
			chosen: "/a/pgdata"},
		"another cluster's": {found: discovered{Servers: []discoveredServer{server("/a/pgdata")}, Markers: []marker{{"/a/pgdata", "other"}}},
			fault: "of the cluster other"},
		"ours, stopped": {found: discovered{Markers: []marker{{"/a/pgdata", "demo"}}}, ours: true, chosen: "/a/pgdata"},
		"begun": {found: discovered{Servers: []discoveredServer{server("/a/pgdata")}, Markers: []marker{{"/a/pgdata", "demo"}},
			Notes: []noted{{"/a/pgdata", note, false}}}, begun: true, chosen: "/a/pgdata"},
		"begun, stopped": {found: discovered{Notes: []noted{{"/a/pgdata", note, false}}}, begun: true, chosen: "/a/pgdata"},
		"done":           {found: discovered{Notes: []noted{{"/a/pgdata", note, true}}}, begun: true, ours: true, chosen: "/a/pgdata"},
		"a spoiled note": {found: discovered{Notes: []noted{{"/a/pgdata", []byte("{"), false}}}, fault: "cannot be read"},
	} {
		node, _ := c.found.choose(&discoverArgs{Cluster: "demo", Pgdata: c.pgdata})
		if (c.fault == "") != (node.Fault == "") || !strings.Contains(node.Fault, c.fault) || node.Ours != c.ours || node.Begun != c.begun ||
			node.Pgdata != c.chosen {
			t.Errorf("%s: %+v", name, node)
		}
	}
}
