# Prints the engine's server program, and how much is free where a backup would be restored for a moment.
# takes: BIN SCRATCH
for p in polar-postgres postgres; do if [ -x "$BIN/$p" ]; then echo "postgres=$BIN/$p"; break; fi; done
for p in zstd gzip; do if command -v $p >/dev/null 2>&1; then echo "packer=$p"; fi; done
up=$SCRATCH
while [ ! -d "$up" ]; do up=${up%/*}; up=${up:-/}; done
df -Pk -- "$up" 2>/dev/null | awk 'NR == 2 { printf "free=%.0f\n", $4 * 1024 }'
echo end=yes
