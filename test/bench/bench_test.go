// Package bench measures a run of new-cluster.yml that has nothing to do, on the lab's hosts: wall time, round trips and
// bytes a host, at no added latency and at 30 ms. Times depend on the machine; the bound on round trips does not.
package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

// site is a lab with a cluster on it.
type site struct {
	lab          *lab.Lab
	dir, tarball string
	binary       string
}

// figures are what a run cost.
type figures struct {
	elapsed  time.Duration
	tasks    int // that had a host to run on
	changed  int
	hosts    map[string]recap
	failures []string
}

type recap struct {
	Changed       int   `json:"changed"`
	Skipped       int   `json:"skipped"`
	RoundTrips    int64 `json:"round_trips"`
	Sessions      int64 `json:"sessions"`
	BytesSent     int64 `json:"bytes_sent"`
	BytesReceived int64 `json:"bytes_received"`
}

func newSite(t testing.TB) *site {
	lab.Require(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	s := &site{dir: t.TempDir()}
	s.binary = filepath.Join(s.dir, "polarbook")
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "github.com/polarbook/polarbook/cmd/polarbook")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s.tarball = os.Getenv("POLARDB_TARBALL")
	if s.tarball == "" {
		s.tarball = filepath.Join(s.dir, "polardb-stand-in.tar.gz")
		if err := prefix.Pack(ctx, s.tarball); err != nil {
			t.Fatal(err)
		}
	}
	s.lab = lab.New(t, lab.Options{Hosts: []lab.Spec{{Name: "node1"}, {Name: "node2"}, {Name: "node3"}}})
	f := s.run(t)
	if len(f.failures) > 0 {
		t.Fatalf("the cluster did not come up: %s", strings.Join(f.failures, "\n"))
	}
	return s
}

func (s *site) run(t testing.TB) figures {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "polardb:\n  vars:\n    ansible_user: root\n    ansible_ssh_private_key_file: %s\n    polardb_cluster: bench\n    polardb_package: %s\n"+
		"    polardb_replication_password: bench-password\n    polardb_dma_settings: {polar_dma_election_timeout: 1s}\n  hosts:\n", s.lab.KeyFile(), s.tarball)
	for _, h := range s.lab.Hosts() {
		host, port, err := net.SplitHostPort(h.ProxyAddress())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "    %s: {ansible_host: %s, ansible_port: %s, polardb_address: %s}\n", h.Name, host, port, h.Address)
	}
	inventory := filepath.Join(s.dir, "inventory.yml")
	if err := os.WriteFile(inventory, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, s.binary, "run", "new-cluster.yml", "-i", inventory, "--known-hosts", s.lab.KnownHosts(), "--output", "json")
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(s.dir, "state"), "HOME="+s.dir)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	f := read(t, out)
	if err != nil {
		f.failures = append(f.failures, err.Error()+" "+stderr.String())
	}
	return f
}

func read(t testing.TB, out []byte) figures {
	var f figures
	on := map[int]bool{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct {
			Type, Status, Msg, Host string
			TaskID                  int `json:"task_id"`
			Elapsed                 float64
			Hosts                   json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("event %s: %v", lines.Text(), err)
		}
		switch e.Type {
		case "host_done":
			if e.Status != "skipped" {
				on[e.TaskID] = true
			}
			if e.Status == "failed" || e.Status == "unreachable" {
				f.failures = append(f.failures, e.Host+": "+e.Msg)
			}
		case "run_ended":
			f.elapsed = time.Duration(e.Elapsed * float64(time.Second))
			if err := json.Unmarshal(e.Hosts, &f.hosts); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.tasks = len(on)
	for _, h := range f.hosts {
		f.changed += h.Changed
	}
	return f
}

// A run that finds nothing to do costs a round trip a task, and a few for the whole.
func TestRoundTrips(t *testing.T) {
	s := newSite(t)
	f := s.run(t)
	if len(f.failures) > 0 || f.changed != 0 {
		t.Fatalf("changed %d, failures %v", f.changed, f.failures)
	}
	for name, h := range f.hosts {
		t.Logf("%s: %d tasks, %d round trips, %d sessions, %d bytes sent, %d received", name, f.tasks, h.RoundTrips, h.Sessions, h.BytesSent, h.BytesReceived)
		if h.RoundTrips > int64(f.tasks+20) {
			t.Errorf("%s: %d round trips for %d tasks, at most %d are allowed", name, h.RoundTrips, f.tasks, f.tasks+20)
		}
	}
}

func BenchmarkNothingToDo(b *testing.B) {
	s := newSite(b)
	for _, rtt := range []time.Duration{0, 30 * time.Millisecond} {
		if rtt > 0 {
			if err := s.lab.Delay(rtt); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("rtt=%s", rtt), func(b *testing.B) {
			var trips, bytes int64
			for b.Loop() {
				f := s.run(b)
				if len(f.failures) > 0 || f.changed != 0 {
					b.Fatalf("changed %d, failures %v", f.changed, f.failures)
				}
				for _, h := range f.hosts {
					trips, bytes = trips+h.RoundTrips, bytes+h.BytesSent+h.BytesReceived
				}
			}
			runs := float64(b.N * len(s.lab.Hosts()))
			b.ReportMetric(float64(trips)/runs, "roundtrips/host")
			b.ReportMetric(float64(bytes)/runs, "bytes/host")
		})
	}
}
