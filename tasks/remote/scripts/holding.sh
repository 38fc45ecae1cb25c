# Ends the script unless the process that the lock's file names is alive.
# takes: f
# leaves: p
[ -s "$f" ] || exit 0
p=$(sed -n 's/^pid=//p' "$f")
born=$(sed -n 's/^born=//p' "$f")
[ -n "$p" ] || exit 0
{ read -r stat <"/proc/$p/stat"; } 2>/dev/null || exit 0
# shellcheck disable=SC2086 # the words of a line
set -- ${stat##*) }
[ "${20}" = "$born" ] || exit 0
