# Makes one request with curl: config is curl's configuration, body: the standard input is a body to send. Prints how it ended.
# uses: web_dir encode
# takes: config body
rm -f -- "$dir/out" "$dir/head" "$dir/said"
if [ -n "$body" ]; then cat > "$dir/body" || exit 1; fi
: > "$dir/out"
(
	cd "$dir" && printf '%s\n' "$config" | curl -q -K -
) 2>"$dir/said" >/dev/null </dev/null
rc=$?
echo "dir $dir"
echo "rc $rc"
if [ -f "$dir/head" ]; then encode head < "$dir/head"; fi
encode said < "$dir/said"
exit 0
