# Unpacks a body that was sent packed.
# uses: web_dir
if have gzip; then :; else die "the answer is packed with gzip, which is not installed on this host"; fi
gzip -dc < "$dir/out" > "$dir/unpacked" && mv -f -- "$dir/unpacked" "$dir/out"
