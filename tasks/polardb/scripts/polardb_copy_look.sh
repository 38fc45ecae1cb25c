# Prints what is where the copy of a backup is to be, who could put something else there, and how much is free.
# uses: strangers
# takes: TO OWNER
if id -u "$OWNER" >/dev/null 2>&1; then echo account=yes; fi
who=$(strangers "${TO%/*}" "$OWNER")
[ -z "$who" ] || echo "stranger=$who"
if [ -d "$TO" ]; then stat -L -c owner=%U -- "$TO"; fi
if [ -e "$TO" ] && [ ! -d "$TO" ]; then echo kind=file; fi
# shellcheck disable=SC2010 # a name a line
if [ -d "$TO" ]; then ls -A "$TO" | grep -vxF -e backup.polarbook.new -e backup.json.new | head -n 5 | sed 's/^/holds=/'; fi
if [ -f "$TO/backup.polarbook" ]; then head -c 4096 "$TO/backup.polarbook" | sed -n 's/^\([a-z]*=\)/note.\1/p'; fi
up=$TO
while [ ! -d "$up" ]; do up=${up%/*}; up=${up:-/}; done
df -Pk -- "$up" 2>/dev/null | awk 'NR == 2 { printf "free=%.0f\n", $4 * 1024 }'
echo end=yes
