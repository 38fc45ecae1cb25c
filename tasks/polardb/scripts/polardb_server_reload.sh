# Has a node's server, whose process is PID, read its files again: as the engine's account, which wrote the number.
# uses: polardb_server
# takes: PID
as kill -HUP "$PID"
