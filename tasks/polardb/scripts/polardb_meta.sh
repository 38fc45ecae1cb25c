# Initialises a node's consensus meta. $* are the engine's settings that say what it becomes.
# uses: polardb_mark polardb_logs work_dir
# takes: PGDATA POSTGRES MODE TIMEOUT OWN
cd /
if [ -f "$PGDATA/postmaster.pid" ] && as pg_ctl -D "$PGDATA" status >/dev/null 2>&1; then as timeout 90 pg_ctl -D "$PGDATA" stop -m fast -t 60 >/dev/null; fi
grep -q '^[ 	]*polar_enable_dma[ 	]*=[ 	]*on' "$PGDATA/polar_dma.conf" || { echo "$PGDATA/polar_dma.conf does not set polar_enable_dma = on: the engine would start an ordinary server instead and never come back" >&2; exit 1; }
# The first start of the engine pins polar_datadir here, over what postgresql.conf says later (observed on 11.9).
as rm -f "$PGDATA/polar_node_static.conf"
rc=0
BEFORE=$(logs sizes)
as timeout -k 10 "$TIMEOUT" "$POSTGRES" -D "$PGDATA" -c "$MODE=ON" "$@" >"$WORK/log" 2>&1 || rc=$?
if [ $rc != 0 ]; then
	if [ $rc = 124 ]; then echo "the engine did not come back within $TIMEOUT s and was ended"; else echo "the engine ended with the status $rc"; fi >&2
	{ echo @@log; tail -c 65536 "$WORK/log"; printf '%s' "$BEFORE" | logs news; } >&2
	exit 1
fi
mark meta
rm -rf "$OWN"
