# Starts a node's server.
# uses: polardb_server
# takes: UNIT
# leaves: BEFORE CURSOR
BEFORE=$(sizes)
# An entry of our own: what follows a cursor is found by its unit only when the entry at the cursor is of another.
echo "polarbook starts $UNIT" | systemd-cat -t polarbook 2>/dev/null || :
journalctl --sync 2>/dev/null || sleep 0.3
CURSOR=$(journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p') || :
systemctl reset-failed "$UNIT" 2>/dev/null || :
if ! systemctl start "$UNIT"; then give_up; fi
