# Prints the keys that rpm has, and the one in the file.
# uses: preamble encode
# takes: file
have rpm || { echo missing yes; exit 0; }
rpm -q gpg-pubkey --qf '%{description}\n' 2>/dev/null | head -c 8388608 | encode keys
if [ -n "$file" ]; then
	[ -f "$file" ] || { echo absent yes; exit 0; }
	head -c 4194304 < "$file" | encode key
fi
exit 0
