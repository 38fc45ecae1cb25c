# polarbook_stop PID SPARE: ends everything below PID that is in PID's session, SPARE and what is below that excepted, with
# SIGTERM and after three seconds with SIGKILL. It looks seldom, because looking is slow on a busy host with many processes.
# It uses /proc and builtins only, because ps is not everywhere and every process that it started would be one more to look
# at. What it has seen once it remembers, so that a process that lost its parent to SIGTERM is still found. Parents are told
# before their children: a script must not go on to its next line because the program in hand was ended.
polarbook_look() {
	l=
	for f in /proc/[0-9]*/stat; do
		{ read -r s <"$f"; } 2>/dev/null || continue
		p=${s%% *}
		s=${s##*) }
		# shellcheck disable=SC2086 # the words of a line
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
	# shellcheck disable=SC2086 # the words of a line
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
		# shellcheck disable=SC2086 # the numbers of processes
		kill -KILL $alive 2>/dev/null
		sleep $pause
	done
}
