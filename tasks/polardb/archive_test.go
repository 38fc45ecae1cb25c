package polardb

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestArchiveScript runs what the playbooks install as archive_command.
func TestArchiveScript(t *testing.T) {
	script, err := filepath.Abs("../../templates/polardb-archive.sh.j2")
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		dir := t.TempDir()
		archive := filepath.Join(dir, "archive")
		if err := os.Mkdir(archive, 0o700); err != nil {
			t.Fatal(err)
		}
		write := func(name, text string) string {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, name)
		}
		one, two := write("one", strings.Repeat("a", 1<<20)), write("two", "other")
		write("archive/.0001.7", "what a killed one left")
		for _, c := range []struct {
			from, name, into, want string // want: what it says; "": it succeeds
		}{
			{one, "0001", archive, ""},
			{one, "0001", archive, ""},
			{two, "0001", archive, "/0001 is there already with another content, and is kept"},
			{two, "0002", archive, ""},
			{dir + "/none", "0003", archive, "could not be copied"},
			{one, "0004", dir + "/unmounted", "is it mounted?"},
			{one, "../0004", archive, "no name of a file of the log"},
		} {
			said, err := exec.Command(shell[0], append(shell[1:], script, c.from, c.name, c.into, "7")...).CombinedOutput()
			if (err == nil) != (c.want == "") || !strings.Contains(string(said), c.want) {
				t.Errorf("%v: %s as %s: %v, %s", shell, c.from, c.name, err, said)
			}
		}
		list, _ := os.ReadDir(archive)
		kept, _ := os.ReadFile(archive + "/0001")
		if len(list) != 2 || string(kept) != strings.Repeat("a", 1<<20) {
			t.Errorf("%v: the archive holds %v", shell, list)
		}
	}
}

func TestArchivingIsJudged(t *testing.T) {
	at := func(text string) time.Time { return serverTime("2026-11-28 " + text + "+00") }
	for name, c := range map[string]struct {
		a             archiving
		remark, fault string
	}{
		"off":     {archiving{Failed: "0A", FailedAt: at("03:00:00"), Waiting: 99}, "", ""},
		"well":    {archiving{On: true, ArchivedAt: at("03:00:00"), Waiting: 1}, "", ""},
		"never":   {archiving{On: true, Waiting: -1}, "", ""},
		"fails":   {archiving{On: true, Failed: "0A", Failures: 3, FailedAt: at("03:00:01"), ArchivedAt: at("03:00:00.5"), Waiting: 99}, "", "node1: 0A is not archived: archive_command failed 3 times, last at 2026-11-28T03:00:01Z"},
		"first":   {archiving{On: true, Failed: "0A", FailedAt: at("03:00:00")}, "", "0A is not archived"},
		"mended":  {archiving{On: true, Failed: "0A", FailedAt: at("03:00:00"), ArchivedAt: at("03:00:01")}, "", ""},
		"waiting": {archiving{On: true, ArchivedAt: at("03:00:00"), Waiting: 17}, "node1: 17 finished files of the write-ahead log wait", ""},
	} {
		remarks, faults := nodeDetails{Archive: c.a}.remarks("node1")
		said := strings.Join(remarks, "\n")
		if wrong := strings.Join(faults, "\n"); !strings.Contains(said, c.remark) || (said == "") != (c.remark == "") ||
			!strings.Contains(wrong, c.fault) || (wrong == "") != (c.fault == "") {
			t.Errorf("%s: %q, %q", name, said, wrong)
		}
	}
}
