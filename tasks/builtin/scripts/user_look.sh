# Describes the account u, its home directory and, where /etc/shadow may be read, whether its password is the one wanted. test is a
# builtin of every shell, so the hash is on no command line.
# uses: preamble entry
# takes: u wanted group
if [ -n "$group" ]; then line=$(entry group "$group") && echo "wanted_group $line"; fi
if line=$(entry group "$u"); then echo same_group yes; fi
line=$(entry passwd "$u") || exit 0
echo "passwd $line"
echo "primary $(id -gn -- "$u" 2>/dev/null)"
echo "groups $(id -Gn -- "$u" 2>/dev/null)"
set -f
IFS=:
# shellcheck disable=SC2086 # its fields
set -- $line
if [ -e "$6" ]; then echo home yes; fi
if [ -r /etc/shadow ]; then
	# shellcheck disable=SC2046 # its fields
	set -- $(entry shadow "$u")
	hash=$2
	echo "ages $4:$5:$8"
	case $hash in !*) echo locked yes ;; esac
	if [ "$hash" = "$wanted" ]; then echo password same
	elif [ "${hash#!}" = "$wanted" ]; then echo password under_lock
	else echo password other
	fi
fi
exit 0
