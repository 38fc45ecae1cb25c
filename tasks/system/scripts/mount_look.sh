# Answers what is mounted, and the path p as the kernel knows it: links on the way to it followed, and one at its end not.
# uses: preamble encode
# takes: p
if (
	dir=${p%/*}
	cd -P -- "${dir:-/}" 2>/dev/null || exit 1
	dir=$(pwd)
	[ "$p" = / ] || printf '%s' "${dir%/}/${p##*/}" | encode real
); then :; else printf '%s' "$p" | encode real; fi
if [ -e "$p" ]; then echo there yes; fi
head -c 524288 /proc/self/mountinfo | encode mounts
echo looked yes
