package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// logger is the logging collector: PGDATA/pg_log/postgresql-<time>_error.log, or standard error before it runs.
type logger struct {
	mu   sync.Mutex
	file *os.File
}

// collect moves the log into the data directory.
func (l *logger) collect(pgdata, directory string) error {
	if !filepath.IsAbs(directory) {
		directory = filepath.Join(pgdata, directory)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	name := fmt.Sprintf("postgresql-%s_error.log", time.Now().Format("2006-01-02_150405"))
	file, err := os.OpenFile(filepath.Join(directory, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file = file
	return nil
}

func (l *logger) printf(severity, format string, arguments ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, arguments...), "\n")
	l.line(fmt.Sprintf("%s [%d] %s:  %s", time.Now().UTC().Format("2006-01-02 15:04:05.000 UTC"), os.Getpid(), severity, text))
}

// line is what a library writes to the server's stderr.
func (l *logger) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.file
	if out == nil {
		out = os.Stderr
	}
	fmt.Fprintln(out, text)
}
