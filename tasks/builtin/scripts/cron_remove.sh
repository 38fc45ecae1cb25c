# Removes the table p, unless it is no more what sum is the checksum of.
# uses: preamble
# takes: p sum
had=$(sha256sum < "$p") && [ "${had%% *}" = "$sum" ] || die "$p was changed by somebody else in the meantime; nothing was changed"
rm -- "$p"
