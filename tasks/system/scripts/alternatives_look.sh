# Answers what the host's alternatives say of a name, and whether a path is there.
# uses: preamble encode
# takes: name p
have update-alternatives || exit 0
echo tool yes
if said=$(update-alternatives --display "$name" 2>/dev/null); then printf '%s\n' "$said" | head -c 262144 | encode display; fi
[ ! -e "$p" ] || echo there yes
exit 0
