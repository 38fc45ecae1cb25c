# Prints what is where a backup is to be, who could put something else there, and the tool that makes one.
# uses: strangers
# takes: TO OWNER BIN
who=$(strangers "${TO%/*}" "$OWNER")
[ -z "$who" ] || echo "stranger=$who"
if [ -d "$TO" ]; then stat -L -c owner=%U -- "$TO"; fi
if [ -e "$TO" ] && [ ! -d "$TO" ]; then echo kind=file; elif [ -d "$TO" ]; then echo kind=directory; fi
# shellcheck disable=SC2010 # a name a line
if [ -d "$TO" ]; then ls -A "$TO" | grep -vxF -e backup.polarbook.new -e backup.json.new | head -n 5 | sed 's/^/holds=/'; fi
[ -f "$TO/backup.polarbook" ] && head -c 4096 "$TO/backup.polarbook" | sed -n 's/^\([a-z]*=\)/note.\1/p'
if [ -f "$TO/backup.json" ]; then echo whole=yes; fi
for p in zstd gzip; do if command -v $p >/dev/null 2>&1; then echo "packer=$p"; fi; done
up=$TO
while [ ! -d "$up" ]; do up=${up%/*}; up=${up:-/}; done
df -Pk -- "$up" 2>/dev/null | awk 'NR == 2 { printf "free=%.0f\n", $4 * 1024 }'
for p in polar_basebackup pg_basebackup; do [ -x "$BIN/$p" ] && { echo "tool=$p"; break; }; done
:
