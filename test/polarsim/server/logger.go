package server

import (
	"errors"
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
	_ = os.Mkdir(directory, 0o700) // the engine makes the last part alone, and sees when it opens the file
	name := filepath.Join(directory, fmt.Sprintf("postgresql-%s_error.log", time.Now().Format("2006-01-02_150405")))
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		var why *os.PathError
		errors.As(err, &why)
		return fmt.Errorf("could not open log file \"%s\": %w", name, why.Err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file = file
	return nil
}

func (l *logger) printf(severity, format string, arguments ...any) {
	now := time.Now().UTC().Format("2006-01-02 15:04:05.000 UTC")
	text := strings.TrimRight(fmt.Sprintf(format, arguments...), "\n")
	// What follows a message has a prefix of its own.
	for _, more := range []string{"HINT", "DETAIL", "CONTEXT"} {
		text = strings.ReplaceAll(text, "\n"+more+":  ", fmt.Sprintf("\n%s [%d] %s:  ", now, os.Getpid(), more))
	}
	l.line(fmt.Sprintf("%s [%d] %s:  %s", now, os.Getpid(), severity, text))
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
