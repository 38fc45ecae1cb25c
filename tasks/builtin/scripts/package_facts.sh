# Prints the packages of each manager of the list that has any, the list's order kept; only the first one's, unless all is set.
# uses: preamble
# takes: managers all
apt_packages() {
	echo "manager apt"
	echo "native $(dpkg --print-architecture)"
	dpkg-query -W -f 'apt ${db:Status-Status}|${Package}|${Architecture}|${Version}|${Section}\n'
	have apt-cache || return 0
	# What an index is called is printed with its origin first, then each package with the indexes of its installed version.
	{ apt-cache policy; dpkg-query -W -f '${binary:Package}\n' | xargs apt-cache policy; } 2>/dev/null | awk '
		$1 == "release" { o = ""; if (match($0, /(^|[ ,])o=[^,]*/)) { o = substr($0, RSTART, RLENGTH); sub(/^[ ,]*o=/, "", o) } origin[index_] = o; next }
		/^[^ ].*:$/ { name = substr($0, 1, length($0) - 1); at = 0; next }
		/^ \*\*\* / { at = 1; next }
		/^ +-?[0-9]+ / { index_ = $0; sub(/^ +-?[0-9]+ /, "", index_); if (at) { at = 0; if (origin[index_] != "") print "origin " name "|" origin[index_] } next }'
}
rpm_packages() {
	echo "manager rpm"
	rpm -qa --qf 'rpm %{NAME}|%|EPOCH?{%{EPOCH}}:{None}||%{VERSION}|%{RELEASE}|%|ARCH?{%{ARCH}}:{None}|\n'
}
apk_packages() {
	echo "manager apk"
	apk info -v 2>/dev/null | sed 's/^/apk /'
}
pacman_packages() {
	echo "manager pacman"
	pacman -Qi | sed 's/^/pacman /'
}
for m in $managers; do
	case $m in
	apt) { have dpkg-query && have apt-get && [ -n "$(dpkg-query -W -f x)" ]; } || continue ;;
	rpm) { have rpm && [ -n "$(rpm -qa 2>/dev/null | head -n 1)" ]; } || continue ;;
	*) have "$m" || continue ;;
	esac
	"${m}_packages"
	[ -n "$all" ] || break
done
