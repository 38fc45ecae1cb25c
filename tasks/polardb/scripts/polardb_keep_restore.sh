# Puts the configuration files back that were kept. Each is written beside its place, as it is opened, and renamed.
# uses: preamble inside
# takes: PGDATA KEPT TLS OWNER
inside "$PGDATA" || die "$PGDATA cannot be entered"
t=
trap '[ -z "$t" ] || rm -f -- "./$t"' EXIT
for f in postgresql.conf polar_dma.conf pg_hba.conf postgresql.auto.conf; do
	[ -e "$KEPT/$f" ] || continue
	t=.polarbook.$(mktemp -u XXXXXXXX)
	fresh "$t" && cat "$KEPT/$f" >&7 && chown "$OWNER": $held && chmod 0600 $held && mv -f -T -- "./$t" "./$f" || exit 1
	t=
	exec 7>&-
done
for f in server.pem ca.crt; do
	if [ -n "$TLS" ] && [ -f "$KEPT/$f" ] && [ -d "$TLS" ]; then
		cat "$KEPT/$f" >"$TLS/.polarbook.$f" && chown "root:$OWNER" "$TLS/.polarbook.$f" && chmod 0640 "$TLS/.polarbook.$f" && mv -f -T "$TLS/.polarbook.$f" "$TLS/$f" || exit 1
	fi
done
sync
