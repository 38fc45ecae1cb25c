# What makes archives of a backup: text for the shell of the engine's account, in the backup's directory. pack zstd|gzip proves each archive
# before the parts that it is of are removed, and leaves 256 MB of the disk free. It returns 1, and says why in unpacked, where all was left
# as it is. A second list, CONTENTS, has the checksums of what is in the archives then.
# shellcheck disable=SC2016,SC2034 # the inner shell's, for what uses it
pack='unpack() { if [ "$1" = zstd ]; then zstd -q -d -c; else gzip -d -c; fi; }
pack() {
	if [ "$1" = zstd ]; then ends=zst; else ends=gz; fi
	rm -f -- ./*.tar.* tablespaces/*.tar.* .plain .failed .sum
	mkfifo .plain || return 2
	for part in pgdata polardata tablespaces/*; do
		[ -d "$part" ] || continue
		room=$(df -Pk . | awk "NR == 2 { printf \"%.0f\", (\$4 - 262144) * 1024 }")
		case $room in -*|0|"") echo "there is no room for its archives" >.failed; break ;; esac
		sha256sum <.plain >.sum &
		{ tar -cf - -C "$part" . || echo "tar failed" >.failed; } | tee .plain |
			if [ "$1" = zstd ]; then nice zstd -q -c; else nice gzip -1 -c; fi | head -c "$room" >"$part.tar.$ends"
		wait $!
		if [ "$(unpack "$1" <"$part.tar.$ends" 2>/dev/null | sha256sum)" != "$(cat .sum)" ]; then
			echo "$part.tar.$ends does not hold what was read" >.failed
			[ "$(stat -c %s "$part.tar.$ends")" != "$room" ] || echo "there is no room for its archives" >.failed
		fi
		[ ! -s .failed ] || break
	done
	if [ -s .failed ]; then
		unpacked=$(cat .failed)
		rm -f -- .plain .failed .sum ./*.tar.* tablespaces/*.tar.*
		return 1
	fi
	rm -f .plain .sum
	mkdir -p control/global && cp polardata/global/pg_control control/global/pg_control && mv SHA256SUMS CONTENTS && sync || return 2
	for part in pgdata polardata tablespaces/*; do [ ! -d "$part" ] || rm -rf -- "$part" || return 2; done
	find CONTENTS control ./*.tar.* tablespaces -type f | sed "s,^[.]/,," | LC_ALL=C sort | tr "\n" "\0" | xargs -0 sha256sum >SHA256SUMS.new || return 2
	sync && mv SHA256SUMS.new SHA256SUMS && sha256sum -c SHA256SUMS >/dev/null || return 2
}'
