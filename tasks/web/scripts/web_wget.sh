# Makes one request with wget. Of GNU's (gnu) config is a wgetrc; the words are the others' arguments. The url is the last word.
# uses: web_dir encode
# takes: config body gnu
rm -f -- "$dir/out" "$dir/head" "$dir/said"
if [ -n "$body" ]; then cat > "$dir/body" || exit 1; fi
: > "$dir/out"
(
	cd "$dir" || exit 1
	if [ -n "$gnu" ]; then
		printf '%s\n' "$config" > wgetrc
		wget --config=wgetrc "$@"
	else wget "$@"
	fi
) 2>"$dir/said" >/dev/null </dev/null
rc=$?
rm -f -- "$dir/wgetrc"
echo "dir $dir"
echo "rc $rc"
encode said < "$dir/said"
exit 0
