# Describes the account u, the groups that it is in and those that it is to be in, its home directory and, where /etc/shadow may be
# read, whether its password is the one wanted, locks aside. group is its primary group, the words are its others, by name or number.
# local: only files are asked. test is a builtin of every shell, so the hash is on no command line.
# uses: preamble entry
# takes: u wanted group local
if [ -n "$group" ]; then line=$(entry group "$group") && echo "wanted_group $line"; fi
for g; do
	if line=$(entry group "$g"); then echo "wanted ${line%%:*}"; else echo "missing $g"; fi
done
if line=$(entry group "$u"); then echo same_group yes; fi
line=$(entry passwd "$u") || exit 0
echo "passwd $line"
echo "primary $(id -gn -- "$u" 2>/dev/null)"
if [ -z "$local" ] && have getent; then getent group; else cat /etc/group; fi | member=$u awk -F: '{
	n = split($4, members, ",")
	for (i = 1; i <= n; i++) if (members[i] == ENVIRON["member"]) { print "member " $1; break }
}'
set -f
IFS=:
# shellcheck disable=SC2086 # its fields
set -- $line
if [ -e "$6" ]; then echo home yes; fi
# bare HASH: leaves it in $hash without its locks.
bare() {
	hash=$1
	while [ "$hash" != "${hash#!}" ]; do hash=${hash#!}; done
}
if [ -r /etc/shadow ]; then
	bare "$wanted"
	wanted=$hash
	# shellcheck disable=SC2046 # its fields
	set -- $(entry shadow "$u")
	echo "ages $4:$5:$8:$6:$7"
	case $2 in !*) echo locked yes ;; esac
	bare "$2"
	if [ -z "$hash" ]; then echo empty yes; fi
	if [ "$hash" = "$wanted" ]; then echo password same; else echo password other; fi
fi
exit 0
