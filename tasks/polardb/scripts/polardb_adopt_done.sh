# Notes that a node is taken over to the end.
# takes: NOTE
set -e
: >"$NOTE/done"
sync
