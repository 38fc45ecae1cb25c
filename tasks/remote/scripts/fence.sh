# polarbook_fence SECONDS: ends the work whose mark begins with $old; $marks names the variable that holds the mark. It wants the lock's file in $f, the run's control group,
# if any, in $cg, and what to print before news in $say; "" is for silence. What must not be cut gets SECONDS to end by
# itself. 1: it has not ended, and $what says what it is.
#
# GNU grep looks at all environments in one process; other greps see an environment only up to its first NUL, but the shells
# that come with them read over those.
# takes: f cg say old marks
# leaves: what
polarbook_work() {
	t=' '
	case $(grep --version 2>/dev/null) in
		*GNU*)
			# shellcheck disable=SC2013 # names, no lines
			for p in $(grep -l "$marks=$old" /proc/[0-9]*/environ 2>/dev/null); do
				p=${p#/proc/}
				t="$t${p%/environ} "
			done
		;;
		*)
			for p in /proc/[0-9]*; do
				while read -r e || [ -n "$e" ]; do
					case $e in *"$marks=$old"*) t="$t${p#/proc/} "; break ;; esac
				done <"$p/environ"
			done 2>/dev/null
		;;
	esac
	if [ -n "$cg" ] && [ -r "$cg/cgroup.procs" ]; then
		while read -r p; do t="$t$p "; done <"$cg/cgroup.procs"
	fi
	l= sids=' '
	for e in /proc/[0-9]*/stat; do
		{ read -r s <"$e"; } 2>/dev/null || continue
		p=${s%% *}
		s=${s##*) }
		# shellcheck disable=SC2086 # the words of a line
		set -- $s
		[ "$1" != Z ] && [ "$p" != 1 ] && [ "$4" != "$sid" ] && l="$l $p:$2:$4"
	done
	again=1
	while [ $again = 1 ]; do
		again=0
		for e in $l; do
			p=${e%%:*} e=${e#*:}
			s=${e#*:}
			case $t in
				*" $p "*) ;;
				*)
					case $t in
						*" ${e%:*} "*) t="$t$p "; again=1 ;;
						*) case $sids in *" $s "*) t="$t$p "; again=1 ;; *) continue ;; esac ;;
					esac
				;;
			esac
			case $sids in *" $s "*) ;; *) sids="$sids$s " again=1 ;; esac
		done
	done
	u=' ' what=
	for e in "$f".uncut.*; do
		{ read -r m s <"$e"; } 2>/dev/null || continue
		case $m in "$old"*) ;; *) continue ;; esac
		p=${e##*.}
		case $l in
			*" $p:"*)
				u="$u$p " what=$s
			;;
			*) rm -f "$e" ;;
		esac
	done
	again=1
	[ "$u" != ' ' ] || again=0
	while [ $again = 1 ]; do
		again=0
		for e in $l; do
			p=${e%%:*} e=${e#*:}
			case $u in *" $p "*) continue ;; esac
			case $u in *" ${e%:*} "*) u="$u$p "; again=1 ;; esac
		done
	done
	alive=
	for e in $l; do
		p=${e%%:*}
		case $t in *" $p "*) ;; *) continue ;; esac
		case $u in *" $p "*) continue ;; esac
		alive="$alive $p"
	done
}
polarbook_fence() {
	{ read -r s </proc/$$/stat; } 2>/dev/null
	# shellcheck disable=SC2086 # the words of a line
	set -- "$1" ${s##*) }
	sid=$5 told=' ' said= n=0 began=$(date +%s)
	printf 'ending=1\n' >"$f.waits"
	while :; do
		polarbook_work
		[ -n "$alive$what" ] || break
		if [ -n "$alive" ]; then
			n=$((n + 1))
			pause=0.$n
			if [ $n -gt 6 ]; then
				# shellcheck disable=SC2086 # the words of a line
				kill -KILL $alive
				[ $n -lt 40 ] || break
				pause=0.3
			else
				for p in $alive; do
					case $told in *" $p "*) continue ;; esac
					told="$told$p "
					# shellcheck disable=SC2086 # a number
					kill -TERM $p
				done
			fi 2>/dev/null
			sleep $pause
			continue
		fi
		if [ "$what" != "$said" ]; then
			said=$what
			printf 'ending=1\nwaits=%s\n' "$what" >"$f.waits"
			[ -z "$say" ] || printf '%s %s\n' "$say" "$what"
		fi
		# shellcheck disable=SC2086 # a number
		if [ $(($(date +%s) - began)) -ge $1 ]; then
			# shellcheck disable=SC2086 # a number
			[ $1 != 0 ] || return 1
			rm -f "$f".uncut.*
			continue
		fi
		sleep 0.5
	done
	rm -f "$f.waits"
}
