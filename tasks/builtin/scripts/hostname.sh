# Names the host n, for the next boot and now, as far as it is wanted.
# uses: preamble
# takes: n boot now
if [ -n "$boot" ]; then
	t=$(mktemp /etc/.hostname.XXXXXX) || exit 1
	trap 'rm -f -- "$t"' EXIT
	printf '%s\n' "$n" > "$t" && chmod 0644 "$t" || exit 1
	if [ -e /etc/hostname ] && [ -e /sys/fs/selinux/enforce ]; then chcon --reference=/etc/hostname -- "$t" 2>/dev/null; fi
	sync
	mv -f -- "$t" /etc/hostname || exit 1
fi
if [ -n "$now" ]; then
	if have hostname; then hostname "$n"; else printf '%s' "$n" > /proc/sys/kernel/hostname; fi || die "the kernel refused the name $n: a container may not change it"
fi
