# Has the engine's account run polardb_trial_engine, which is given as inner, in a directory of its own.
# uses: preamble polardb_as work_dir
# takes: OWNER BIN LIB inner
id -u "$OWNER" >/dev/null 2>&1 || { echo @@nobody; exit 0; }
cd /
ulimit -c 0
mkdir -m 0700 "$WORK/try"
chown "$OWNER": "$WORK/try"
as TRY="$WORK/try" sh -c "$inner"
