# Has rpm import the key on the standard input.
# uses: preamble
dir=$(umask 077 && mktemp -d) || exit 1
trap 'rm -rf -- "$dir"' EXIT
trap 'exit 129' HUP INT PIPE TERM
cat > "$dir/key" && rpm --import "$dir/key"
