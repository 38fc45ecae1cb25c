# The names of the kernel's tables of TCP sockets. Where IPv6 is off there is one only, and awk gives up at a file that is
# not there.
# leaves: tcp
tcp=/proc/net/tcp
if [ -r /proc/net/tcp6 ]; then tcp="$tcp /proc/net/tcp6"; fi
