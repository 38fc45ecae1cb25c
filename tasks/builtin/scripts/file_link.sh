# Points p to src.
# uses: at_path attributes
# takes: src
t=./.polarbook.$(mktemp -u XXXXXXXX)
trap 'rm -f -- "$t"' EXIT
ln -s -T -- "$src" "$t" || exit 1
give_owner "$t"
mv -f -T -- "$t" "./$b" || exit 1
trap - EXIT
