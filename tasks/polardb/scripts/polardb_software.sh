# Prints what a host has of a version: the archive's checksum, which is noted last, and where the link to the engine leads.
# uses: polardb_loose
# takes: ENGINE DIR
if [ -e "$DIR" ]; then echo there=yes; fi
sum=$(cat "$DIR/.sha256" 2>/dev/null) && echo "sha256=$sum"
current=$(readlink "$ENGINE/current" 2>/dev/null) && echo "current=$current"
# shellcheck disable=SC2119 # no action: it prints
if [ -n "$(loose | head -n 1)" ]; then echo loose=yes; fi
:
