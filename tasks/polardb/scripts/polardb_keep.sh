# Keeps a node's configuration files: what a run of an earlier release kept beside PGDATA, if that was killed, and the node's files
# otherwise.
# uses: preamble inside roots polardb_keep_for_root polardb_keep_former
# takes: PGDATA KEPT TLS
umask 077
keep_for_root "${KEPT%/*}"
rm -rf "$KEPT.new"
mkdir "$KEPT.new" || exit 1
from=$PGDATA
if [ -d "$PGDATA.conf-before" ]; then from=$PGDATA.conf-before; fi
inside "$from" || die "$from cannot be entered"
for f in postgresql.conf polar_dma.conf pg_hba.conf postgresql.auto.conf; do
	[ "$f" != postgresql.auto.conf ] || [ -e "./$f" ] || continue
	hold "$f"
	cat <&7 >"$KEPT.new/$f" || exit 1
	exec 7<&-
done
if [ -n "$TLS" ]; then
	for f in server.pem ca.crt; do
		[ ! -f "$TLS/$f" ] || cat "$TLS/$f" >"$KEPT.new/$f" || exit 1
	done
fi
sync
mv -T "$KEPT.new" "$KEPT" && sync || exit 1
forget_former
