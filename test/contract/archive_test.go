package contract_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// A file of the log that is finished goes to archive_command, which is tried again until it succeeds; pg_stat_archiver tells.
func TestArchive(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		into := filepath.Join(n.directory, "archive")
		n.create()
		n.configure("archive_mode = always", "archive_command = 'cp \"%p\" \""+into+"/%f\"'", "wal_level = replica")
		n.initLeader()
		n.start()
		n.writable()
		n.exec("create table archived (a int)")
		n.exec("select pg_switch_wal()")
		const failing = "select failed_count > 0 and last_failed_wal is not null and last_failed_time is not null and last_archived_time is null from pg_stat_archiver"
		eventually(t, e.within(90*time.Second), "a failure", func() bool { return must[bool](n, failing) })
		if ready, _ := filepath.Glob(n.polardata + "/pg_wal/archive_status/*.ready"); len(ready) == 0 {
			t.Error("no file waits")
		}
		if err := e.mkdir(into); err != nil {
			t.Fatal(err)
		}
		const mended = "select last_archived_time > last_failed_time and archived_count > 0 from pg_stat_archiver"
		eventually(t, e.within(120*time.Second), "a success", func() bool {
			v,
				err := value[bool](n, "select coalesce(("+mended+"), false)")
			return v && err == nil
		})
		list, err := os.ReadDir(into)
		if err != nil || len(list) == 0 || !regexp.MustCompile(`^([0-9A-F]{24}(\.partial)?|[0-9A-F]{8}\.history)$`).MatchString(list[0].Name()) {
			t.Errorf("the archive holds %v (%v)", list, err)
		}
	})
}
