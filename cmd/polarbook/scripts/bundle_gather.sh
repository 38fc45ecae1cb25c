# Downloads the packages that a minimal installation of this system lacks for libraries and packages, and prints where they are. Each of
# $* is a library with the name that its package has by Debian's policy, as libssl.so.3=libssl3. A minimal installation is what this host
# has of the packages that every host has, with all that those need. Nothing is installed, and no list of packages is asked for anew.
# uses: preamble
# takes: PACKAGES
umask 022
work=$(mktemp -d "${TMPDIR:-/tmp}/polarbook-packages-XXXXXX") || die "no directory for packages can be made"
fail() { rm -rf "$work"; die "$1${said:+: $(printf '%s\n' "$said" | grep -v '^$' | tail -n 12 | cut -c 1-400 | tr '\n' ';')}"; }
said=
mkdir -p "$work/archives/partial" "$work/cache" || fail "no directory for packages can be made"
release() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | tr -d "\"'" | head -n 1; }
ID=$(release ID) VERSION_ID=$(release VERSION_ID)
[ -n "$ID" ] && [ -n "$VERSION_ID" ] || fail "/etc/os-release does not say what system this is"
machine=$(uname -m)
seeds="apt dpkg dnf yum rpm systemd systemd-sysv openssh-server sudo tar gzip bash coreutils util-linux shadow-utils passwd setup filesystem basesystem glibc firewalld policycoreutils"
wanted= lacking=

# minimal_debs writes the paragraphs of a minimal installation of what dpkg knows to be installed.
minimal_debs() {
	awk -v seeds="$seeds" '
	BEGIN { RS = ""; FS = "\n"; count = split(seeds, s, " "); for (i = 1; i <= count; i++) seed[s[i]] = 1 }
	/(^|\n)Status: [a-z]+ ok installed(\n|$)/ {
		name = deps = provides = ""
		base = 0
		for (i = 1; i <= NF; i++) {
			at = index($i, ": ")
			if (at == 0 || $i ~ /^ /) continue
			key = substr($i, 1, at - 1)
			value = substr($i, at + 2)
			if (key == "Package") name = value
			else if (key == "Depends" || key == "Pre-Depends") deps = deps "," value
			else if (key == "Provides") provides = value
			else if (key == "Essential" && value == "yes" || key == "Priority" && (value == "required" || value == "important")) base = 1
		}
		text[name] = $0
		needs[name] = deps
		n = split(provides, p, ",")
		for (i = 1; i <= n; i++) { gsub(/^ +|[ (:].*$/, "", p[i]); provider[p[i]] = name }
		if (base || name in seed) queue[tail++] = name
	}
	END {
		while (head < tail) {
			name = queue[head++]
			if (kept[name]++) continue
			print text[name] "\n"
			n = split(needs[name], clause, ",")
			for (i = 1; i <= n; i++) {
				m = split(clause[i], other, "|")
				for (j = 1; j <= m; j++) {
					gsub(/^ +/, "", other[j])
					sub(/[ (:].*$/, "", other[j])
					if (other[j] in text) { queue[tail++] = other[j]; break }
					if (other[j] in provider) { queue[tail++] = provider[other[j]]; break }
				}
			}
		}
	}' /var/lib/dpkg/status
}

gather_debs() {
	minimal_debs >"$work/status" && [ -s "$work/status" ] || fail "what dpkg has installed cannot be read"
	base=" $(awk '/^Package: / { print $2 }' "$work/status" | tr '\n' ' ')"
	for pair; do
		library=${pair%%=*} package=
		for p in $(dpkg -S "*/$library" 2>/dev/null | sed 's/[:,].*//' | sort -u); do package=$p; done
		case $base in *" $package "*) [ -z "$package" ] || { echo "has $library"; continue; } ;; esac
		[ -n "$package" ] || for p in "${pair#*=}" "${pair#*=}t64"; do
			[ -z "$(apt-cache --no-all-versions show "$p" 2>/dev/null)" ] || { package=$p; break; }
		done
		if [ -n "$package" ]; then wanted="$wanted $package"; else lacking="$lacking $library"; fi
	done
	[ -z "$lacking" ] || fail "no package is known here that brings$lacking: name it with --also, once this host's sources have it (apt-get update)"
	wanted="$wanted $PACKAGES"
	[ -n "${wanted# }" ] || return 0
	apt() {
		apt-get -o Dir::State::status="$work/status" -o Dir::State::extended_states="$work/states" -o Dir::Cache="$work/cache" \
			-o Dir::Cache::archives="$work/archives" -o Debug::NoLocking=1 -o APT::Sandbox::User=root -y -q --no-install-recommends "$@" 2>&1
	}
	# shellcheck disable=SC2086 # names of packages
	said=$(apt -s install $wanted) || fail "apt-get cannot get the packages"
	# Inst NAME [the version that is there] (VERSION where from)
	exact=$(printf '%s\n' "$said" | sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\{0,1\}(\([^ )]*\).*/\1=\3/p')
	[ -n "$exact" ] || return 0
	# (install --download-only leaves what is in a local directory where it is.)
	# shellcheck disable=SC2086
	said=$(cd "$work/archives" && apt download $exact) || fail "apt-get cannot download the packages"
}

# minimal_rpms prints the names of the packages of a minimal installation.
minimal_rpms() {
	known=" " new=$seeds
	while [ -n "$new" ]; do
		# shellcheck disable=SC2086 # names of packages
		new=$(rpm -q --qf '%{NAME}\n' $new 2>/dev/null | grep -v ' ' | sort -u)
		fresh=
		for p in $new; do case $known in *" $p "*) ;; *) fresh="$fresh $p" known="$known$p " ;; esac; done
		new=
		[ -n "$fresh" ] || break
		# shellcheck disable=SC2086
		reqs=$(rpm -q --requires $fresh 2>/dev/null | awk '$1 !~ /^(rpmlib)?\(/ { print $1 }' | sort -u)
		# shellcheck disable=SC2086
		[ -z "$reqs" ] || new=$(rpm -q --whatprovides --qf '%{NAME}\n' $reqs 2>/dev/null | grep -v ' ' | sort -u)
	done
	printf '%s\n' "$known"
}

gather_rpms() {
	dnf=
	for p in dnf yum; do have "$p" && { dnf=$p; break; }; done
	[ -n "$dnf" ] || fail "this host has neither dnf nor yum"
	bits='()(64bit)'
	case $machine in i?86 | armv7l) bits= ;; esac
	base=$(minimal_rpms)
	for pair; do
		library=${pair%%=*}
		package=$(rpm -q --whatprovides --qf '%{NAME}\n' "$library$bits" 2>/dev/null | grep -v ' ' | head -n 1)
		case $base in *" $package "*) [ -z "$package" ] || { echo "has $library"; continue; } ;; esac
		wanted="$wanted ${package:-$library$bits}"
	done
	for p in $PACKAGES; do wanted="$wanted $p"; done
	[ -n "$wanted" ] || return 0
	download() { said=$("$dnf" -y -q --setopt=install_weak_deps=False --setopt=keepcache=True --downloadonly --downloaddir="$work/archives" "$@" 2>&1); }
	# What is there already, and in no minimal installation, is downloaded by its name: the same once more, or the newer one. So is what it needs.
	todo=$wanted done_=" "
	while [ -n "$todo" ]; do
		next=
		for p in $todo; do
			case $done_ in *" $p "*) continue ;; esac
			done_="$done_$p "
			if rpm -q -- "$p" >/dev/null 2>&1; then
				download reinstall "$p" || download upgrade "$p" || fail "$dnf cannot get $p, which this host has"
				reqs=$(rpm -q --requires -- "$p" | awk '$1 !~ /^(rpmlib)?\(/ { print $1 }' | sort -u)
				# shellcheck disable=SC2086 # names of packages
				[ -z "$reqs" ] || for r in $(rpm -q --whatprovides --qf '%{NAME}\n' $reqs 2>/dev/null | grep -v ' ' | sort -u); do
					case $base in *" $r "*) ;; *) next="$next $r" ;; esac
				done
			else
				download install "$p" || fail "$dnf cannot get $p: name the package with --also, once this host's repositories have it"
			fi
		done
		todo=$next
	done
}

if have dpkg && [ -s /var/lib/dpkg/status ] && have apt-get; then gather_debs "$@"; else gather_rpms "$@"; fi
echo "system $ID-$VERSION_ID-$machine"
echo "dir $work/archives"
for f in "$work"/archives/*.deb "$work"/archives/*.rpm; do
	[ ! -f "$f" ] || echo "file ${f##*/}"
done
