package tool

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/test/polarsim/client"
)

// walChild in the environment makes the program the WAL receiver that a base backup starts beside itself.
const walChild = "POLARSIM_WAL_RECEIVER"

// startWAL starts the WAL receiver. As with the engine it is a child that nobody ends when the base backup itself is
// killed: it lives on, holds standard output and error open, and shows in pg_stat_replication, for as long as the
// server streams. Only a signal to the whole process group gets them both.
func (b *backup) startWAL() error {
	if b.get("wal-method", "stream") != "stream" && b.get("wal-method", "") != "s" {
		return nil
	}
	b.wal = exec.Command(os.Args[0], os.Args[1:]...)
	b.wal.Env = append(os.Environ(), walChild+"=1")
	b.wal.Stdout, b.wal.Stderr = os.Stdout, os.Stderr
	var err error
	if b.end, err = b.wal.StdinPipe(); err != nil {
		return fmt.Errorf("could not create pipe for background process: %w", err)
	}
	if err := b.wal.Start(); err != nil {
		return fmt.Errorf("could not create background process: %w", err)
	}
	return nil
}

// endWAL tells the receiver where the backup ends, and waits for it.
func (b *backup) endWAL() error {
	if b.wal == nil {
		return nil
	}
	if _, err := fmt.Fprintln(b.end, "end"); err != nil {
		return fmt.Errorf("could not send command to background pipe: %w", err)
	}
	if err := b.wal.Wait(); err != nil {
		return fmt.Errorf("child process exited with %w", err)
	}
	return nil
}

// walReceiver is the child: it streams until the server goes away, or until the first record after it was told where the
// backup ends. As with the engine it notices the end only when there is something to receive, and an idle leader writes
// a record every 15 s.
func walReceiver(t client.Target) int {
	conn, err := client.Connect(context.Background(), t)
	if err != nil {
		return complain("%v", err)
	}
	defer conn.Close()
	if err := conn.StartReplication(context.Background(), 0); err != nil {
		return complain("%v", err)
	}
	var told atomic.Bool
	go func() {
		if line, _ := bufio.NewReader(os.Stdin).ReadString('\n'); line != "" { // not when the base backup was killed
			told.Store(true)
		}
	}()
	for {
		m, err := conn.Receive()
		if err != nil {
			return complain("could not receive data from WAL stream: %v", err)
		}
		if data, ok := m.(*pgproto3.CopyData); ok && data.Data[0] == 'w' && told.Load() {
			return 0
		}
	}
}

// writeRecoveryConf is -R. The password ends up in it in clear, as with the engine, unless it came from a file; and
// it is written after PGDATA and before POLARDATA, so it says nothing about completeness.
func (b *backup) writeRecoveryConf() error {
	if !b.has("write-recovery-conf") {
		return nil
	}
	quote := func(s string) string { return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) }
	parts := []string{"user=" + quote(b.target.User)}
	switch file := os.Getenv("PGPASSFILE"); {
	case os.Getenv("PGPASSWORD") != "":
		parts = append(parts, "password="+quote(b.target.Password))
	case file != "":
		parts = append(parts, "passfile='"+quote(file)+"'")
	}
	parts = append(parts, "host="+quote(b.target.Host), "port="+strconv.Itoa(b.target.Port),
		"sslmode="+environment("PGSSLMODE", "prefer"), "sslcompression=0", "target_session_attrs=any")
	text := "standby_mode = 'on'\nprimary_conninfo = '" + strings.ReplaceAll(strings.Join(parts, " "), "'", "''") + "'\n"
	return os.WriteFile(filepath.Join(b.pgdata, "recovery.conf"), []byte(text), 0o600)
}

// parseRate reads --max-rate: kB/s, or with a suffix k or M.
func parseRate(text string) (int64, error) {
	factor := int64(1)
	digits := strings.TrimRight(text, "kM")
	if strings.HasSuffix(text, "M") {
		factor = 1024
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if n *= factor; err != nil || n < 32 || n > 1<<20 {
		return 0, fmt.Errorf("transfer rate \"%s\" is out of range", text)
	}
	return n, nil
}
