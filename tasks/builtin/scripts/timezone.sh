# Makes z the time zone; text: in /etc/timezone, too.
# uses: preamble
# takes: z text
t=/etc/.localtime.$$
trap 'rm -f -- "$t" "$t.text"' EXIT
ln -s "../usr/share/zoneinfo/$z" "$t" || exit 1
if [ -n "$text" ]; then
	printf '%s\n' "$z" > "$t.text" && chmod 0644 "$t.text" && mv -f -- "$t.text" /etc/timezone || exit 1
fi
mv -f -- "$t" /etc/localtime || exit 1
if [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon /etc/localtime /etc/timezone 2>/dev/null; fi
sync
