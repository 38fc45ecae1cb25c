# Makes the directory that packages are sent to, for root alone.
# uses: preamble roots
# takes: DIR NEEDED
[ "$(id -u)" = 0 ] || die "packages are installed by root, and the task runs as $(id -un): set become"
( umask 077; mkdir -p "$DIR" ) && chmod 700 "$DIR" || die "$DIR cannot be made"
roots "$DIR" || die "$DIR, or a directory above it, does not belong to root alone: root installs nothing that others can replace"
free=$(df -Pk "$DIR" | awk 'NR == 2 { print $4 }')
[ "$free" -ge "$NEEDED" ] || die "$DIR has $free KB free, and the packages need about $NEEDED KB"
