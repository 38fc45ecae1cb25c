# Goes to the directory under in p, and defines what tells what is in it.
# uses: preamble
# takes: p under
if [ -e "$p" ] && [ ! -d "$p" ]; then echo dest file; exit 0; fi
p=${p%/}${under:+/$under}
if [ ! -d "$p" ]; then echo dest absent; exit 0; fi
cd -- "$p" || exit 1
echo dest directory
entries() { stat -L -c 'entry %f %u %g %U %G %s %n' -- "$@" 2>/dev/null; }
sums() { sha256sum -- "$@" 2>/dev/null | while read -r sum name; do echo "sum $sum $name"; done; }
# linked NAME TARGET: whether the link of that name leads there
linked() { if [ "$(readlink -- "./$1")" = "$2" ]; then echo "linked $1"; fi; }
