# Puts a module's arguments, which are the standard input, into the directory dir, which is made for it.
# takes: dir
umask 077 && mkdir -- "$dir" && cat > "$dir/args" && exit 0
rm -rf -- "$dir"
exit 1
