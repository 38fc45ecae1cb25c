# Defines sums, which tells the sums of files below p.
# uses: preamble encode
# takes: p
cd -- "$p" || exit 0
sums() { sha256sum -- "$@" 2>/dev/null | encode sums; }
