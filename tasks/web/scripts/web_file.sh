# Fetches a file of the host's own: p, a file: URL.
# uses: web_dir
# takes: p
cat < "$p" > "$dir/out" || exit 1
echo "dir $dir"
