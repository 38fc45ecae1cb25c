# Prints the uid of the account OWNER, or "none", and after it the lines of the kernel's tables of TCP sockets that have the
# port PORT (four hexadecimal digits) at one end.
# uses: tcp_tables
# takes: OWNER PORT
id -u "$OWNER" 2>/dev/null || echo none
# shellcheck disable=SC2154,SC2086 # a list of files
grep -h ":$PORT " $tcp || :
