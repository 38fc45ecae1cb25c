# Installs the packages in DIR, whose files are $*, in one transaction: tried first, with nothing changed, and refused where another
# package would be removed, go back to an older version, or is needed and not given. With TRY=yes it is only tried.
# uses: preamble
# takes: DIR FORMAT NAMES SIGNED TRY
cd "$DIR" || exit 1
clean() { cd / && rm -rf "$DIR" && { rmdir "${DIR%/*}" 2>/dev/null || :; }; } # the directory above, when it was made for this
refuse() { clean; die "$1${said:+: $(printf '%s\n' "$said" | grep -v '^$' | tail -n 12 | cut -c 1-400 | tr '\n' ';')}"; }
given() { case " $NAMES " in *" ${1%%:*} "*) return 0 ;; esac; return 1; }
count=$#
while [ "$count" -gt 0 ]; do set -- "$@" "$DIR/$1"; shift; count=$((count - 1)); done

debs() {
	DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical NEEDRESTART_SUSPEND=1
	export DEBIAN_FRONTEND DEBIAN_PRIORITY NEEDRESTART_SUSPEND
	if [ -n "$(dpkg --audit)" ]; then
		[ "$TRY" != yes ] || return 0 # what was cut off is ended first, which is a change
		said=$(dpkg --configure -a --force-confold 2>&1) || refuse "an installation on this host was cut off, and dpkg --configure -a does not end it"
	fi
	if ! have apt-get; then
		said=$(dpkg --no-act --refuse-downgrade -i "$@" 2>&1) || refuse "the packages cannot be installed, and nothing was changed"
		[ "$TRY" != yes ] || return 0
		said=$(dpkg --refuse-downgrade --force-confold -i "$@" 2>&1) || refuse "dpkg could not install the packages"
		return
	fi
	# With no sources there is nothing that apt-get could fetch. (With --no-download it does not take files either.)
	apt() {
		apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
			-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -y --no-install-recommends "$@" 2>&1
	}
	said=$(apt -s install "$@") || { said=$(printf '%s\n' "$said" | grep -e '^E:' -e 'Depends:' -e 'Breaks:' -e 'Conflicts:'); refuse "the packages cannot be installed, and nothing was changed"; }
	gone=$(printf '%s\n' "$said" | awk '$1 == "Remv" { print $2 }' | tr '\n' ' ')
	more=
	for p in $(printf '%s\n' "$said" | awk '$1 == "Inst" { print $2 }'); do given "$p" || more="$more$p "; done
	said=
	[ -z "$gone" ] || refuse "nothing was changed: to install the packages, these would be removed: $gone"
	[ -z "$more" ] || refuse "nothing was changed: these are needed too, and not given: $more"
	[ "$TRY" != yes ] || return 0
	said=$(apt --no-remove install "$@") || refuse "apt-get could not install the packages"
}

rpms() {
	check=
	if [ "$SIGNED" = yes ]; then
		for f; do
			# The name stands in what it says, and may hold any of the words.
			said=$(rpm -K "$f" 2>&1) && word=$(printf '%s\n' "$said" | tail -n 1) && case ${word#"$f"} in
			*"NOT OK"*|*"MISSING KEYS"*) false ;;
			*signatures*|*pgp*|*gpg*|*rsa*) : ;;
			*) false ;;
			esac || refuse "nothing was changed: the signature of ${f##*/} cannot be verified (rpm --import KEY on the host, or check_signatures: false)"
		done
	else
		check=--nosignature
	fi
	# shellcheck disable=SC2086 # none, or one option
	said=$(rpm -U --test $check "$@" 2>&1) || refuse "the packages cannot be installed, and nothing was changed"
	gone=
	# shellcheck disable=SC2086
	for p in $(rpm -qp $check --qf '[%{OBSOLETENAME}\n]' "$@" 2>/dev/null | sort -u); do
		given "$p" || ! rpm -q -- "$p" >/dev/null 2>&1 || gone="$gone$p "
	done
	said=
	[ -z "$gone" ] || refuse "nothing was changed: to install the packages, these would be removed: $gone"
	[ "$TRY" != yes ] || return 0
	verify=--setopt=localpkg_gpgcheck=1
	[ "$SIGNED" = yes ] || verify=--nogpgcheck
	if have dnf; then
		said=$(dnf -y -q --disablerepo='*' --setopt=install_weak_deps=False $verify install "$@" 2>&1)
	elif have yum; then
		said=$(yum -y -q --disablerepo='*' $verify localinstall "$@" 2>&1)
	else
		# shellcheck disable=SC2086
		said=$(rpm -U $check "$@" 2>&1)
	fi || refuse "the packages could not be installed"
}

if [ "$FORMAT" = deb ]; then debs "$@"; else rpms "$@"; fi
clean
