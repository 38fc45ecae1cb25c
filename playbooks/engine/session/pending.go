package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// PendingHandlers remembers on a host which handlers of a playbook have yet to run there, so that a run that was killed
// between a change and the restart which the change needs is made good by the next one. It may be asked for several hosts at
// once, for one host once at a time. When the host cannot be reached the error is a *remote.UnreachableError; then, and
// when ctx is cancelled, what was kept before is kept still.
type PendingHandlers interface {
	// Load returns what Save kept for a playbook, nil when no handler is pending. A *NotBelievedError is that somebody
	// else could have written it.
	Load(ctx context.Context, h tasks.Host, playbook string) ([]string, error)
	// Save replaces what is kept, as a whole or not at all, and returns when that is on disk; with no handlers nothing is
	// left behind.
	Save(ctx context.Context, h tasks.Host, playbook string, handlers []string) error
}

// PendingHandlerFiles keeps pending handlers in files on the host, one a playbook, readable by all and written by root.
type PendingHandlerFiles struct {
	// Dir is a directory on the host; empty: /var/lib/polarbook/owed.
	Dir string
}

func (o PendingHandlerFiles) path(playbook string) string {
	dir := o.Dir
	if dir == "" {
		dir = "/var/lib/polarbook/owed"
	}
	return dir + "/" + digest(playbook)
}

// digest makes a name of a file of any text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// pendingLimit bounds what is read of such a file, in bytes.
const pendingLimit = 1 << 19

// NotBelievedError is about a file that another account could have written.
type NotBelievedError struct{ file, why string }

func (e *NotBelievedError) Error() string { return e.file + " is not believed: " + e.why }

// Load reads with the shell of the task's user: the file is not secret. It is believed only when nobody else than root and
// that user could have written it.
func (o PendingHandlerFiles) Load(ctx context.Context, h tasks.Host, playbook string) ([]string, error) {
	file := o.path(playbook)
	r, err := h.Shell().Run(ctx, remote.Command{Script: script.Trusted(file, pendingLimit)})
	switch {
	case err != nil:
		return nil, err
	case r.Status == script.TrustedAbsent:
		return nil, nil
	case r.Status == script.TrustedFault:
		return nil, &NotBelievedError{file, Trimmed(r.Stderr)}
	case r.Status != 0:
		return nil, fmt.Errorf("read %s: %s", file, ScriptFailed(r.Status, Trimmed(r.Stderr), ""))
	}
	var handlers []string
	for line := range strings.Lines(string(r.Stdout)) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			handlers = append(handlers, line)
		}
	}
	return handlers, nil
}

// Save writes with root's shell: a temporary name, then a rename. The temporary name is the host's own, for two hosts of an
// inventory may be one machine.
func (o PendingHandlerFiles) Save(ctx context.Context, h tasks.Host, playbook string, handlers []string) error {
	shell, err := h.As(ctx, "")
	if err != nil {
		return err
	}
	file := o.path(playbook)
	text := "rm -f " + remote.Quote(file)
	if len(handlers) > 0 {
		temporary := remote.Quote(file + "." + digest(h.Name()) + ".new")
		dir := remote.Quote(file[:strings.LastIndex(file, "/")])
		text = "set -e\numask 022\nmkdir -p " + dir + "\n" + script.OnlyTrusted(dir) + strings.Join([]string{
			"rm -f " + temporary,
			"cat > " + temporary,
			"sync " + temporary + " 2>/dev/null || sync",
			"mv -f " + temporary + " " + remote.Quote(file),
		}, "\n")
	}
	result, err := shell.Run(ctx, remote.Command{Script: text, Stdin: []byte(strings.Join(handlers, "\n") + "\n")})
	if err != nil {
		return err
	}
	if result.Status != 0 {
		return fmt.Errorf("write %s: %s", file, ScriptFailed(result.Status, Trimmed(result.Stderr), ""))
	}
	return nil
}
