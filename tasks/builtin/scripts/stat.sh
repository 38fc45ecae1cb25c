# Prints what stat says of p. follow: of what a link points to; algorithm: of the checksum that is wanted; md5: that
# too; mime: what file takes it for, too; attributes: what lsattr says, too.
# uses: preamble encode
# takes: p follow algorithm md5 mime attributes
printf %s "$p" | encode path
if [ ! -e "$p" ] && { [ -n "$follow" ] || [ ! -L "$p" ]; }; then
	echo absent
	up=$p
	while case $up in */*) ;; *) false ;; esac; do
		up=${up%/*}
		if [ -e "${up:-/}" ]; then
			[ -d "${up:-/}" ] || printf %s "$up" | encode blocked
			break
		fi
	done
	exit 0
fi
stat ${follow:+-L} -c 'stat %f %u %g %U %G %s %i %d %h %X %Y %Z %b %t %T
accessed %x
modified %y
changed %z' -- "$p" || exit 1
# busybox has no %o.
echo "block $(stat ${follow:+-L} -c %o -- "$p" 2>/dev/null)"
if [ -n "$attributes" ] && have lsattr; then echo "attributes $(lsattr -vd -- "$p" 2>/dev/null)"; fi
for right in r w x; do
	if test "-$right" "$p"; then echo may$right; fi
done
if [ -z "$follow" ] && [ -L "$p" ]; then
	readlink -n -- "$p" | encode target
	readlink -f -- "$p" | encode source
	algorithm= md5=
fi
if [ -n "$algorithm" ] && [ -f "$p" ] && [ -r "$p" ]; then echo "sum $("${algorithm}sum" < "$p")"; fi
if [ -n "$md5" ] && [ -f "$p" ] && [ -r "$p" ]; then echo "md5 $(md5sum < "$p")"; fi
if [ -n "$mime" ] && have file; then
	echo "mime $(file -b --mime-type -- "$p" 2>/dev/null)"
	echo "charset $(file -b --mime-encoding -- "$p" 2>/dev/null)"
fi
exit 0
