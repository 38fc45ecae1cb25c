# Answers which locales there are, how they are made, and those of the words that could be.
# uses: preamble encode
if [ -e /etc/locale.gen ]; then echo how glibc
elif [ -d /var/lib/locales/supported.d ]; then echo how ubuntu_legacy
fi
if have locale-gen; then echo tool yes; fi
locale -a 2>/dev/null | sed 's/^/has /'
for name; do
	if name=$name awk '{ sub(/^[ \t]*#?[ \t]*/, "") } NF == 2 && $1 == ENVIRON["name"] { print "known " $1, $2; found = 1; exit } END { exit !found }' \
		/usr/share/i18n/SUPPORTED 2>/dev/null; then :; fi
done
exit 0
