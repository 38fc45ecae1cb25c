# Answers what debconf shows of a package's questions, and what it has for one that it does not show.
# uses: preamble encode
# takes: name question
have debconf-show && have debconf-set-selections || exit 0
echo tool yes
LC_ALL=C debconf-show "$name" 2>/dev/null | head -c 1048576 | encode shown
if [ -n "$question" ]; then
	said=$(printf 'GET %s\n' "$question" | debconf-communicate -fnoninteractive "$name" 2>/dev/null)
	case $said in '0 '*) printf '%s\n' "${said#0 }" | encode secret ;; esac
fi
exit 0
