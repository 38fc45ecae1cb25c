package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/golden"
)

const statusSample = `{"cluster": "shop", "leader": "a", "problem": "", "disagrees": ["c: no answer"], "members": [
 {"node": "a", "address": "192.0.2.1:5432", "answers": true, "role": "leader", "weight": 9, "term": 3, "log_index": 200, "commit_index": 199,
  "match_index": 200, "purge_index": 10, "lag": 0, "flushed_lsn": "1/10", "received_lsn": "", "replayed_lsn": "1/0", "version": "11.9",
  "release": "top-0f11", "up_seconds": 61, "wal_kb": 81920, "consensus_log_kb": 20, "pending_restart": ["max_connections"], "overrides": [],
  "delay_election": true, "archiving": true, "archive_fails": true, "archive_failures": 3, "archive_waiting": 17, "archived_at": 1795000000,
  "backup_at": 1795000001, "disks": [{"path": "/var/lib/a \"b\"\\c", "total_kb": 1000, "free_kb": 250, "free_percent": 25}]},
 {"node": "b", "address": "192.0.2.2:5432", "answers": true, "role": "follower", "weight": 5, "term": 3, "log_index": 198, "commit_index": 198,
  "match_index": 198, "lag": 2, "streaming": true, "flushed_lsn": "0/FFFFFF00", "received_lsn": "0/FFFFFFF0", "replayed_lsn": "0/FFFFFF00",
  "write_lag": "00:00:00.0015", "flush_lag": "1 day 00:00:01", "replay_lag": "-00:00:00.5", "version": "11.9", "wal_kb": 1, "disks": []},
 {"node": "c", "address": "192.0.2.3:5432", "answers": false, "role": "follower", "weight": 5, "match_index": 0, "lag": 200},
 {"node": "(not in the inventory)", "address": "192.0.2.4:5432", "answers": false, "role": "follower", "weight": 5, "match_index": 0},
 {"node": "(not in the inventory)", "address": "192.0.2.5:5432", "answers": false, "role": "learner", "match_index": 0}]}`

func TestMetrics(t *testing.T) {
	var r clusterReading
	if err := json.Unmarshal([]byte(statusSample), &r); err != nil {
		t.Fatal(err)
	}
	text := metricsText([]clusterReading{r, {Cluster: "gone\n\x1b[2J", failure: "no answer"}}, time.Unix(1795000060, 0))
	golden.Check(t, "testdata/metrics.golden", text)
	check := exec.Command(promtool(t), "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestIntervals(t *testing.T) {
	for text, want := range map[string]float64{"00:00:01.5": 1.5, "2 days 01:00:00": 176400, "-00:00:02": -2, "25:00:00": 90000} {
		if got, ok := intervalSeconds(text); !ok || got != want {
			t.Errorf("%s is %v s, %t, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-", "00:01", "x day 00:00:00", "a:b:c"} {
		if got, ok := intervalSeconds(text); ok {
			t.Errorf("%q is %v s", text, got)
		}
	}
}
