# Answers the ports of a protocol as the policy has them: their type and, with commas, the ports; local ones likewise.
# uses: selinux_on
# takes: proto
have semanage || exit 0
echo tool yes
ports() { list=$("$@" 2>/dev/null) && printf '%s\n' "$list" | line=$name proto=$proto awk '$2 == ENVIRON["proto"] { print ENVIRON["line"], $0 }'; }
name=all ports semanage port -l -n || exit 0
name=local ports semanage port -l -n -C || exit 0
echo told yes
