# Makes p another name of the file s, which is taken from within its own directory and given its second name by the descriptor of
# the other.
# uses: preamble inside
# takes: p s
case $s in /*) ;; *) s=$(pwd)/$s ;; esac
spot "$p" || die "the directory of $p does not exist: create it with the file module first"
exec 4<. || exit 1
t=.polarbook.$(mktemp -u XXXXXXXX) name=$b
trap 'to 4; rm -f -- "./$t"' EXIT
spot "$s" || die "$s cannot be reached"
ln -T -- "./$b" "/proc/self/fd/4/$t" || exit 1
to 4
mv -f -T -- "./$t" "./$name" || exit 1
trap - EXIT
exec 4<&-
