# installed NAME[=VERSION]: it is installed, in that version when one is named.
installed() {
	name=${1%%=*} version=
	case $1 in *=*) version=${1#*=} ;; esac
	is=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null)
	case $is in "installed "*) ;; *) return 1 ;; esac
	[ -z "$version" ] || [ "installed $version" = "$is" ]
}
# newer NAME: the sources have another version than the one that is installed.
newer() { apt-cache policy "$1" 2>/dev/null | awk '/Installed:/ {i=$2} /Candidate:/ {c=$2} END {exit !(c != "" && c != "(none)" && i != c)}'; }
# age: prints for how many seconds the sources have not been asked.
age() { if [ -e /var/lib/apt/lists ]; then echo "age $(($(date +%s) - $(stat -c %Y /var/lib/apt/lists)))"; fi; }
