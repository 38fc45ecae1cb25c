# What is asked of rpm's database; the repositories are asked for nothing here.
# leaves: evr
evr='%|EPOCH?{%{EPOCH}}:{0}| %{VERSION} %{RELEASE}\n'
# segments A B: -1, 0 or 1
segments() { if [ "$1" = "$2" ]; then echo 0; else rpm --eval "%{lua: print(rpm.vercmp('$1', '$2'))}" 2>/dev/null; fi; }
# versions EPOCH VERSION RELEASE EPOCH VERSION RELEASE: the first compared with the second, which may lack epoch and release
versions() {
	c=0
	[ -z "$4" ] || [ "$1" -eq "$4" ] || { if [ "$1" -lt "$4" ]; then c=-1; else c=1; fi; }
	[ "$c" != 0 ] || c=$(segments "$2" "$5")
	[ "$c" != 0 ] || [ -z "$6" ] || c=$(segments "$3" "$6")
	echo "$c"
}
# against NAME WANTED: what is installed under the name, compared with [epoch:]version[-release]; fails when nothing is
against() {
	case $2 in *[!A-Za-z0-9._+~^:-]*) return 1 ;; esac
	installed=$(rpm -q --qf "$evr" -- "$1" 2>/dev/null) || return 1
	we= wv=$2 wr=
	case $wv in *:*) we=${wv%%:*} wv=${wv#*:} ;; esac
	case $we in *[!0-9]*) return 1 ;; esac
	case $wv in *-*) wr=${wv##*-} wv=${wv%-*} ;; esac
	# shellcheck disable=SC2046 # columns
	set -- $(printf '%s\n' "$installed" | tail -n 1)
	versions "$1" "$2" "$3" "$we" "$wv" "$wr"
}
# newer SPEC: a newer version is installed than the one that name-version or an rpm file stands for
newer() {
	case $1 in
	*.rpm|*://*)
		# shellcheck disable=SC2046 # columns
		set -- $(rpm -qp --qf "%{NAME} $evr" "$1" 2>/dev/null)
		[ $# -eq 4 ] && [ "$(against "$1" "$2:$3-$4")" = 1 ] ;;
	@*|*[!A-Za-z0-9._+~^:-]*) return 1 ;;
	*-*)
		case $1 in *.noarch|*.x86_64|*.aarch64|*.i686|*.ppc64le|*.s390x) set -- "${1%.*}" ;; esac
		name=${1%-*}
		if rpm -q -- "$name" >/dev/null 2>&1; then [ "$(against "$name" "${1##*-}")" = 1 ]; return; fi
		case $name in *-*) ;; *) return 1 ;; esac
		name=${name%-*}
		rpm -q -- "$name" >/dev/null 2>&1 && [ "$(against "$name" "${1#"$name"-}")" = 1 ] ;;
	*) return 1 ;;
	esac
}
# there SPEC: it is installed
there() {
	case $1 in
	@*) return 1 ;;
	*.rpm|*://*)
		file=$(rpm -qp --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' "$1" 2>/dev/null) && [ -n "$file" ] && rpm -q -- "$file" >/dev/null 2>&1 ;;
	/*) rpm -qf -- "$1" >/dev/null 2>&1 ;;
	*[\*\?[]*) [ -n "$(rpm -qa -- "$1" 2>/dev/null)" ] ;;
	*) rpm -q -- "$1" >/dev/null 2>&1 || epoch_first "$1" || { [ "$2" = provides ] && rpm -q --whatprovides -- "$1" >/dev/null 2>&1; } ;;
	esac
}
epoch_first() {
	case $1 in
	[0-9]*:*-*-*)
		e=${1%%:*} nvr=${1#*:}
		[ "$(rpm -q --qf '%|EPOCH?{%{EPOCH}}:{0}|' -- "$nvr" 2>/dev/null)" = "$e" ] ;;
	*) return 1 ;;
	esac
}
# meets NAME OPERATOR VERSION
meets() {
	c=$(against "$1" "$3") || return 1
	case $2$c in '<-1'|'<=-1'|'<=0'|'=0'|'>=0'|'>=1'|'>1') return 0 ;; esac
	return 1
}
