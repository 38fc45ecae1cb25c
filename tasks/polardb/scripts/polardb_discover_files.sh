# Prints configuration files, read by the account whose server reads them too. $* are their paths; of a directory the names in it that
# include_dir takes are printed.
# takes: OWNER
cd /
# shellcheck disable=SC2016 # the inner shell's
exec runuser -u "$OWNER" -- sh -uc 'LC_ALL=C
export LC_ALL
for f; do
	if [ -d "$f" ]; then
		for e in "$f"/*.conf; do if [ -f "$e" ]; then echo "encoded entry"; printf %s "$e" | base64; echo .; fi; done
	elif [ -f "$f" ] && [ -r "$f" ]; then echo there=yes; echo "encoded text"; head -c 262145 <"$f" | base64; echo .
	fi
done' sh "$@"
