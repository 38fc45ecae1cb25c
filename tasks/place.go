package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks/remote"
)

// inlineLimit is the most, in bytes, that travels with a script; what is larger is uploaded, which can be resumed.
const inlineLimit = 96 << 10

// diffLimit is the most, in bytes, of a file's old content that is brought back to be shown.
const diffLimit = 256 << 10

// placing is a file's content put in its place: whole or not at all, on disk before it has its name, and with the
// owner, permissions and SELinux context of the file that it replaces.
type placing struct {
	word       string // the path, as a word of a shell
	follow     bool   // replace what a link points to, not the link
	parents    bool   // make missing directories
	parentMode string // octal or symbolic; empty: the umask's
	attributes attributes
	have       fileState // the file before
	expect     string    // SHA-256 that it must still have, so that another's edit is not lost; empty: any
	sum        string    // SHA-256 of the new content
	backup     string    // path of a copy of the file before; empty: none
	validate   string    // command line with %s that has to accept the new content
	from       string    // word of a file on the host, moved from there; empty: the content is the standard input
	keep       bool      // from is copied and stays
}

func (p placing) script() (string, error) {
	var b strings.Builder
	b.WriteString(preamble)
	fmt.Fprintf(&b, "p=%s\n", p.word)
	if p.follow {
		b.WriteString("if [ -L \"$p\" ]; then p=$(readlink -f -- \"$p\") || die \"cannot tell where the link $p leads\"; fi\n")
	}
	b.WriteString("[ ! -d \"$p\" ] || die \"$p is a directory\"\nd=${p%/*}\nd=${d:-/}\n")
	if p.parents {
		mode := ""
		if p.parentMode != "" {
			mode = "-m " + remote.Quote(p.parentMode) + " "
		}
		b.WriteString("[ -d \"$d\" ] || mkdir -p " + mode + "-- \"$d\" || exit 1\n")
	}
	b.WriteString("[ -d \"$d\" ] || die \"the directory $d does not exist: create it with the file module first\"\n")
	if p.expect != "" {
		fmt.Fprintf(&b, "[ \"$(sha256sum < \"$p\" | cut -c1-64)\" = %s ] || die \"$p was changed by somebody else while it was being edited: run again\"\n", p.expect)
	}
	b.WriteString("trap 'rm -f -- \"$t\"' EXIT\ntrap 'exit 1' HUP INT TERM\n")
	switch {
	case p.from == "":
		b.WriteString("t=$(mktemp \"$d/.polarbook.XXXXXX\") && cat > \"$t\" || die \"cannot write in $d: is it full or read-only?\"\n")
	case p.keep:
		fmt.Fprintf(&b, "t=$(mktemp \"$d/.polarbook.XXXXXX\") && cat < %s > \"$t\" || die \"cannot write in $d: is it full or read-only?\"\n", p.from)
	default:
		fmt.Fprintf(&b, "t=%s\n", p.from)
	}
	if p.sum != "" {
		fmt.Fprintf(&b, "[ \"$(sha256sum < \"$t\" | cut -c1-64)\" = %s ] || die \"what arrived for $p is not what was sent\"\n", p.sum)
	}
	b.WriteString(`if [ -f "$p" ] && [ ! -L "$p" ]; then
	chown "$(stat -c %u:%g -- "$p")" "$t" 2>/dev/null
	chmod "$(stat -c %a -- "$p")" "$t" || exit 1
	if [ -e /sys/fs/selinux/enforce ]; then chcon --reference="$p" -- "$t" 2>/dev/null; fi
	new=
else
	chmod "$(printf %o $((0666 & ~$(umask))))" "$t" || exit 1
	new=yes
fi
`)
	b.WriteString(p.attributes.set(`"$t"`, p.have, false))
	if p.validate != "" {
		line, err := validation(p.validate)
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	if p.backup != "" {
		fmt.Fprintf(&b, "if [ -f \"$p\" ]; then cp -p -- \"$p\" %s || exit 1; fi\n", shellPath(p.backup))
	}
	b.WriteString(`sync -- "$t" 2>/dev/null || sync
mv -f -- "$t" "$p" || exit 1
if [ -n "$new" ] && [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "$p" 2>/dev/null; fi
sync -- "$d" 2>/dev/null || sync
`)
	return b.String(), nil
}

// validation is the line that runs a validate argument on the new content in "$t".
func validation(command string) (string, error) {
	if !strings.Contains(command, "%s") {
		return "", &Failure{Msg: fmt.Sprintf("validate must contain %%s, where the file's name goes: %s", command)}
	}
	words, err := splitWords(command)
	if err != nil {
		return "", &Failure{Msg: "validate cannot be read", Err: err}
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		parts := strings.Split(w, "%s")
		for j, part := range parts {
			if part != "" {
				parts[j] = remote.Quote(part)
			}
		}
		quoted[i] = strings.Join(parts, `"$t"`)
	}
	return fmt.Sprintf("said=$(%s 2>&1 < /dev/null) || die \"the new content of $p was refused by its validate command: $said\"\n", strings.Join(quoted, " ")), nil
}

// backupName is the name that Ansible gives to the copy of a file before a change.
func backupName(file string, at time.Time, pid int) string {
	return fmt.Sprintf("%s.%d.%s~", file, pid, at.Format("2006-01-02@15:04:05"))
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// beside is a hidden name in the same directory.
func beside(file, name string) string {
	return path.Join(path.Dir(file), name)
}

// runPlan runs a plan's script for an Applier and turns a refusal of the host into a failure.
func runPlan(ctx context.Context, s Shell, p Plan) (remote.Result, error) {
	r, err := s.Run(ctx, remote.Command{Script: p.Script, Stdin: p.Stdin})
	if err != nil {
		return r, err
	}
	return r, scriptFailed(r)
}

// scriptFailed is nil for a script that ended well.
func scriptFailed(r remote.Result) error {
	if r.Status == 0 {
		return nil
	}
	said := strings.TrimSpace(string(r.Stderr))
	if said == "" {
		said = fmt.Sprintf("the change ended with status %d and no message", r.Status)
	}
	return &Failure{Msg: said, Values: map[string]any{"rc": r.Status, "stdout": string(r.Stdout), "stderr": string(r.Stderr)}}
}

// prove looks again after a change that an Applier made and fails when more would have to be done.
func prove(ctx context.Context, s Shell, a Action) (Plan, error) {
	r, err := s.Run(ctx, remote.Command{Script: a.Probe()})
	if err != nil {
		return Plan{}, err
	}
	again, err := a.Plan(Found{Result: r})
	if err != nil {
		return Plan{}, err
	}
	if again.Change {
		return Plan{}, &Failure{Msg: "the change was made without an error, but looking again it is still wanted: " + again.Msg}
	}
	return again, nil
}
