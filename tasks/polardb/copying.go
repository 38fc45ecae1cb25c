package polardb

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
)

// copying runs the engine's base backup tool, and listens to what it says.
type copying struct {
	args    *ClusterArgs
	leader  dma.View
	what    string   // of the progress
	last    []string // the last lines of its standard error
	strange []string // the first of those that are not known to be harmless
	more    int      // how many there were besides
}

// run runs a script with the tool in it. When the tool waits for the end of the write-ahead log, the leader is made to write
// some: see record.
func (c *copying) run(ctx context.Context, h tasks.Host, script string, stdin io.Reader, stdout func([]byte)) (remote.Result, error) {
	inner, cancel := context.WithCancel(ctx)
	var writer sync.WaitGroup
	defer func() { cancel(); writer.Wait() }()
	started := false
	return h.Shell().Stream(ctx, remote.Command{Script: script}, stdin, stdout, func(line []byte) {
		for _, part := range strings.Split(string(line), "\r") {
			part = strings.TrimSpace(part)
			if done, total, ok := backupProgress(part); ok {
				h.Progress(c.what, done, total)
				continue
			}
			if part == "" {
				continue
			}
			c.hear(part)
			if strings.HasSuffix(part, copyEnds) && !started {
				started = true
				writer.Go(func() { c.record(inner, h) })
			}
		}
	})
}

// hear takes down a line.
func (c *copying) hear(line string) {
	c.last = append(c.last[max(0, len(c.last)-11):], line)
	switch {
	case harmless.MatchString(line):
	case len(c.strange) < 5:
		c.strange = append(c.strange, line)
	default:
		c.more++
	}
}

// copyEnds is what the tool says when it has copied all files and waits for the write-ahead log up to where the copy ended.
const copyEnds = ": waiting for background process to finish streaming ..."

// record has the leader write a record now and then until the tool ends. The tool learns that it has all of the log with the
// next record that comes, and an idle leader writes one about every 15 s (observed on 11.9). A transaction number whose
// transaction does nothing is one, and waits for nobody. That it fails costs time and nothing else.
func (c *copying) record(ctx context.Context, h tasks.Host) {
	for ctx.Err() == nil {
		func() {
			ctx, cancel := context.WithTimeout(ctx, lookLimit)
			defer cancel()
			conn, err := c.args.own(ctx, h, c.leader.Node)
			if err != nil {
				return
			}
			defer (&session{conn: conn}).Close()
			for err == nil {
				if _, err = conn.Exec(ctx, "select txid_current()", pgx.QueryExecModeSimpleProtocol); err == nil {
					err = tasks.Sleep(ctx, recordPause)
				}
			}
		}()
		_ = tasks.Sleep(ctx, time.Second)
	}
}

// recordPause is between two records: one that the tool had received before it knew where the copy ends does not count.
const recordPause = 250 * time.Millisecond

// harmless is what the tool, run with -v, says of a copy that is whole. Whatever else it says is not, as long as nobody
// knows better: it ends with exit status 0 although files are missing (observed on 11.9).
var harmless = regexp.MustCompile(`^(polar|pg)_basebackup: (` + strings.Join([]string{
	`initiating base backup, waiting for checkpoint to complete`,
	`checkpoint completed`,
	`write-ahead log start point: [0-9A-F/]+ on timeline \d+`,
	`starting background WAL receiver`,
	`created temporary replication slot "\w+"`,
	`write-ahead log end point: [0-9A-F/]+`,
	`waiting for background process to finish streaming \.\.\.`,
	`syncing data to disk \.\.\.`,
	`base backup completed`,
}, "|") + `)$|^(` + strings.Join([]string{
	`WARNING:  a (labelfile|tblspcmapfile) ".*" is already on disk`, // of the backup before
	`HINT:  POLAR: we overwrite it`,
	`WARNING:  skipping special file ".*\.s\.PGSQL\.\d+"`, // a socket
	`NOTICE:  WAL archiving is not enabled; you must ensure .*`,
	`NOTICE:  pg_stop_backup complete, .*`,
}, "|") + `)$`)

// doubt is why a copy that the tool says is done is not believed to be whole; nil: it is.
func (c *copying) doubt() error {
	if len(c.strange) == 0 {
		return nil
	}
	said := c.strange
	if c.more > 0 {
		said = append(said, fmt.Sprintf("and %d lines more", c.more))
	}
	return &tasks.Failure{Msg: fmt.Sprintf("the base backup of %s ended well, but its tool said what is not known to be harmless: %s", c.leader.Node, strings.Join(said, "\n")),
		Hint: "the copy is not used. Mend the cause; a further run empties what was copied and starts anew"}
}

// backupLine is what pg_basebackup says of its progress: kilobytes so far and in all.
var backupLine = regexp.MustCompile(`^(\d+)/(\d+) kB \(`)

func backupProgress(line string) (done, total int64, ok bool) {
	m := backupLine.FindStringSubmatch(line)
	if m == nil {
		return 0, 0, false
	}
	done, _ = strconv.ParseInt(m[1], 10, 64)
	total, _ = strconv.ParseInt(m[2], 10, 64)
	return done << 10, total << 10, true
}
