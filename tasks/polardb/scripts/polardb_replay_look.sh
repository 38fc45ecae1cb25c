# Prints what is noted of a replay that was begun, and what the archive holds of the log from the segment FIRST on (the last 16 digits of
# its name). It changes nothing.
# takes: OWNER ARCHIVE FIRST MARKER
cd /
r=${MARKER%.node}.replay
if [ -f "$r" ]; then head -c 4096 <"$r" | sed -n 's/^target=/noted=/p; s/^state=done$/replayed=yes/p; s/^reached=/reached=/p'; fi
# shellcheck disable=SC2016 # the inner shell's
look='cd -- "$1" 2>/dev/null || exit 0
echo there=yes
find . -type f -exec stat -c "%n %s %Y" {} + 2>/dev/null | sed "s,^\./,," | awk -v first="$2" "length(\$1) == 24 && \$1 !~ /[^0-9A-F]/ && (substr(\$1, 9) \"\") >= (first \"\") {
	print \"file=\" \$1 \"\\nsize=\" \$2 \"\\nmtime=\" \$3 }"
for h in *.history; do
	[ -f "$h" ] && [ ${#h} = 16 ] || continue
	printf "history=%s\nmade=%s\ntext=%s\n" "${h%.history}" "$(stat -c %Y "./$h")" "$(head -c 16384 "./$h" | tr "\n\t" "; ")"
done
ls | sed -n "s/^\([0-9A-F]\{8\}\)[0-9A-F]\{16\}.*/newest=\1/p" | sort | tail -n 1'
# On a bare host the account is not there yet, and where a file server squashes root nobody but the archive's owner sees it.
if id -u "$OWNER" >/dev/null 2>&1; then
	runuser -u "$OWNER" -- sh -c "$look" sh "$ARCHIVE" "$FIRST" </dev/null
elif u=$(stat -c %u "$ARCHIVE" 2>/dev/null) && ! ( cd -- "$ARCHIVE" ) 2>/dev/null && setpriv --reuid="$u" --clear-groups -- true 2>/dev/null; then
	setpriv --reuid="$u" --clear-groups -- sh -c "$look" sh "$ARCHIVE" "$FIRST" </dev/null
else
	sh -c "$look" sh "$ARCHIVE" "$FIRST" </dev/null
fi
echo end=yes
