# Writes the files of a backup, in lines. The engine's account reads them, which wrote them.
# takes: FROM OWNER TIMEOUT
cd /
# shellcheck disable=SC2016 # the inner shell's
exec timeout "$TIMEOUT" runuser -u "$OWNER" -- sh -euc 'cd -- "$1"
w=; if printf x | base64 -w 8192 >/dev/null 2>&1; then w="-w 8192"; fi
set -- SHA256SUMS
for part in pgdata polardata tablespaces control CONTENTS *.tar.zst *.tar.gz; do [ ! -e "$part" ] || set -- "$@" "$part"; done
{ tar -cf - -- "$@" || echo failed >&2; } | base64 $w' sh "$FROM" </dev/null
