package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

// What the tool of the engine 11.9 said of copies that were whole, and of others that it called completed, too.
func TestHarmlessLines(t *testing.T) {
	whole := `polar_basebackup: initiating base backup, waiting for checkpoint to complete
WARNING:  a labelfile "file-dio:///var/lib/polardb/polardata/polar_non_exclusive_backup_label" is already on disk
HINT:  POLAR: we overwrite it
polar_basebackup: checkpoint completed
polar_basebackup: write-ahead log start point: 0/17D85A8 on timeline 2
polar_basebackup: starting background WAL receiver
polar_basebackup: created temporary replication slot "pg_basebackup_3388"
    0/62885 kB (0%), 0/2 tablespaces (/var/lib/polardb/pgdata/backup_label   )
62905/62905 kB (100%), 1/2 tablespaces (...a/consensus_log/0000000000000000)
62905/62905 kB (100%), 2/2 tablespaces                                         
polar_basebackup: write-ahead log end point: 0/17D8570
polar_basebackup: waiting for background process to finish streaming ...
polar_basebackup: base backup completed
pg_basebackup: base backup completed
`
	for line := range strings.Lines(whole) {
		line = strings.TrimSpace(line)
		if _, _, progress := backupProgress(line); !progress && !harmless.MatchString(line) {
			t.Errorf("not known: %q", line)
		}
	}
	for _, line := range []string{
		`polar_basebackup: could not stat file "/var/lib/polardb/pgdata/pg_tblspc/32768": No such file or directory`,
		`polar_basebackup: could not fsync file "/var/lib/polardb/pgdata/base/1/1259": Input/output error`,
		`WARNING:  could not read symbolic link "pg_tblspc/16629": Invalid argument`,
		`WARNING:  checksum verification failed in file "./base/1/1259", block 3: calculated 11 but expected 12`,
		`WARNING:  skipping special file "./base/1/1259"`,
		`polar_basebackup: base backup completed, nearly`,
	} {
		c := &copying{source: dma.View{Node: "node1"}}
		c.hear(line)
		if err := c.doubt(); err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: %v", line, err)
		}
	}
}
