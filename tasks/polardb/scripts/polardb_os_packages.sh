# Says which system the host has, and which of the packages are there: name architecture state version. $* are their names.
# uses: preamble
sed -n -e 's/^ID=/os.id=/p' -e 's/^ID_LIKE=/os.like=/p' -e 's/^VERSION_ID=/os.version=/p' /etc/os-release 2>/dev/null | tr -d "\"'"
echo "machine=$(uname -m)"
if have dpkg-query; then
	echo dpkg=yes
	# shellcheck disable=SC2016 # dpkg's
	[ $# = 0 ] || dpkg-query -W -f='deb=${Package} ${Architecture} ${db:Status-Status} ${Version}\n' -- "$@" 2>/dev/null
fi
if have rpm; then
	echo rpm=yes
	[ $# = 0 ] || rpm -q --qf 'rpm=%{NAME} %{ARCH} installed %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' -- "$@" 2>/dev/null | grep '^rpm='
fi
:
