# Notes that nothing is left to do of a restore.
# takes: MARKER
rm -f "${MARKER%.node}.restore" "${MARKER%.node}.restore.new" "${MARKER%.node}.replay" "${MARKER%.node}.replay.log" && sync
