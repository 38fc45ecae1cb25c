# Prints the certificates in a host's file, without the key that the file may also hold, and the CAs that the host trusts.
# uses: encode
# takes: HELD HELD_CA
show() {
	[ -f "$2" ] || return 0
	text=$(sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' "$2") || exit 1
	printf '%s\n' "$text" | encode "$1"
}
show cert "$HELD"
show ca "$HELD_CA"
