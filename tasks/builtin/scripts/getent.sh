# Prints what getent says to the words.
# uses: preamble
have getent || die 'getent is not installed on this host'
said=$(getent "$@" 2>&1)
echo "status $?"
printf '%s\n' "$said" | sed 's/^/line /'
