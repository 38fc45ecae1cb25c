package bench

import (
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// BenchmarkPauses reports for how long an application could not write during planned work, at most. It fails when a row that
// was acknowledged is lost.
func BenchmarkPauses(b *testing.B) {
	releases := site.Releases(b)
	s := cluster(b, site.Vars{"polardb_hba": []string{site.FromOutside}})
	turn := 0
	for _, playbook := range []string{"switchover.yml", "restart.yml", "upgrade.yml"} {
		s.Bench(b, playbook, func(b *testing.B) {
			var took time.Duration
			var worst site.Written
			for b.Loop() {
				var args []string
				if playbook == "upgrade.yml" {
					turn++ // from one release to the other and back
					args = []string{"-e", "polardb_package=" + releases[turn%2]}
				}
				load := s.Load()
				took += s.Run(0, playbook, args...).Changed().Took
				w := load.End(playbook, s.Names()...)
				worst.Pause, worst.Lost = max(worst.Pause, w.Pause), max(worst.Lost, w.Lost)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/op") // without what the test does beside
			b.ReportMetric(float64(worst.Pause.Milliseconds()), "ms-longest-pause")
			b.ReportMetric(float64(worst.Lost), "rows-lost")
		})
	}
}
