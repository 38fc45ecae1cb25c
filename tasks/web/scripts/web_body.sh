# Prints a body of up to limit bytes.
# uses: web_dir encode
# takes: limit
size=$(wc -c < "$dir/out") || exit 1
echo "size $size"
if [ "$size" -le "$limit" ]; then encode body < "$dir/out"; fi
