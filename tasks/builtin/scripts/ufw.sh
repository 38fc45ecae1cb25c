# Prints ufw's status, and has it try the rule that the words are without making it. remove: the rule is to be deleted, and v6 is it
# about IPv6. numbered: it goes beside others, whose numbers are told.
# uses: preamble
# takes: rule remove v6 numbered
have ufw || { echo absent yes; exit 0; }
said=$(ufw status 2>&1) || die "ufw does not answer (does the task need become: true?): $said"
printf '%s\n' "$said" | sed -n 's/^Status: /status /p'
sed -n 's/^DEFAULT_\([A-Z]*\)_POLICY=/policy \1 /p' /etc/default/ufw 2>/dev/null | tr -d '"'
sed -n 's/^LOGLEVEL=/logging /p' /etc/ufw/ufw.conf 2>/dev/null
if [ -n "$numbered" ]; then
	ufw status numbered 2>/dev/null | sed -n -e 's/^\[ *\([0-9]*\)\] .*(v6).*/numbered \1 v6/p' -e '/(v6)/!s/^\[ *\([0-9]*\)\] .*/numbered \1 v4/p'
fi
if [ -n "$rule" ] && [ -n "$remove" ]; then
	# Trying to delete what is not there says nothing: the rules that would be left are compared with those there are.
	file=/etc/ufw/user.rules only=-v
	if [ -n "$v6" ]; then file=/etc/ufw/user6.rules only=-e; fi
	tuples() { grep '^### tuple' | sed 's/ comment=.*//' | grep "$only" ::; }
	left=$(ufw --dry-run "$@" 2>&1) || { printf '%s\n' "$left" | sed -n 's/^ERROR/refused &/p'; exit 0; }
	if [ "$(printf '%s\n' "$left" | tuples)" = "$(tuples < $file)" ]; then echo missing yes; fi
elif [ -n "$rule" ]; then
	# ufw skips what is there, and for want of a form for IPv6 other things: one of both is enough of a change.
	tried=$(ufw --dry-run "$@" 2>&1)
	printf '%s\n' "$tried" | sed -n 's/^ERROR/refused &/p'
	printf '%s\n' "$tried" | grep -q '^Rules\{0,1\} ' || printf '%s\n' "$tried" | sed -n 's/^Skipping .*existing/skipping &/p'
fi
exit 0
