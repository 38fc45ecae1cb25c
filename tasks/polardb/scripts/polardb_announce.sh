# Run by the leader's engine's account, with POLARDATA, PGDATA and the names of tablespaces. The engine looks in POLARDATA for those
# when it begins a base backup, and puts them into PGDATA only: without a directory of the name it copies none, and says nothing; of
# one that is left of a tablespace that was dropped it warns (observed on 11.9).
[ -d "$1/pg_tblspc" ] || mkdir -m 700 -- "$1/pg_tblspc"
cd -P -- "$1/pg_tblspc" || exit 1
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
