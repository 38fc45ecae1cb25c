# Makes a node's data with initdb and polar-initdb.sh. On the input are a password, which lives until the next line is run, and the
# statement that sets the superuser's. initdb makes PGDATA itself and is content with an empty one. Its log is long and its errors
# are at the end.
# uses: polardb_begin polardb_as work_dir
# takes: OWNER PGDATA POLARDATA SUPERUSER METHOD ENCODING LOCALE SYSTEMID TIMEOUT POSTGRES
cd /
SECRET=$WORK/password
( umask 077; cat >"$SECRET" )
chown "$OWNER": "$SECRET"
failed() { { echo "$1"; echo @@log; tail -c 65536 "$WORK/log"; } >&2; exit 1; }
if as timeout "$TIMEOUT" initdb -D "$PGDATA" -U "$SUPERUSER" -A "$METHOD" --pwfile="$SECRET" --encoding="$ENCODING" --locale="$LOCALE" ${SYSTEMID:+-i "$SYSTEMID"} >"$WORK/log" 2>&1; then :; else
	rc=$?
	if [ $rc = 124 ]; then failed "initdb was still at work after $TIMEOUT s"; else failed "initdb ended with the status $rc"; fi
fi
tail -n 1 "$SECRET" | as timeout 120 "$POSTGRES" --single -D "$PGDATA" -c exit_on_error=true postgres >"$WORK/log" 2>&1 || failed "the superuser's password could not be set"
as timeout 120 polar-initdb.sh "$PGDATA/" "$POLARDATA/" localfs >"$WORK/log" 2>&1 || failed "polar-initdb.sh failed"
sign
mark data
