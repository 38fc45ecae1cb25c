package tasks

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

// preamble begins every script that is ours: answers must not be translated, and accounts entered with su lack the
// directories that useradd and sysctl are in.
const preamble = `LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
die() { printf '%s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
`

// tcpTables leaves the names of the kernel's tables of TCP sockets in $tcp. Where IPv6 is off there is one only, and awk
// gives up at a file that is not there.
const tcpTables = `tcp=/proc/net/tcp
if [ -r /proc/net/tcp6 ]; then tcp="$tcp /proc/net/tcp6"; fi
`

// workDir makes WORK, a directory for what a script needs while it runs: a password's file, a program's log. It lies in
// memory, so that a password does not outlive the host's power, and goes with the script however that ends: a shell that
// dies of a signal runs no EXIT trap by itself, and what writes after its laptop is gone dies of SIGPIPE.
const workDir = `WORK=$(mktemp -d /run/polarbook.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 129' HUP INT PIPE TERM
chmod 711 "$WORK"
`

var homeOf = regexp.MustCompile(`^~[A-Za-z0-9_.-]*$`)

// shellPath is a path as a word of a shell, never taken for an option. A leading ~ or ~user is left for the host to expand.
func shellPath(path string) string {
	first, rest, more := strings.Cut(path, "/")
	switch {
	case homeOf.MatchString(first) && !more:
		return first
	case homeOf.MatchString(first):
		return first + "/" + remote.Quote(rest)
	case strings.HasPrefix(path, "/"):
		return remote.Quote(path)
	}
	return remote.Quote("./" + path)
}

// shellPattern is a path whose *, ? and [] the shell expands.
func shellPattern(path string) string {
	var out, plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			out.WriteString(remote.Quote(plain.String()))
			plain.Reset()
		}
	}
	rest := path
	if first, after, more := strings.Cut(path, "/"); homeOf.MatchString(first) {
		out.WriteString(first)
		rest = ""
		if more {
			out.WriteByte('/')
			rest = after
		}
	}
	for _, r := range rest {
		if strings.ContainsRune("*?[]", r) {
			flush()
			out.WriteRune(r)
			continue
		}
		plain.WriteRune(r)
	}
	flush()
	return out.String()
}

// trimSlashes drops what follows a directory's name, so that the directory above it can be told from the text alone.
func trimSlashes(path string) string {
	if t := strings.TrimRight(path, "/"); t != "" {
		return t
	}
	return path[:min(1, len(path))]
}

// quoteAll quotes words and joins them to a command.
func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = remote.Quote(w)
	}
	return strings.Join(quoted, " ")
}

// splitWords splits a command line as a POSIX shell does, without expanding anything (Python's shlex).
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, started := rune(0), false
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			if in == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && in != '\'':
			escaped, started = true, true
		case in != 0 && r == in:
			in = 0
		case in != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			in, started = r, true
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if in != 0 {
		return nil, fmt.Errorf("the quotation that begins with %c never ends", in)
	}
	if escaped {
		return nil, errors.New("nothing follows the backslash at the end")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// notYet is for what an earlier task may provide: a run fails without it, a run that only asks cannot know.
// what says what is missing.
func notYet(check bool, what, hint string) (Plan, error) {
	if check {
		return Plan{Unknown: what}, nil
	}
	return Plan{}, &Failure{Msg: what, Hint: hint}
}
