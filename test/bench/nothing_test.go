package bench

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// A run that finds nothing to do costs one round trip a task, and a few in all.
func TestRoundTrips(t *testing.T) {
	s := cluster(t, nil)
	o := nothingToDo(s)
	tasks := tasksOf(o)
	for name, r := range o.Recaps() {
		t.Logf("%s: %d tasks, %d round trips, %d sessions, %d bytes sent, %d received", name, tasks, r.RoundTrips, r.Sessions,
			r.BytesSent, r.BytesReceived)
		if r.RoundTrips > int64(tasks+20) {
			t.Errorf("%s: %d round trips for %d tasks, at most %d are allowed", name, r.RoundTrips, tasks, tasks+20)
		}
	}
}

func BenchmarkNothingToDo(b *testing.B) {
	s := cluster(b, nil)
	for _, rtt := range []time.Duration{0, 30 * time.Millisecond} {
		if rtt > 0 {
			if err := s.Lab.Delay(rtt); err != nil {
				b.Fatal(err)
			}
		}
		s.Bench(b, fmt.Sprintf("rtt=%s", rtt), func(b *testing.B) {
			var took time.Duration
			var trips, bytes int64
			for b.Loop() {
				o := nothingToDo(s)
				took += o.Took
				for _, r := range o.Recaps() {
					trips, bytes = trips+r.RoundTrips, bytes+r.BytesSent+r.BytesReceived
				}
			}
			runs := float64(b.N * len(s.Names()))
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/op") // without what the test does beside
			b.ReportMetric(float64(trips)/runs, "roundtrips/host")
			b.ReportMetric(float64(bytes)/runs, "bytes/host")
		})
	}
}

// nothingToDo runs new-cluster.yml on a finished cluster, with the delay to the hosts that the lab has now.
func nothingToDo(s *site.Site) *site.Outcome {
	s.T.Helper()
	for _, h := range s.Lab.Hosts() {
		at, err := netip.ParseAddrPort(h.ProxyAddress())
		if err != nil {
			s.T.Fatal(err)
		}
		s.Set(h.Name, site.Vars{"ansible_host": at.Addr().String(), "ansible_port": at.Port(), "polardb_address": h.Address})
	}
	return s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
}

// tasksOf returns the number of tasks that ran on some host.
func tasksOf(o *site.Outcome) int {
	on := map[int]bool{}
	for _, e := range o.Events {
		if e.Type == "host_done" && e.Status != "skipped" {
			on[e.TaskID] = true
		}
	}
	return len(on)
}
