# Prints apt's lists of sources, own among them, wherever it is.
# uses: preamble encode
# takes: own
have apt-get || { echo missing yes; exit 0; }
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
	if [ "$f" = "$own" ] || [ ! -f "$f" ]; then continue; fi
	echo "list $f"
	encode text < "$f" || exit 1
done
if [ -f "$own" ]; then
	echo "list $own"
	encode text < "$own" || exit 1
fi
