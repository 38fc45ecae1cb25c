# Answers the ports of a protocol as the policy has them: their type and, with commas, the ports; local ones likewise.
# uses: selinux_on
# takes: proto
have semanage || exit 0
echo tool yes
# ports NAME [OPTION]: answers the lines of a list of ports under a name.
ports() {
	list=$(semanage port -l -n ${2:+"$2"} 2>/dev/null) && printf '%s\n' "$list" | line=$1 proto=$proto awk '$2 == ENVIRON["proto"] { print ENVIRON["line"], $0 }'
}
ports all || exit 0
ports local -C || exit 0
echo told yes
