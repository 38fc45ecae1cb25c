package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// InlineLimit is the most, in bytes, that travels with a script; what is larger is uploaded, which can be resumed.
const InlineLimit = 96 << 10

// diffLimit is the most, in bytes, of a file's old content that is brought back to be shown.
const diffLimit = 256 << 10

// Placing is a file's content put in its place: whole or not at all, on disk before it has its name, and with the
// owner, permissions and SELinux context of the file that it replaces.
type Placing struct {
	Word       script.Word // the path
	Follow     bool        // replace what a link points to, not the link
	Parents    bool        // make missing directories
	parentMode string      // octal or symbolic; empty: the umask's
	Attributes Attributes
	Have       script.File // the file before
	expect     string      // SHA-256 that it must still have, so that another's edit is not lost; empty: any
	Sum        string      // SHA-256 of the new content
	Backup     string      // path of a copy of the file before; empty: none
	Validate   string      // command line with %s that has to accept the new content
	From       script.Word // a file on the host, moved from there; empty: the content is the standard input
	Keep       bool        // from is copied and stays
}

// Script returns the script that places the content. It fails when the validate command cannot be read.
func (p Placing) Script() (string, error) {
	validate, err := validation(p.Validate)
	if err != nil {
		return "", err
	}
	values := p.Attributes.Given(p.Have, false)
	maps.Copy(values, script.Values{
		"p": p.Word, "from": p.From, "keep": p.Keep, "follow": p.Follow, "parents": p.Parents, "parent_mode": p.parentMode,
		"expect": p.expect, "sum": p.Sum, "validate": len(validate) > 0, "unsafe": p.Attributes.Unsafe,
	})
	if p.Backup != "" {
		values["backup"] = script.Path(p.Backup)
	}
	return Scripts.Script("place", values, validate...), nil
}

// validation returns the words of a validate argument, in which %s stands for the file.
func validation(command string) ([]string, error) {
	if command == "" {
		return nil, nil
	}
	if !strings.Contains(command, "%s") {
		return nil, &tasks.Failure{Msg: fmt.Sprintf("validate must contain %%s, where the file's name goes: %s", command)}
	}
	words, err := script.SplitWords(command)
	if err != nil {
		return nil, &tasks.Failure{Msg: "validate cannot be read", Err: err}
	}
	return words, nil
}

// backups counts the copies of this run. A loop may edit one file several times within a second.
var backups atomic.Int64

// BackupName returns the name of the copy of a file before a change, no two of them alike: FILE.NUMBER.TIME~, as Ansible names
// it. There the number is that of a process, of which every task has its own.
func BackupName(file string, at time.Time) string {
	return fmt.Sprintf("%s.%d.%s~", file, int64(os.Getpid())+backups.Add(1), at.Format("2006-01-02@15:04:05"))
}

// SumOf returns the SHA-256 of a content in hexadecimal digits.
func SumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// beside returns a name in the directory of a file.
func beside(file, name string) string {
	return path.Join(path.Dir(file), name)
}

// RunPlan runs a plan's script for an Applier and turns a refusal of the host into a failure.
func RunPlan(ctx context.Context, s tasks.Shell, p tasks.Plan) (remote.Result, error) {
	r, err := s.Run(ctx, remote.Command{Script: p.Script, Stdin: p.Stdin})
	if err != nil {
		return r, err
	}
	return r, ScriptFailed(r)
}

// ScriptFailed returns the failure of a script that ended with another status than 0, with its values; else nil.
func ScriptFailed(r remote.Result) error {
	if r.Status == 0 {
		return nil
	}
	said := strings.TrimSpace(string(r.Stderr))
	if said == "" {
		said = fmt.Sprintf("the change failed with exit status %d, no output", r.Status)
	}
	return &tasks.Failure{Msg: said, Values: map[string]any{"rc": r.Status, "stdout": string(r.Stdout), "stderr": string(r.Stderr)}}
}

// Prove probes again after a change that an Applier made, and fails if the change is still wanted.
func Prove(ctx context.Context, s tasks.Shell, a tasks.Action, made tasks.Plan) (tasks.Plan, error) {
	r, err := s.Run(ctx, remote.Command{Script: a.Probe()})
	if err != nil {
		return tasks.Plan{}, err
	}
	judge := a.Plan
	if made.Proof != nil {
		judge = made.Proof
	}
	again, err := judge(tasks.Found{Result: r})
	if err != nil {
		return tasks.Plan{}, err
	}
	if again.Change {
		return tasks.Plan{}, &tasks.Failure{Msg: "the change reported success but did not take effect: " + again.Msg}
	}
	return again, nil
}
