# Starts a node's server, and waits until it serves.
# uses: polardb_server_start polardb_server_prove
