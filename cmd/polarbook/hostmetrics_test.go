package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/golden"
)

// What the server says to the script that hosts run (templates/polardb-metrics.sh.j2): psql's columns have tabs between.
const serverSays = `server|f|11.9|61.25|||on|always
status|2|3|199|200
meta|10
flushed|1/10
member|192.0.2.1:15432|200|2|9
member|192.0.2.2:15432|198|0|5
member|192.0.2.3:15432|0|0|5
member|192.0.2.4:15432|0|3|5
replica|192.0.2.2|standby_3221225986_5432|streaming|0/FFFFFFF0|0/FFFFFF00|0.0015|86401|0.5
replica|192.0.2.4|walreceiver|streaming|1/20|1/10|||
replica|192.0.2.3|standby_3221225987_5432|startup|||||
pending|1
overridden|0
archiver|3|000000010000000000000001|1795000001.5|1795000000.25
`

// hostMetrics is a host on which the script is run, with programs that stand for those that it needs.
type hostMetrics struct {
	dir, script, conf, out string
}

func newHostMetrics(t *testing.T) hostMetrics {
	t.Helper()
	script, err := filepath.Abs("../../templates/polardb-metrics.sh.j2")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := hostMetrics{dir: dir, script: script, conf: dir + "/conf", out: dir + "/textfile/polardb-shop.prom"}
	for name, text := range map[string]string{
		"bin/runuser":           "#!/bin/sh\n[ \"$1\" = -u ] || exit 1\necho \"$2\" >>" + dir + "/accounts\nshift 3\nexec \"$@\"\n",
		"current/bin/psql":      "#!/bin/sh\ncat >/dev/null\n[ ! -e " + dir + "/down ] || exit 2\ntr '|' '\\t' <" + dir + "/says\n",
		"bin/date":              "#!/bin/sh\necho 1795000060\n",
		"bin/df":                "#!/bin/sh\necho Filesystem; echo /dev/x 1000 700 250 75% /\n",
		"says":                  serverSays,
		"backups/a/backup.json": "{\n  \"cluster\": \"shop\",\n  \"ended\": \"2026-11-18T19:06:41.5+08:00\"\n}\n",
		"backups/b/backup.json": "{\n  \"cluster\": \"shop\",\n  \"ended\": \"2024-02-29T23:59:59Z\"\n}\n",
		"backups/c/backup.json": "{\n  \"cluster\": \"pay\",\n  \"ended\": \"2027-01-01T00:00:00Z\"\n}\n",
		"backups/d/other":       "unfinished",
		"polardata/pg_wal/archive_status/1.ready": "",
		"polardata/pg_wal/archive_status/2.done":  "",
		"polardata/polar_dma/consensus_log/1":     "x",
		"textfile/.polardb-shop.prom.new":         "what a killed run left",
		"pg \"data\"\\/postmaster.pid":            "no number\n",
	} {
		h.write(t, name, text)
	}
	h.settings(t, "follower")
	return h
}

func (h hostMetrics) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (h hostMetrics) settings(t *testing.T, role string) {
	t.Helper()
	text := fmt.Sprintf("cluster\tshop\nnode\ta\nrole\t%s\naddress\t192.0.2.1:5432\nuser\tengine\nwatcher\twatch\nhome\t%[2]s\nport\t5432\n"+
		"pgdata\t%[2]s/pg \"data\"\\\npolardata\t%[2]s/polardata\nbackups\t%[2]s/backups\nfile\t%[3]s\n", role, h.dir, h.out)
	for i, node := range []string{"a", "b", "c"} {
		text += fmt.Sprintf("member\t%s\t192.0.2.%d:15432\tstandby_%d_5432\t192.0.2.%[2]d\n", node, i+1, 3221225985+i)
	}
	h.write(t, "conf", text)
}

func (h hostMetrics) run(t *testing.T, shell []string) string {
	t.Helper()
	c := exec.Command(shell[0], append(shell[1:], h.script, h.conf)...)
	c.Env = append(os.Environ(), "PATH="+h.dir+"/bin:"+os.Getenv("PATH"))
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %v, %s", shell, err, out)
	}
	text, err := os.ReadFile(h.out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), h.dir, "/srv")
}

// TestHostMetrics: what a host tells by itself has the names, labels and words of polarbook metrics, in every shell, and is whole.
func TestHostMetrics(t *testing.T) {
	known := told(t)
	words, err := os.ReadFile("testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		h := newHostMetrics(t)
		text := h.run(t, shell)
		var sizes []string // du counts blocks, which differ with the file system
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "polardb_node_wal_bytes") && !strings.HasPrefix(line, "polardb_node_consensus_log_bytes") {
				sizes = append(sizes, line)
			}
		}
		golden.Check(t, "testdata/hostmetrics.golden", strings.Join(sizes, ""))
		for name, labels := range labelsOf(text) {
			if known[name] != labels {
				t.Errorf("%v: %s has the labels %s, of polarbook metrics %q", shell, name, labels, known[name])
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "# HELP ") && !strings.Contains(string(words), line) {
				t.Errorf("%v: polarbook metrics has other words than %s", shell, line)
			}
		}
		for name := range known {
			control := name == "polardb_cluster_up" || name == "polardb_cluster_has_leader" || name == "polardb_cluster_differences"
			if _, there := labelsOf(text)[name]; there == control {
				t.Errorf("%v: %s is told by the host: %t", shell, name, there)
			}
		}
		if left, _ := os.ReadDir(h.dir + "/textfile"); len(left) != 1 {
			t.Errorf("%v: beside the metrics lie %v", shell, left)
		}
		accounts, _ := os.ReadFile(h.dir + "/accounts")
		if string(accounts) != "engine\nwatch\n" {
			t.Errorf("%v: it was read as %q", shell, accounts)
		}

		h.write(t, "down", "")
		down := h.run(t, shell)
		for _, want := range []string{`polardb_node_up{cluster="shop",node="a"} 0`, `polardb_node_role{cluster="shop",node="a",role="leader"} 0`} {
			if !strings.Contains(down, want+"\n") {
				t.Errorf("%v: of a server that is down there is no %s among\n%s", shell, want, down)
			}
		}
		if strings.Contains(down, "voters") || strings.Contains(down, "term") {
			t.Errorf("%v: of a server that is down it tells\n%s", shell, down)
		}

		// A link that somebody else put where it writes is not followed.
		h.write(t, "precious", "kept")
		if err := os.Symlink(h.dir+"/precious", h.dir+"/textfile/.polardb-shop.prom.new"); err != nil {
			t.Fatal(err)
		}
		h.run(t, shell)
		if kept, _ := os.ReadFile(h.dir + "/precious"); string(kept) != "kept" {
			t.Errorf("%v: it wrote through a link", shell)
		}
		if err := os.WriteFile(h.conf, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(shell[0], append(shell[1:], h.script, h.conf)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "no file of settings") {
			t.Errorf("%v: without settings: %v, %s", shell, err, out)
		}
	}
}
