# Prints what is to be run, when that is in the file f, and every job that waits.
# uses: preamble encode
# takes: f
have at && have atq || { echo missing yes; exit 0; }
if [ -n "$f" ] && [ -r "$f" ]; then encode wanted < "$f"; fi
for n in $(atq | awk '{ print $1 }'); do
	echo "job $n"
	at -c "$n" | encode text
done
exit 0
