# Prints where the links to the engine's versions point, what is installed, and whose program the postmaster is.
# uses: roots
# takes: ENGINE PGDATA VERSION
cd /
name() { n=$(readlink "$ENGINE/$1" 2>/dev/null) && echo "$1=${n#versions/}"; }
name current
name previous
for d in "$ENGINE"/versions/*/; do [ -f "$d/.sha256" ] && echo "installed=$(basename "$d")"; done
[ -f "$PGDATA/PG_VERSION" ] && echo "data=$(head -n 1 "$PGDATA/PG_VERSION")"
pid=$(head -n 1 "$PGDATA/postmaster.pid" 2>/dev/null)
case $pid in ''|*[!0-9]*) ;; *)
	if [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(readlink -f "$PGDATA")" ]; then
		exe=$(readlink "/proc/$pid/exe")
		echo "running=$(echo "${exe% (deleted)}" | sed "s#^$(readlink -f "$ENGINE")/versions/##; s#/.*##")"
	fi ;;
esac
[ -n "$VERSION" ] || VERSION=$(readlink "$ENGINE/previous" 2>/dev/null | sed 's#^versions/##')
if [ -n "$VERSION" ]; then
	for p in polar-postgres postgres; do
		if [ -x "$ENGINE/versions/$VERSION/bin/$p" ]; then
			as() { runuser -u nobody -- env "$@"; }
			if [ "$(id -u)" != 0 ] || roots "$ENGINE/versions/$VERSION/bin/$p"; then as() { env "$@"; }; fi
			echo "release=$(as LC_ALL=C LD_LIBRARY_PATH="$ENGINE/versions/$VERSION/lib" "$ENGINE/versions/$VERSION/bin/$p" --version 2>&1 | head -n 1)"; break; fi
	done
fi
:
