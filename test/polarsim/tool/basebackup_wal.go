package tool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

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
	if err := b.wal.Start(); err != nil {
		return fmt.Errorf("could not create background process: %w", err)
	}
	return nil
}

func (b *backup) endWAL() error {
	if b.wal == nil {
		return nil
	}
	if err := b.wal.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("could not send command to background process: %w", err)
	}
	_ = b.wal.Wait() // ended by our signal
	return nil
}

// walReceiver is the child: it streams until it is told to stop or the server goes away.
func walReceiver(t client.Target) int {
	conn, err := client.Connect(context.Background(), t)
	if err != nil {
		return complain("%v", err)
	}
	defer conn.Close()
	if err := conn.StartReplication(context.Background(), 0); err != nil {
		return complain("%v", err)
	}
	_ = conn.Drain()
	return 0
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
	parts = append(parts, "host="+quote(b.target.Host), "port="+strconv.Itoa(b.target.Port), "sslmode="+environment("PGSSLMODE", "prefer"), "sslcompression=0", "target_session_attrs=any")
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
