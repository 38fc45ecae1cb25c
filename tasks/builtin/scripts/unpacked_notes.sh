# notes: where is noted what was unpacked: store, root's alone, and below an account's home for what it does itself.
# takes: store
notes=$store
# shellcheck disable=SC2034 # whoever uses it reads it
if [ "$(id -u)" != 0 ]; then notes=${HOME:-/nonexistent}/.local/state/polarbook/unpacked; fi
