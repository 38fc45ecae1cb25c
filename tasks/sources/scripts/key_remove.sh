# Removes the file p.
# uses: preamble inside
# takes: p
spot "$p" follow || exit 0
[ -d "./$b" ] || rm -f -- "./$b"
