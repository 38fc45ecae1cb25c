package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

const textfiles = "/var/lib/prometheus/node-exporter/polardb-watched.prom"

// TestWatch: hosts tell their metrics by themselves, under the names and labels of polarbook metrics, and Prometheus raises the alarm. One
// is a logger's, which tells less.
func TestWatch(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{User: "dba", Cluster: "watched", Specs: site.Hosts("node1", "node2", "node3")})
	s.Set("node1", site.Vars{"polardb_bootstrap": true})
	s.Set("node3", site.Vars{"polardb_role": "logger"})
	s.SetAll(site.Vars{"polardb_metrics_interval": 1})
	s.Run(2, "metrics.yml").Says("holds no node of this cluster").Unchanged()
	s.Run(0, "new-cluster.yml")

	s.Subtest(t, "what makes no sense is refused, and check mode changes nothing", func(t *testing.T) {
		for _, wrong := range []string{"state=gone", "polardb_watcher=polardb", "polardb_metrics_interval=0", "polardb_metrics_directory=here"} {
			s.Run(2, "metrics.yml", "-e", wrong).Says("state is present or absent").Unchanged()
		}
		s.Run(0, "metrics.yml", "--check", "--diff").Says("polardb-watched-metrics.timer")
		for _, n := range s.Names() {
			if found := s.On(n, "ls /etc/systemd/system/polardb-watched-metrics* "+textfiles+" 2>/dev/null; grep polardb_watch /etc/passwd; true"); found != "" {
				t.Errorf("--check made on %s: %s", n, found)
			}
		}
	})
	s.Subtest(t, "metrics", func(t *testing.T) {
		s.Run(0, "metrics.yml").Says("no node_exporter runs here").Changed()
		s.Run(0, "metrics.yml").Unchanged(s.Names()...)
		s.Whole()
		leader := s.Leader()
		var told string
		s.Eventually("the leader's host tells that two follow", func() error {
			told = s.On(leader, "cat "+textfiles)
			if !strings.Contains(told, `polardb_cluster_voters_alive{cluster="watched"} 3`) {
				return fmt.Errorf("%s", told)
			}
			return nil
		})
		control := s.Polarbook(0, "metrics").Stdout
		for _, n := range s.Names() {
			text := s.On(n, "cat "+textfiles)
			for name, labels := range metricNames(text) {
				if known := metricNames(control)[name]; known != labels {
					t.Errorf("%s tells %s with the labels %s, polarbook metrics with %q", n, name, labels, known)
				}
			}
			role := map[string]string{leader: "leader", "node3": "logger"}[n]
			wanted := []string{`polardb_node_up{cluster="watched",node="` + n + `"} 1`, "polardb_node_wal_bytes{", "polardb_node_consensus_log_bytes{",
				`polardb_node_role{cluster="watched",node="` + n + `",role="` + cmp.Or(role, "follower") + `"} 1`}
			if role != "logger" {
				wanted = append(wanted, "polardb_node_term{")
			}
			for _, want := range wanted {
				if !strings.Contains(text, want) {
					t.Errorf("of %s there is no %s among\n%s", n, want, text)
				}
			}
			where := "grep -rlF -e '" + s.Password + "' " + textfiles +
				" /etc/polardb-watched-metrics.conf /opt/polardb/polardb-watched-metrics /etc/systemd/system; true"
			if found := s.On(n, where); found != "" {
				t.Errorf("the password lies on %s in %s", n, found)
			}
			if got := s.On(n, "stat -c '%U %a' "+textfiles+" /opt/polardb/polardb-watched-metrics"); got != "root 644\nroot 755\n" {
				t.Errorf("on %s the files belong to %q", n, got)
			}
		}
		for _, name := range []string{"polardb_node_replay_lag_bytes", "polardb_node_weight", "polardb_node_match_index",
			"polardb_node_archiving", "polardb_node_delay_election"} {
			if metricNames(told)[name] == "" {
				t.Errorf("the leader's host does not tell %s:\n%s", name, told)
			}
		}
	})
	s.Subtest(t, "a logger that is down", func(t *testing.T) {
		says := func(up, alive string) {
			t.Helper()
			s.Eventually("the logger is "+up, func() error {
				own, leaders := s.On("node3", "cat "+textfiles), s.On(s.StatusNow().Leader, "cat "+textfiles)
				if !strings.Contains(own, `polardb_node_up{cluster="watched",node="node3"} `+up) ||
					!strings.Contains(leaders, `polardb_cluster_voters_alive{cluster="watched"} `+alive) {
					return fmt.Errorf("it tells\n%s\nand the leader's host\n%s", own, leaders)
				}
				return nil
			})
		}
		s.On("node3", "systemctl stop "+s.Unit())
		says("0", "2")
		s.On("node3", "systemctl start "+s.Unit())
		says("1", "3")
		s.Settles()
	})
	s.Subtest(t, "node_exporter that reads elsewhere", func(t *testing.T) {
		s.On("node2", `printf '#!/bin/sh\nsleep 1000; :\n' >/usr/local/bin/node_exporter; chmod 755 /usr/local/bin/node_exporter
systemd-run --unit=exporter /usr/local/bin/node_exporter --collector.textfile.directory=/elsewhere/`)
		s.Run(0, "metrics.yml").Says("node2: node_exporter reads /elsewhere; start it with").Unchanged(s.Names()...)
		s.On("node2", "systemctl stop exporter; rm /usr/local/bin/node_exporter")
	})
	s.Subtest(t, "alarms", func(t *testing.T) { alarms(t, s) })
	s.Subtest(t, "gone", func(t *testing.T) {
		s.Run(0, "metrics.yml", "-e", "state=absent", "--check").Changed()
		s.Run(0, "metrics.yml", "-e", "state=absent").Changed()
		s.Run(0, "metrics.yml", "-e", "state=absent").Unchanged(s.Names()...)
		left := "ls -A /var/lib/prometheus/node-exporter /etc/polardb-watched-metrics.conf /etc/systemd/system/polardb-watched-metrics* 2>/dev/null | grep polardb; true"
		for _, n := range s.Names() {
			if found := s.On(n, left); found != "" {
				t.Errorf("on %s there is still %s", n, found)
			}
		}
		s.Run(0, "metrics.yml")
		dropped := s.Followers()[0]
		s.Run(0, "drop-node.yml", "-e", "node="+dropped)
		if got := s.On(dropped, "systemctl is-active polardb-watched-metrics.timer; ls "+textfiles+" 2>&1; true"); !strings.Contains(got,
			"inactive\n") || !strings.Contains(got, "No such file") {
			t.Errorf("%s was dropped, and tells metrics still: %s", dropped, got)
		}
		s.Run(0, "destroy.yml", "-e", "confirm=watched")
		for _, n := range s.Names() {
			if found := s.On(n, left); found != "" {
				t.Errorf("after destroy.yml there is on %s still %s", n, found)
			}
		}
		tidy(s)
	})
}

var (
	metricLine = regexp.MustCompile(`(?m)^([a-z_]+)\{(.*)\} [0-9.e+-]+$`)
	metricPair = regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`)
)

// metricNames returns the names of metrics with those of their labels.
func metricNames(text string) map[string]string {
	found := map[string]string{}
	for _, sample := range metricLine.FindAllStringSubmatch(text, -1) {
		var names []string
		for _, pair := range metricPair.FindAllStringSubmatch(sample[2], -1) {
			names = append(names, pair[1])
		}
		found[sample[1]] = strings.Join(names, ",")
	}
	return found
}

// alarms has a Prometheus ask the hosts while the leader dies. The rules are those that come with metrics.yml, but that they wait for
// two seconds.
func alarms(t *testing.T, s *site.Site) {
	site.Long(t)
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("needs prometheus (Debian package of that name)")
	}
	dir := t.TempDir()
	if out, err := exec.Command(site.Program(t), "playbooks", "export", "metrics.yml", "--to", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	rules, err := os.ReadFile(filepath.Join(dir, "roles/polardb/files/polardb-alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	rules = regexp.MustCompile(`for: .*`).ReplaceAll(rules, []byte("for: 2s"))
	// What node_exporter does with the file, for all hosts: a host that cannot be read is one that does not answer.
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := s.Lab.Host(r.URL.Query().Get("host")).Exec(r.Context(), "cat "+textfiles)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	defer exporter.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().String()
	_ = listener.Close()
	config := "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n"
	for _, n := range s.Names() {
		config += fmt.Sprintf("  - {job_name: %s, metrics_path: /metrics, params: {host: [%s]}, static_configs: [{targets: ['%s']}]}\n",
			n, n, strings.TrimPrefix(exporter.URL, "http://"))
	}
	for name, text := range map[string]string{"rules.yml": string(rules), "prometheus.yml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), prometheus, "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data",
		"--web.listen-address="+at)
	var said bytes.Buffer
	run.Stdout, run.Stderr = &said, &said
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = run.Process.Kill()
		_ = run.Wait()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", said.String())
		}
	}()
	// What a new cluster lacks, a backup, is an alarm too, the first elections count, and the disk is the machine's.
	expected := []string{"PolarDBNoBackup", "PolarDBElectionsOften", "PolarDBDiskFilling"}
	firing := func() ([]string, error) {
		response, err := http.Get("http://" + at + "/api/v1/query?query=" + url.QueryEscape(`ALERTS{alertstate="firing"}`))
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		var answer struct {
			Data struct {
				Result []struct{ Metric map[string]string }
			}
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return nil, err
		}
		var all []string
		for _, r := range answer.Data.Result {
			if !slices.Contains(expected, r.Metric["alertname"]) {
				all = append(all, strings.TrimSpace(r.Metric["alertname"]+" "+r.Metric["node"]))
			}
		}
		slices.Sort(all)
		return all, nil
	}
	s.Eventually("Prometheus has asked all hosts, and raises no alarm", func() error {
		response, err := http.Get("http://" + at + "/api/v1/query?query=" + url.QueryEscape("sum(polardb_node_up)"))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var answer bytes.Buffer
		if _, err := answer.ReadFrom(response.Body); err != nil || !strings.Contains(answer.String(), `"3"`) {
			return errors.Join(err, errors.New(answer.String()))
		}
		if all, err := firing(); err != nil || len(all) > 0 {
			return fmt.Errorf("%v, %v", all, err)
		}
		return nil
	})
	dead := s.Leader()
	killEngine(s, dead)
	want := []string{"PolarDBNoMajorityToSpare", "PolarDBNodeDown " + dead, "PolarDBNotStreaming " + dead}
	s.Eventually("another leads, and the alarms tell of the dead one alone", func() error {
		all, err := firing()
		if err != nil || !slices.Equal(all, want) {
			return fmt.Errorf("%q, want %q; %v", all, want, err)
		}
		return nil
	})
	s.Run(0, "start.yml")
	s.Eventually("the alarms end", func() error {
		all, err := firing()
		if err != nil || len(all) > 0 {
			return fmt.Errorf("%q, %v", all, err)
		}
		return nil
	})
}
