# as COMMAND: runs it as the engine's account, with the engine's libraries: a moved prefix does not find its own libpq everywhere.
# takes: OWNER BIN LIB
as() { runuser -u "$OWNER" -- env LC_ALL=C LD_LIBRARY_PATH="$LIB" PATH="$BIN:$PATH" "$@"; }
