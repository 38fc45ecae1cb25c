# Looks at a node's log files as the account whose they are: the newest eight, which lie where log_directory says and may be of any
# length. With sizes it says how long they are; with news, what was written since the sizes that are on the input.
cd "$PGDATA" 2>/dev/null || exit 0
dir=$(cat postgresql.conf postgresql.auto.conf 2>/dev/null | sed -n "s/^[ 	]*log_directory[ 	]*=*[ 	]*'\{0,1\}\([^'#]*\)'\{0,1\}.*/\1/p" | tail -n 1)
# shellcheck disable=SC2010 # by their age
list() { ls -t pg_log/* log/* ${dir:+"$dir"/*} 2>/dev/null | grep -v -e '_audit\.log$' -e '_slow\.log$' | awk '!had[$0]++' | head -n 8; }
if [ "$1" = sizes ]; then list | while IFS= read -r f; do stat -c '%s %n' "$f"; done; exit 0; fi
before=$(cat)
list | while IFS= read -r f; do
	was=0
	while read -r size name; do if [ "$name" = "$f" ]; then was=$size; fi; done <<BEFORE
$before
BEFORE
	tail -c +$((was+1)) "$f" | tail -c 65536
done
