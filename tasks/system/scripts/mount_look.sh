# Answers what is mounted, and the path p as the kernel knows it: links on the way to it followed, and one at its end not. Of src,
# which is to be seen at p, all links are followed.
# uses: preamble encode
# takes: p src
if (
	dir=${p%/*}
	cd -P -- "${dir:-/}" 2>/dev/null || exit 1
	dir=$(pwd)
	[ "$p" = / ] || printf '%s' "${dir%/}/${p##*/}" | encode real
); then :; else printf '%s' "$p" | encode real; fi
[ -z "$src" ] || readlink -f -- "$src" | tr -d '\n' | encode from
if [ -e "$p" ]; then echo there yes; fi
head -c 524288 /proc/self/mountinfo | encode mounts
echo looked yes
