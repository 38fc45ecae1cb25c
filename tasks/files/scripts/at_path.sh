# Makes the directory of p the working directory. The name in it is left in $b.
# uses: preamble inside
# takes: p follow
# leaves: b
spot "$p" ${follow:+follow} || die "the directory of $p does not exist: create it with the file module first"
