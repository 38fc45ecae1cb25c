# Makes the home directory of an account when it is missing, as useradd would, but from within: above it another account may own.
# uses: preamble inside
# takes: home skeleton name mask
if [ ! -e "$home" ]; then
	defs() { sed -n "s/^[[:space:]]*$1[[:space:]]*\([0-7]*\).*/\1/p" /etc/login.defs 2>/dev/null | head -n 1; }
	mode=$(defs HOME_MODE) default=$(defs UMASK)
	default=${mask:-${default:-022}}
	umask 022
	reach "${home%/*}" && spot "$home" && mkdir -m 0700 -- "./$b" && enter "$b" || exit 1
	umask "$default"
	if [ -d "$skeleton" ]; then cp -R "$skeleton"/. . || exit 1; fi
	chmod "${mode:-$(printf %o $((0777 & ~0$default)))}" . || exit 1
	chown -R -h "$(id -u -- "$name"):$(id -g -- "$name")" . || exit 1
	if [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon -R "$home" 2>/dev/null; fi
fi
