# Prints what a node's directories and unit look like, and the note of a recovery, whose file is $1. A unit without data is what a host
# has whose disk is not mounted, or that nothing was begun on.
# uses: polardb_recovery polardb_node
# takes: UNIT
f=/etc/systemd/system/"$UNIT".service
if [ -f "$f" ]; then
	if grep -q '^RequiresMountsFor=' "$f"; then echo unit=mounts; else echo unit=plain; fi
	d=$(sed -n 's/^ExecStart=.* -D \([^ ;]*\);.*/\1/p' "$f")
	if [ -f "$d/PG_VERSION" ]; then echo "unit.pgdata=$d"; fi
fi
:
