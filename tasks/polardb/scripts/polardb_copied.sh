# Gives a copy the node's own files, which are $*, and notes that it is whole.
# uses: polardb_mark polardb_own
return_own "$@"
sign
mark data
