# Makes a part of large content ready, and says how much of it is there: beside the file, or where others could change that in a
# directory of the shell's user alone. What was given up a week ago goes from there. Only a file of ours that has no other name and
# nobody else may write is gone on with.
# uses: upload
# takes: where sha
p=${d%/}/$part
if [ -n "$who" ]; then
	u=$(id -u)
	s=/var/tmp/.polarbook-$u
	# shellcheck disable=SC2174 # /var/lib is there
	[ "$u" != 0 ] || { mkdir -p -m 0755 /var/lib/polarbook; s=/var/lib/polarbook/stage; }
	[ -d "$s" ] || mkdir -m 0700 "$s"
	if [ -L "$s" ] || [ ! -O "$s" ] || [ "$(stat -c %a "$s")" != 700 ]; then echo "$s is not a directory of user $u alone: remove it" >&2; exit 1; fi
	find "$s" -type f -mtime +7 -exec rm -f {} +
	p=$s/$where$sha.part
	for f in "$s/$where"*.part; do [ "$f" = "$p" ] || rm -f -- "$f"; done
fi
if [ -L "$p" ] || [ ! -f "$p" ] || [ ! -O "$p" ] || stat -c '%h %a' -- "$p" | grep -qv '^1 [0-7]*00$'; then rm -f -- "$p"; fi
set -C
[ -f "$p" ] || true >"$p"
if [ -n "$who" ]; then echo apart; else echo beside; fi
wc -c <"$p"
sha256sum <"$p"
printf '%s\n' "$p"
