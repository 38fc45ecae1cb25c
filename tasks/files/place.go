package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
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
	Word       string // the path, as a word of a shell
	Follow     bool   // replace what a link points to, not the link
	Parents    bool   // make missing directories
	parentMode string // octal or symbolic; empty: the umask's
	Attributes Attributes
	Have       script.File // the file before
	expect     string      // SHA-256 that it must still have, so that another's edit is not lost; empty: any
	Sum        string      // SHA-256 of the new content
	Backup     string      // path of a copy of the file before; empty: none
	Validate   string      // command line with %s that has to accept the new content
	From       string      // word of a file on the host, moved from there; empty: the content is the standard input
	Keep       bool        // from is copied and stays
}

// Script returns the script that places the content. An error is about a path that cannot be written to.
func (p Placing) Script() (string, error) {
	var b strings.Builder
	b.WriteString(script.Preamble + script.Inside)
	fmt.Fprintf(&b, "p=%s\n", p.Word)
	b.WriteString("trap '[ -z \"$t\" ] || rm -f -- \"./$t\"' EXIT\ntrap 'exit 1' HUP INT TERM\nt=\n")
	if p.From != "" {
		b.WriteString("case $p in /*) ;; *) p=$(pwd)/$p ;; esac\n")
	}
	if p.Keep {
		fmt.Fprintf(&b, "s=%[1]s\n( spot \"$s\" follow ) || die \"$s cannot be read\"\nspot \"$s\" follow\nhold \"$b\"\nexec 6<&7 7<&-\n", p.From)
	} else if p.From != "" {
		// What was uploaded is held before anything else: from here on it is what it is, whatever becomes of its name.
		fmt.Fprintf(&b, "spot %s || die \"what was uploaded for $p is gone: run again\"\nhold \"$b\"\nstaged=${here%%/}/$b\n", p.From)
		b.WriteString("[ \"$(stat -L -c %u $held)\" = \"$(id -u)\" ] || changed \"$staged\"\n")
	}
	if p.Parents {
		mode := ""
		if p.parentMode != "" {
			mode = " " + remote.Quote(p.parentMode)
		}
		b.WriteString("d=${p%/*}\n( reach \"${d:-/}\"" + mode + " ) || exit 1\n")
	}
	follow := ""
	if p.Follow {
		follow = " follow"
	}
	b.WriteString("spot \"$p\"" + follow + " || die \"the directory ${p%/*} does not exist: create it with the file module first\"\n")
	b.WriteString("[ ! -d \"./$b\" ] || die \"$p is a directory\"\n")
	if p.expect != "" {
		fmt.Fprintf(&b, "[ \"$(sha256sum < \"./$b\" | cut -c1-64)\" = %s ] || die \"$p was changed by somebody else while it was being edited: run again\"\n", p.expect)
	}
	const full = " || die \"cannot write in $here: is it full or read-only?\"\n"
	name := "t=.polarbook.$(mktemp -u XXXXXXXX)\nfresh \"$t\"" + full
	switch {
	case p.From == "":
		b.WriteString(name + "cat >&7" + full)
	case p.Keep:
		b.WriteString(name + "cat <&6 >&7" + full)
	default:
		// Beside its place it is renamed; where the place is a link's target elsewhere, copied.
		b.WriteString("if [ \"$staged\" = \"${here%/}/${staged##*/}\" ]; then t=${staged##*/}\nelse\nexec 6<&7\n" + name + "cat <&6 >&7" + full + "rm -f -- \"$staged\"\nfi\n")
	}
	if p.Sum != "" {
		fmt.Fprintf(&b, "[ \"$(sha256sum < $held | cut -c1-64)\" = %s ] || die \"what arrived for $p is not what was sent\"\n", p.Sum)
	}
	b.WriteString(`if [ -f "./$b" ] && [ ! -L "./$b" ]; then
	was=$(stat -c '%u:%g %a' -- "./$b") || changed "$p"
	chown "${was% *}" $held 2>/dev/null
	chmod "${was#* }" $held || exit 1
	if [ -e /sys/fs/selinux/enforce ]; then chcon --reference="./$b" -- $held 2>/dev/null; fi
	new=
else
	chmod "$(printf %o $((0666 & ~$(umask))))" $held || exit 1
	new=yes
fi
`)
	b.WriteString(p.Attributes.Set("$held", p.Have, false))
	if p.Validate != "" {
		line, err := validation(p.Validate)
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	if p.Backup != "" {
		// In a shell of its own, which goes to the directory that the copy is for and has the old file open.
		fmt.Fprintf(&b, `if [ -f "./$b" ] && [ ! -L "./$b" ]; then (
	exec 7>&-
	hold "$b"
	exec 6<&7
	old=/proc/self/fd/6
	spot %s || exit 1
	fresh "$b" && cat <&6 >&7 || exit 1
	chown "$(stat -L -c %%u:%%g $old)" $held 2>/dev/null
	chmod "$(stat -L -c %%a $old)" $held && touch -r $old -- $held
) || die "$p cannot be copied before the change"; fi
`, string(script.Path(p.Backup)))
	}
	b.WriteString(`sync -- $held 2>/dev/null || sync
mv -f -T -- "./$t" "./$b" || exit 1
t=
if [ -n "$new" ] && [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "${here%/}/$b" 2>/dev/null; fi
sync -- . 2>/dev/null || sync
`)
	return b.String(), nil
}

// validation is the line that runs a validate argument on the new content in "$t", which is in the working directory.
func validation(command string) (string, error) {
	if !strings.Contains(command, "%s") {
		return "", &tasks.Failure{Msg: fmt.Sprintf("validate must contain %%s, where the file's name goes: %s", command)}
	}
	words, err := script.SplitWords(command)
	if err != nil {
		return "", &tasks.Failure{Msg: "validate cannot be read", Err: err}
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		parts := strings.Split(w, "%s")
		for j, part := range parts {
			if part != "" {
				parts[j] = remote.Quote(part)
			}
		}
		quoted[i] = strings.Join(parts, `"${here%/}/$t"`)
	}
	return fmt.Sprintf("said=$(%s 2>&1 < /dev/null) || die \"the new content of $p was refused by its validate command: $said\"\n", strings.Join(quoted, " ")), nil
}

// BackupName is the name that Ansible gives to the copy of a file before a change.
func BackupName(file string, at time.Time, pid int) string {
	return fmt.Sprintf("%s.%d.%s~", file, pid, at.Format("2006-01-02@15:04:05"))
}

// SumOf returns the SHA-256 of a content in hexadecimal digits.
func SumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// beside is a hidden name in the same directory.
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

// ScriptFailed is nil for a script that ended well.
func ScriptFailed(r remote.Result) error {
	if r.Status == 0 {
		return nil
	}
	said := strings.TrimSpace(string(r.Stderr))
	if said == "" {
		said = fmt.Sprintf("the change ended with status %d and no message", r.Status)
	}
	return &tasks.Failure{Msg: said, Values: map[string]any{"rc": r.Status, "stdout": string(r.Stdout), "stderr": string(r.Stderr)}}
}

// Prove looks again after a change that an Applier made and fails when more would have to be done.
func Prove(ctx context.Context, s tasks.Shell, a tasks.Action) (tasks.Plan, error) {
	r, err := s.Run(ctx, remote.Command{Script: a.Probe()})
	if err != nil {
		return tasks.Plan{}, err
	}
	again, err := a.Plan(tasks.Found{Result: r})
	if err != nil {
		return tasks.Plan{}, err
	}
	if again.Change {
		return tasks.Plan{}, &tasks.Failure{Msg: "the change was made without an error, but looking again it is still wanted: " + again.Msg}
	}
	return again, nil
}
