# Connects to a port from the host itself, where sshd forbids forwarding: 0 is open, 1 is not, 3 is no means to tell.
# uses: preamble
# takes: h p t
if have bash && have timeout; then
	# shellcheck disable=SC2016 # bash expands them
	timeout "$t" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$h" "$p" 2>/dev/null && exit 0
	exit 1
fi
if have nc; then
	nc -w "$t" "$h" "$p" </dev/null >/dev/null 2>&1 && exit 0
	exit 1
fi
if have python3; then
	python3 -c 'import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), int(sys.argv[3]))' "$h" "$p" "$t" 2>/dev/null && exit 0
	exit 1
fi
echo "sshd forbids forwarding, and the host has no bash, nc or python3 to try port $p with" >&2
exit 3
