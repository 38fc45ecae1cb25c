# Answers what dpkg is to do with a package, and whether it knows that there is one.
# uses: preamble
# takes: name
have dpkg || exit 0
echo tool yes
said=$(LC_ALL=C dpkg --get-selections "$name" 2>/dev/null | awk 'NR == 1 { print $2 }')
if [ -n "$said" ]; then
	echo known yes
	echo "selection $said"
elif dpkg --print-avail "$name" >/dev/null 2>&1; then echo known yes
fi
exit 0
