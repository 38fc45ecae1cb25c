# Which of the files that are on the input are not in PGDATA: the numbers of their lines.
# takes: PGDATA
cd -P -- "$PGDATA" 2>/dev/null || exit 1
n=0
while IFS= read -r f; do
	[ -f "$f" ] || { n=$((n+1)); [ $n -gt 5 ] || printf 'missing=%s\n' "$f"; }
done
echo "count=$n"
