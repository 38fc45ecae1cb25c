# Prints the flags (lsattr) and the SELinux context of what is at p, or under name in a directory there, as far as they are asked for.
# uses: preamble
# takes: p name flags context
[ -z "$name" ] || [ ! -d "$p" ] || p=${p%/}/$name
if [ -n "$context" ] && [ -e /sys/fs/selinux/enforce ]; then echo selinux yes; fi
if [ -e "$p" ]; then
	echo marked yes
	if [ -n "$flags" ] && have lsattr && marks=$(lsattr -d -- "$p" 2>/dev/null); then echo "flags -${marks%% *}"; fi
	if [ -n "$context" ] && [ -e /sys/fs/selinux/enforce ]; then echo "context $(stat -L -c %C -- "$p")"; fi
fi
exit 0
