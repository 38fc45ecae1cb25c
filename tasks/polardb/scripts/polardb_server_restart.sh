# Stops a node's server, starts it, and waits until it serves.
# uses: polardb_server_stop polardb_server_start polardb_server_prove
