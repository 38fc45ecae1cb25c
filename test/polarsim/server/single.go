package server

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
)

// Single is `postgres --single`: one statement a line, without a server. The superuser that initdb made runs them.
func Single(pgdata, database string, overrides []config.Override, in io.Reader) int {
	settings, _, err := loadSettings(pgdata, overrides)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	control, err := datadir.ReadControl(settings.root())
	if err != nil {
		fmt.Fprintln(os.Stderr, "FATAL: ", err)
		return 1
	}
	state, err := datadir.ReadState(settings.root(), settings.pgdata)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FATAL: ", err)
		return 1
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		statement := recorded{Text: lines.Text(), Encryption: settings.text("password_encryption"), Salt: make([]byte, 16)}
		if _, err := rand.Read(statement.Salt); err != nil {
			return 1
		}
		next := state.Clone()
		if _, err := executeOne(next, &record{Database: database, User: control.Superuser, Now: time.Now().UnixMicro()}, statement); err != nil {
			fmt.Fprintf(os.Stderr, "ERROR:  %v\n", err)
			if settings.on("exit_on_error") {
				return 1
			}
			continue
		}
		if err := datadir.KeepFiles(settings.root(), settings.pgdata, state, next); err != nil {
			fmt.Fprintln(os.Stderr, "FATAL: ", err)
			return 1
		}
		state = next
	}
	if err := datadir.WriteState(settings.root(), settings.pgdata, state); err != nil {
		fmt.Fprintln(os.Stderr, "FATAL: ", err)
		return 1
	}
	return 0
}
