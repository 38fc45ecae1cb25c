# Answers whether a module of the kernel is loaded or built in, and the files of modules-load.d and modprobe.d that name it, as well as
# those that it has or would have there by its own name.
# uses: preamble
# takes: name
if have modprobe; then echo tool yes; fi
under=$(printf '%s' "$name" | tr - _)
if [ -e "/sys/module/$under" ] || grep -q "^$under " /proc/modules 2>/dev/null; then echo loaded yes
elif grep -q -e "/$name\.ko" "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null; then echo loaded yes
fi
for dir in /etc/modules-load.d /etc/modprobe.d; do
	[ -d "$dir" ] || continue
	for file in "$dir"/*; do
		[ -f "$file" ] || continue
		if [ "$file" = "$dir/$name.conf" ] || grep -q -F -e "$name" -- "$file" 2>/dev/null; then echo "file $file"; fi
	done
done
exit 0
