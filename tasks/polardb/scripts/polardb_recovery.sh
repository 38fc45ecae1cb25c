# Prints the note of a recovery in a line, or why it is not believed. $* are the files that may be it.
# uses: roots
for f; do
	if [ -e "$f" ] || [ -L "$f" ]; then
		if [ -L "$f" ] || [ ! -f "$f" ]; then echo "recovery_fault=is no regular file"
		elif ! roots "$f"; then echo "recovery_fault=or a directory above it does not belong to root alone"
		else echo "recovery=$(head -c 65537 <"$f" | tr '\n' ' ')"
		fi
	fi
done
