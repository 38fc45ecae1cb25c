# logs sizes|news: what the script polardb_log_files, which is given as LOGS, says as the engine's account.
# uses: polardb_as
# takes: LOGS PGDATA
export PGDATA
logs() { as sh -c "$LOGS" logs "$1"; }
