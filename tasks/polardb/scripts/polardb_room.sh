# Makes the directory of the engine's versions, and looks whether there is room for another.
# uses: preamble roots
# takes: ENGINE NEEDED
set -e
( umask 022; mkdir -p "$ENGINE/versions" )
[ "$(id -u)" != 0 ] || roots "$ENGINE/versions" || die "$ENGINE/versions, or a directory above it, does not belong to root alone: root runs nothing that others can replace. Choose another polardb_home, or give the directories to root"
chmod 755 "$ENGINE" "$ENGINE/versions"
free=$(df -Pk "$ENGINE/versions" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$NEEDED" ]; then echo "$ENGINE/versions has $free KB free, and the archive and what it holds need about $NEEDED KB" >&2; exit 1; fi
