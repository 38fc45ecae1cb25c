# What every use of pip begins with. find_pip finds the one to use, which p is then: pip is its path, or three words. It is not called in a
# directory that everybody can write in: Python would take what lies there for its own.
# uses: preamble encode
# takes: venv exe chdir mask
# leaves: venv
[ -z "$mask" ] || umask "$mask"
case $venv in ''|/*) ;; *) venv=${chdir:-${TMPDIR:-/tmp}}/$venv ;; esac
cd -- "${chdir:-/}" || die "chdir: ${chdir:-/} cannot be entered"
pip=
p() { "$pip" "$@"; }
find_pip() {
	if [ -n "$venv" ]; then
		PATH=$venv/bin:$PATH
		for pip in "$venv/bin/pip3" "$venv/bin/pip"; do [ ! -x "$pip" ] || return 0; done
		echo "missing there is no pip in the virtual environment $venv"
		return 1
	fi
	case $exe in
		/*) pip=$exe; [ ! -x "$exe" ] || return 0 ;;
		?*) pip=$(command -v -- "$exe") && return 0; pip=$exe ;;
		*)
			pip=$(command -v pip3) && return 0
			p() { python3 -m pip "$@"; }
			pip='python3 -m pip'
			! p --version >/dev/null 2>&1 || return 0
			pip=pip3 ;;
	esac
	echo "missing there is no $pip on this host"
	return 1
}
listed() { p list --format=freeze 2>/dev/null || p freeze; }
