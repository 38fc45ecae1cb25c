# Runs the statement that is on the input as the superuser, over the socket of a node that leads: a line of pg_hba.conf, which ends with
# MARK, lets the engine's account in for that moment. It runs as that account.
# takes: PGDATA MARK LINE ROLE DB BIN LIB
umask 077
die() { printf '%s\n' "$*" >&2; exit 1; }
pid= dir= port=
{ read -r pid && read -r _ && read -r _ && read -r port && read -r dir; } 2>/dev/null <"$PGDATA/postmaster.pid" || die "its server does not run"
[ "/proc/$pid/cwd" -ef "$PGDATA" ] || die "its server does not run"
[ -O "$dir/.s.PGSQL.$port" ] || die "there is no socket of the engine's account in $dir"
take() {
	cp -p -- "$PGDATA/pg_hba.conf" "$PGDATA/pg_hba.conf.polarbook" && cat >"$PGDATA/pg_hba.conf.polarbook" && mv -f -- "$PGDATA/pg_hba.conf.polarbook" "$PGDATA/pg_hba.conf" && kill -HUP "$pid"
}
shut() {
	if grep -qF -- "$MARK" "$PGDATA/pg_hba.conf"; then
		left=$(grep -vF -- "$MARK" "$PGDATA/pg_hba.conf"; echo .)
		printf '%s' "${left%.}" | take
	fi
}
trap shut EXIT
trap 'exit 1' HUP INT TERM
ask() {
	env -u PGPASSWORD -u PGPASSFILE LC_ALL=C LD_LIBRARY_PATH="$LIB" PGCONNECT_TIMEOUT=10 timeout 30 "$BIN/psql" -X -A -t -q -w -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U "$ROLE" -d "$DB" "$@"
}
all=$(printf '%s\n' "$LINE"; grep -vF -- "$MARK" "$PGDATA/pg_hba.conf"; echo .)
printf '%s' "${all%.}" | take || die "pg_hba.conf cannot be written"
tries=0
until said=$(ask -c 'select pg_is_in_recovery()' 2>&1 </dev/null); do
	tries=$((tries+1))
	[ "$tries" -lt 20 ] || die "$said"
	sleep 0.3
done
[ "$said" = f ] || die "it does not lead"
ask -f - >/dev/null || exit 1
