# notes: where is noted what was unpacked: store, root's alone, and below an account's home for what it does itself.
# takes: store
notes=$store
if [ "$(id -u)" != 0 ]; then notes=${HOME:-/nonexistent}/.local/state/polarbook/unpacked; fi
