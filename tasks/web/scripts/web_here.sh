# Keeps the body of an answer, which is the standard input.
# uses: web_dir
cat > "$dir/out" || exit 1
echo "dir $dir"
