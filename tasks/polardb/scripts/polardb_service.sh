# Prints what a node looks like, and what systemd is about to do: a server that has ended may be started again in a moment.
# uses: polardb_node
# takes: UNIT
systemctl show -p SubState "$UNIT" 2>/dev/null | sed -n 's/^SubState=/unit.sub=/p'
