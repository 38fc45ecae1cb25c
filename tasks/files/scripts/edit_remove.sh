# Removes the file at p, unless it is no more what sum is the SHA-256 of. With backup it only gets that name, beside where it was.
# uses: preamble inside
# takes: p sum backup
spot "$p" || die "the directory of $p is gone"
had=$(sha256sum < "./$b") && [ "${had%% *}" = "$sum" ] || die "$p was changed by somebody else while it was being edited: run again"
if [ -n "$backup" ]; then
	mv -n -- "./$b" "./${backup##*/}" && [ ! -e "./$b" ] || die "$p could not be kept as $backup"
else
	rm -- "./$b"
fi
