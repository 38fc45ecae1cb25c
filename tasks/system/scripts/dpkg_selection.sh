# Answers what dpkg is to do with a package.
# uses: preamble
# takes: name
have dpkg || exit 0
echo tool yes
LC_ALL=C dpkg --get-selections "$name" 2>/dev/null | awk 'NR == 1 { print "selection " $2 }'
exit 0
