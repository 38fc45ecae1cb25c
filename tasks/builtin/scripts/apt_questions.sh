# What is asked of dpkg and of apt's lists; the sources are asked for nothing here. target is the release that is preferred, as an option.
# uses: preamble
# takes: target
# cached: prints when the sources were asked, and the host's clock.
cached() {
	for f in /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists; do
		if [ -e $f ]; then echo "cached $(stat -c %Y $f)"; break; fi
	done
	echo "now $(date +%s)"
}
# has NAME: prints the state and version of a package that dpkg knows.
has() { dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | head -n 1; }
# ask NUMBER NAME WHY: one package, and which of its versions can be installed unless it is there and WHY is empty.
ask() {
	is=$(has "$2")
	echo "package $1"
	echo "name $2"
	echo "is $is"
	case $3$is in "installed "*|remove*) return 0 ;; esac
	versions=$(apt-cache ${target:+-o "APT::Default-Release=$target"} policy "$2" 2>/dev/null | awk '
		/^  Candidate:/ { print "candidate " $2 }
		/^ \*\*\* / { print "version " $2 }
		/^     [^ ]/ { print "version " $1 }')
	printf '%s\n' "$versions"
	case $versions in *"version "*) return 0 ;; esac
	apt-cache showpkg "$2" 2>/dev/null | awk '/^Reverse Provides:/ { on = 1; next } on && NF { print $1 }' | sort -u | while read -r p; do
		echo "provider $p $(has "$p")"
	done
}
# expand NUMBER PATTERN WHY: the same of each package whose name the pattern matches.
expand() {
	some=
	if [ "$3" = remove ]; then names=$(dpkg-query -W -f '${Package}\n'); else names=$(apt-cache pkgnames | sort); fi
	for n in $names; do
		# shellcheck disable=SC2254 # it is a pattern
		case $n in $2) ask "$1" "$n" "$3"; some=yes ;; esac
	done
	[ -z "$some" ] || return 0
	for n in $(apt-cache pkgnames); do
		# shellcheck disable=SC2254 # it is a pattern
		case $n in $2) return 0 ;; esac
	done
	echo "none $1"
}
# would WORD...: prints what apt-get says that it would do.
would() { apt-get -s "$@" 2>&1 | encode would; }
# unpacked NUMBER FILE: what is in a package's file, and whether that is there.
unpacked() {
	echo "file $1"
	if [ ! -r "$2" ]; then echo "absent $1"; return 0; fi
	if fields=$(dpkg-deb -f "$2" Package Version 2>&1); then
		printf '%s\n' "$fields" | sed -n 's/^Package: /name /p; s/^Version: /holds /p'
		echo "is $(has "$(printf '%s\n' "$fields" | sed -n 's/^Package: //p')")"
	else
		echo "bad $fields" | head -n 1
	fi
}
# download URL: fetches a file to $got, in a directory that is removed at the end.
download() {
	kept=$(mktemp -d) || die 'no temporary directory can be made'
	trap 'rm -rf "$kept"' EXIT
	got=$kept/${1##*/}
	case $got in *.deb) ;; *) got=$kept/package.deb ;; esac
	if have curl; then curl -fsSL -o "$got" "$1"; elif have wget; then wget -q -O "$got" "$1"; else
		die 'neither curl nor wget is on the host, and one is needed to download'
	fi || die "$1 cannot be downloaded: is it reachable from the host?"
}
