package tasks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// spaceScript is what a node's scripts know of tablespaces. It wants PGDATA, MARKER and OWNER, the engine's account. Which
// locations are the node's, and may be emptied, its own links say, and a note of root's that is written before a copy begins:
// while it runs there are no links yet. Only the engine's own directories in them are removed, and by the engine's account,
// which so can remove nothing that it could not anyway, wherever its links lead.
const spaceScript = `
SPACES=${MARKER%.node}.spaces
own_spaces() {
	for l in "$PGDATA"/pg_tblspc/*; do
		if [ -L "$l" ]; then readlink -- "$l" || :; fi
	done
	if [ -f "$SPACES" ]; then
		while IFS= read -r l; do
			if [ "$(stat -L -c %i -- "${l#* }" 2>/dev/null)" = "${l%% *}" ]; then printf '%s\n' "${l#* }"; fi
		done <"$SPACES"
	fi
}
# other_space LOCATION: the PGDATA of another node of this host that has it.
other_space() {
	for m in "${MARKER%/*/*}"/*/*.node; do
		if [ ! -f "$m" ] || [ "$m" = "$MARKER" ]; then continue; fi
		o=$(sed -n 's/^pgdata=//p' "$m")
		if [ -z "$o" ] || [ "$o" = "$PGDATA" ]; then continue; fi
		for l in "$o"/pg_tblspc/*; do
			if [ -L "$l" ] && { [ "$l" -ef "$1" ] || [ "$(readlink -- "$l")" = "$1" ]; }; then printf '%s\n' "$o"; return 0; fi
		done
	done
}
wipe_space() { # LOCATION
	case $1 in /*) ;; *) return 0 ;; esac
	if [ ! -d "$1" ] || [ -n "$(other_space "$1")" ] || ! id -u "$OWNER" >/dev/null 2>&1; then return 0; fi
	runuser -u "$OWNER" -- sh -euc 'cd -P -- "$1" 2>/dev/null || exit 0
		for d in PG_11_[0-9]*; do if [ -d "./$d" ] && [ ! -L "./$d" ]; then rm -rf -- "./$d"; fi; done' sh "$1" </dev/null
}
wipe_spaces() {
	own_spaces | while IFS= read -r s; do wipe_space "$s" || exit 1; done || exit 1
}
`

// spaceLook prints for each location, numbered, what is there. It changes nothing.
const spaceLook = spaceScript + `
mine=$(own_spaces)
n=0
for s; do
	n=$((n+1))
	echo "space=$n"
	other=$(other_space "$s")
	if [ -n "$other" ]; then printf 'other=%s\n' "$other"; fi
	who=$(strangers "${s%/*}/" "$OWNER")
	if [ -n "$who" ]; then printf 'stranger=%s\n' "$who"; fi
	if [ ! -e "$s" ] && [ ! -L "$s" ]; then continue; fi
	if [ ! -d "$s" ]; then echo kind=file; continue; fi
	stat -L -c 'owner=%U' -- "$s"
	own=
	if printf '%s\n' "$mine" | grep -qxF -- "$s"; then own=yes; fi
	ls -A -- "$s/" | while IFS= read -r f; do
		# What a new file system has is nothing that somebody put there.
		if [ "$f" = lost+found ] && [ ! -L "$s/$f" ] && [ "$(stat -c '%F %u' -- "$s/$f")" = 'directory 0' ] && [ -z "$(ls -A -- "$s/$f")" ]; then continue; fi
		case $own$f in yesPG_11_[0-9]*) ;; *) printf 'holds=%s\n' "$f" ;; esac
	done | head -n 4
done
:
`

// spacePrepare leaves each location there and empty, for the engine's account alone, and notes that it is to be filled.
const spacePrepare = `
wipe_spaces
keep_for_root "${SPACES%/*}"
( umask 077; : >"$SPACES" )
prepare_space() { (
	other=$(other_space "$1")
	[ -z "$other" ] || die "$1 is the tablespace of the node in $other on this host"
	who=$(strangers "${1%/*}/" "$OWNER")
	[ -z "$who" ] || die "$who, and could replace the tablespace $1"
	( umask 022; reach "${1%/*}/" ) || exit 1
	[ -d "$1" ] || ( spot "$1" && mkdir -m 0700 -- "./$b" ) || exit 1
	inside "$1" || die "$1 cannot be entered"
	who=$(strangers "${here%/*}/" "$OWNER")
	[ -z "$who" ] || die "$who, and could replace the tablespace $1"
	uid=$(stat -c %u .)
	[ "$uid" = 0 ] || [ "$uid" = "$(id -u "$OWNER")" ] || die "the tablespace $1 belongs to another account"
	rmdir ./lost+found 2>/dev/null || :
	[ -z "$(ls -A .)" ] || die "the tablespace $1 is not empty"
	chown -h "$OWNER": . && chmod 700 . || exit 1
	printf '%s %s\n' "$(stat -c %i .)" "$1" >>"$SPACES"
) }
`

// prepareSpaces is the part of a node's script that empties what is left of an earlier copy in its tablespaces, and makes
// their places ready for the next. It comes after begin.
func prepareSpaces(spaces []tablespace) string {
	s := script.Strangers + spacePrepare
	for _, t := range spaces {
		s += "prepare_space " + remote.Quote(t.location) + "\n"
	}
	return s + `sync "$SPACES" 2>/dev/null || sync` + "\n"
}

// spaceDoubts says for what reasons a node cannot take tablespaces, as it is.
func (a *nodeArgs) spaceDoubts(ctx context.Context, h Host, spaces []tablespace) ([]string, error) {
	if len(spaces) == 0 {
		return nil, nil
	}
	words := "set --"
	for _, t := range spaces {
		words += " " + remote.Quote(t.location)
	}
	text := script.Preamble + script.Strangers + a.names().Replace("PGDATA=@PGDATA@ MARKER=@MARKER@ OWNER=@USER@\n") + words + "\n" + spaceLook
	answer, err := h.Shell().Run(ctx, remote.Command{Script: text})
	if err != nil {
		return nil, err
	}
	if err := scriptFailed(answer); err != nil {
		return nil, &Failure{Msg: "the tablespaces' places on " + h.Name() + " cannot be looked at", Err: err}
	}
	return readSpaceLook(h.Name(), a.User, spaces, string(answer.Stdout)), nil
}

func readSpaceLook(host, user string, spaces []tablespace, text string) []string {
	var doubts []string
	var holds []string
	at := -1
	doubt := func(format string, args ...any) {
		doubts = append(doubts, fmt.Sprintf("%s in %s ", spaces[at].name, spaces[at].location)+fmt.Sprintf(format, args...))
	}
	full := func() {
		if len(holds) > 0 {
			doubt("is not empty on %s: %s", host, firstOf(holds, 3))
		}
		holds = nil
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if key == "space" {
			if at >= 0 {
				full()
			}
			at++
		}
		if at < 0 || at >= len(spaces) {
			continue
		}
		switch key {
		case "other":
			doubt("is a tablespace of the node in %s on %s", value, host)
		case "stranger":
			doubt("is not safe on %s: %s, and could replace it", host, value)
		case "kind":
			doubt("is no directory on %s", host)
		case "owner":
			if value != "root" && value != user {
				doubt("belongs to %s on %s", value, host)
			}
		case "holds":
			holds = append(holds, value)
		}
	}
	if at >= 0 && at < len(spaces) {
		full()
	}
	return doubts
}

// announceSpaces is run by the leader's engine's account, in POLARDATA. The engine looks there for the names of tablespaces
// when it begins a base backup, and puts them into PGDATA only: without a directory of the name it copies none, and says
// nothing; of one that is left of a tablespace that was dropped it warns (observed on 11.9).
const announceSpaces = `[ -d "$1/pg_tblspc" ] || mkdir -m 700 -- "$1/pg_tblspc"
cd -P -- "$1/pg_tblspc"
links=$2/pg_tblspc
shift 2
for o; do
	[ -L "$links/$o" ] || { echo "$links/$o is no link" >&2; exit 1; }
	[ -d "./$o" ] || mkdir -m 700 -- "./$o"
done
for d in *; do
	case " $* " in *" $d "*) continue ;; esac
	if [ -d "./$d" ] && [ ! -L "./$d" ] && [ ! -L "$links/$d" ]; then rmdir -- "./$d" 2>/dev/null || :; fi
done
`

// announce makes the leader's next base backup copy its tablespaces.
func (c *clusterArgs) announce(ctx context.Context, h Host, list []wantedNode, leader dma.View, spaces []tablespace) error {
	on, err := nodeNamed(list, leader.Node)
	if err != nil {
		return err
	}
	if on.Pgdata == "" || on.Polardata == "" {
		if len(spaces) == 0 {
			return nil
		}
		return &ArgError{Arg: "nodes", Problem: "does not say pgdata and polardata of " + leader.Node + ", and the cluster has tablespaces"}
	}
	host, err := h.Peer(ctx, leader.Node)
	if err != nil {
		return err
	}
	root, err := host.As(ctx, "")
	if err != nil {
		return err
	}
	words := []string{on.Polardata, on.Pgdata}
	for _, t := range spaces {
		words = append(words, fmt.Sprint(t.oid))
	}
	answer, err := root.Run(ctx, remote.Command{Script: script.Preamble + "cd /\nexec runuser -u " + remote.Quote(on.User) + " -- sh -euc " + remote.Quote(announceSpaces) + " sh " + script.Words(words) + "\n"})
	if err != nil {
		return err
	}
	if err := scriptFailed(answer); err != nil {
		return &Failure{Msg: "the base backup of " + leader.Node + " cannot be told of the tablespaces", Err: err}
	}
	return nil
}

// sameSpaces fails when the tablespaces are no longer those that a copy was begun with.
func (c *clusterArgs) sameSpaces(ctx context.Context, h Host, list []wantedNode, leader dma.View, spaces []tablespace) error {
	now, err := c.tablespaces(ctx, h, list, leader)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(now, spaces, func(a, b tablespace) bool { return a.oid == b.oid && a.location == b.location }) {
		return &Failure{Msg: fmt.Sprintf("while %s was copied a tablespace was made or dropped: the copy is not used", leader.Node), Hint: "run again"}
	}
	return nil
}
