# Prints the time, the key in the file, and what is in the keyring, or in those that apt trusts.
# uses: preamble look
# takes: file keyring
printf 'now %s\n' "$(date +%s)"
if [ -n "$file" ]; then
	if [ -f "$file" ]; then head -c 4194304 < "$file" | encode key; else echo nofile yes; fi
fi
if [ -n "$keyring" ]; then set -- "$keyring"; else set -- /etc/apt/trusted.gpg /etc/apt/trusted.gpg.d/*.gpg /etc/apt/trusted.gpg.d/*.asc; fi
for ring; do
	[ -f "$ring" ] || [ "$ring" = "$keyring" ] || [ "$ring" = /etc/apt/trusted.gpg ] || continue
	printf 'ring %s\n' "$ring"
	look have "$ring" -L
	[ ! -f "$ring" ] || head -c 4194304 < "$ring" | encode text
done
exit 0
