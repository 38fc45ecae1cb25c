# Answers what a boolean is now, and what it will be after the next boot: the policy that is loaded then has that in it, what was set
# for good included. name may be an old name of the boolean.
# uses: selinux_on
# takes: name
if have setsebool; then echo tool yes; fi
kind=$(sed -n 's/^[[:space:]]*SELINUXTYPE[[:space:]]*=[[:space:]]*\([A-Za-z0-9_.-]*\).*/\1/p' /etc/selinux/config 2>/dev/null | tail -n 1)
root=/etc/selinux/${kind:-targeted}
if [ -r "$root/booleans.subs_dist" ]; then
	new=$(old=$name awk '$1 == ENVIRON["old"] && NF > 1 { print $2; exit }' "$root/booleans.subs_dist")
	name=${new:-$name}
fi
echo "name $name"
if [ -e "/sys/fs/selinux/booleans/$name" ]; then
	read -r now _ < "/sys/fs/selinux/booleans/$name" || [ -n "$now" ] || exit 0
	echo "now $now"
fi
# The policy of the highest version. A boolean is three numbers in it, of which the second is its value and the third the length of
# the name that follows.
policy=
for file in "$root"/policy/policy.[0-9] "$root"/policy/policy.[0-9][0-9]; do
	if [ -r "$file" ]; then policy=$file; fi
done
echo told yes
[ -n "$policy" ] || exit 0
echo policy yes
grep -abo -F -e "$name" "$policy" | cut -d: -f1 | while read -r at; do
	[ "$at" -ge 12 ] || continue
	# shellcheck disable=SC2046 # its numbers
	set -- $(od -An -tu4 -j $((at-12)) -N 12 -- "$policy")
	if [ "$3" = "${#name}" ] && [ "$2" -le 1 ]; then
		echo "boot $2"
		break
	fi
done
exit 0
