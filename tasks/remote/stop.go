package remote

import (
	"context"
	"fmt"
	"time"
)

// stopPatience bounds how long stopping a command may take before its shell is
// given up: three seconds between SIGTERM and SIGKILL, a moment for that to take
// effect, and the way there.
const stopPatience = 20 * time.Second

// stopFunction defines polarbook_stop PID SPARE: it ends everything below PID that
// is in PID's session, SPARE and what is below that excepted, with SIGTERM and
// after three seconds with SIGKILL. It looks seldom, because looking is slow on a
// busy host with many processes. It uses /proc and builtins only, because ps is
// not everywhere and every process that it started would be one more to look at.
// What it has seen once it remembers, so that a process that lost its parent to
// SIGTERM is still found. Parents are told before their children: a script must not
// go on to its next line because the program in hand was ended.
const stopFunction = `polarbook_look() {
l=
for f in /proc/[0-9]*/stat; do
{ read -r s <"$f"; } 2>/dev/null || continue
p=${s%% *}
s=${s##*) }
set -- $s
[ "$4" = "$sid" ] && [ "$1" != Z ] && l="$l $p:$2"
done
again=1
while [ $again = 1 ]; do
again=0
for e in $l; do
p=${e%:*}
case $t in *" $p "*) continue ;; esac
[ "$p" = "$spare" ] && continue
case $t in *" ${e#*:} "*) t="$t$p "; again=1 ;; esac
done
done
alive=
for p in $t; do
[ "$p" = "$root" ] && continue
case $l in *" $p:"*) alive="$alive $p" ;; esac
done
}
polarbook_stop() {
root=$1 spare=$2
{ read -r s <"/proc/$root/stat"; } 2>/dev/null || return 0
set -- ${s##*) }
sid=$4 t=" $root " told=' '
for pause in 0.1 0.2 0.4 0.8 1.5; do
polarbook_look
[ -n "$alive" ] || return 0
for p in $alive; do
case $told in *" $p "*) continue ;; esac
told="$told$p "
kill -TERM "$p" 2>/dev/null
done
sleep $pause
done
for pause in 0.1 0.2 0.4 0.8; do
polarbook_look
[ -n "$alive" ] || return 0
kill -KILL $alive 2>/dev/null
sleep $pause
done
}
`

// stopBelow ends what runs below the process pid of ours, through a session of its
// own as the same user, since that user may signal what is there.
func (h *Host) stopBelow(b Become, pid int) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	s, err := h.openShell(ctx, b)
	if err != nil {
		return err
	}
	defer s.close()
	marker := "polarbook-" + randomHex()
	h.roundTrips.Add(1)
	text := fmt.Sprintf("%s{\n%spolarbook_stop %d 0\nprintf '%s\\n'\nexit\n}\n", surroundings, stopFunction, pid, marker)
	if err := s.write(ctx, []byte(text)); err != nil {
		return err
	}
	for {
		select {
		case _, more := <-s.out: // the marker, or the end
			if !more {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-h.done:
			return h.Err()
		}
	}
}
