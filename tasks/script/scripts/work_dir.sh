# WORK is a directory for what a script needs while it runs: a password's file, a program's log. It lies in memory, so that a
# password does not outlive the host's power, and goes with the script however that ends: a shell that dies of a signal runs
# no EXIT trap by itself, and what writes after its laptop is gone dies of SIGPIPE.
# leaves: WORK
WORK=$(mktemp -d /run/polarbook.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 129' HUP INT PIPE TERM
chmod 711 "$WORK"
