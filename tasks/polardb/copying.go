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

// copying runs the engine's base backup tool and reads its messages.
type copying struct {
	args    *ClusterArgs
	source  dma.View // the node that is copied
	writer  string   // the leader, which writes records while the tool waits
	what    string   // the name of the progress
	at      positions
	last    []string // the last lines of its standard error
	strange []string // the first of the lines that are not known to be harmless
	more    int      // how many more of them there were
}

// run runs a script with the tool in it. While the tool waits for the end of the write-ahead log, run makes the leader write
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

// hear notes a line of the tool's messages.
func (c *copying) hear(line string) {
	c.at.hear(line)
	c.last = append(c.last[max(0, len(c.last)-11):], line)
	switch {
	case harmless.MatchString(line):
	case len(c.strange) < 5:
		c.strange = append(c.strange, line)
	default:
		c.more++
	}
}

// copyEnds ends the tool's message when it has copied all files and waits for the write-ahead log up to where the copy ended.
const copyEnds = ": waiting for background process to finish streaming ..."

// record makes the leader write a record now and then until the tool ends. The tool notices that it has all of the log only
// with the next record, and an idle leader writes one about every 15 s (observed on 11.9). Taking a transaction number writes
// a record and waits for nobody. A failure costs time and nothing else.
func (c *copying) record(ctx context.Context, h tasks.Host) {
	for ctx.Err() == nil {
		func() {
			ctx, cancel := context.WithTimeout(ctx, lookLimit)
			defer cancel()
			conn, err := c.args.own(ctx, h, c.writer)
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

// recordPause is the time between two records: one that the tool received before it knew where the copy ends does not count.
const recordPause = 250 * time.Millisecond

// harmless matches the messages of the tool, run with -v, about a whole copy. Every other message counts as harmful until it is
// known not to be, because the tool ends with exit status 0 although files are missing (observed on 11.9).
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

// doubt returns why a copy that the tool reports as done may not be whole; nil: it is.
func (c *copying) doubt() error {
	if len(c.strange) == 0 {
		return nil
	}
	said := c.strange
	if c.more > 0 {
		said = append(said, fmt.Sprintf("and %d lines more", c.more))
	}
	return &tasks.Failure{
		Msg: fmt.Sprintf("the base backup of %s succeeded, but its tool printed messages that are not known to be harmless: %s",
			c.source.Node, strings.Join(said, "\n")),
		Hint: "the copy is not used. Remove the cause, then " + runAgain}
}

// backupLine matches a line of pg_basebackup's progress: kilobytes so far and in all.
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
