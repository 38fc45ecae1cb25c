# Prints who holds the lock, for how long the host has heard nothing of him and what it still waits for.
# uses: holding
# takes: f
cat "$f"
cat "$f.waits" 2>/dev/null
now=$(date +%s) heard=$(stat -c %Y "$f.beat") && printf 'silent=%s\n' $((now - heard))
