# Unpacks an archive of the engine, with or without a top folder. Programs are asked for their libraries, under the engine's own lib
# directory, before anything is put in place.
# uses: preamble roots open_archive polardb_libraries
# takes: ARCHIVE DIR SUM
set -e
umask 022
NEW=$DIR.unpacking
fail() { echo "$*" >&2; rm -rf "$NEW" "$NEW.said"; exit 1; }
die() { fail "$@"; }
rm -rf "$NEW" "$NEW.said"
mkdir -m 0700 "$NEW"
s=$ARCHIVE m=$NEW
opening
open | tar -x -o -f - -C "$NEW" || { rm -f "$ARCHIVE"; fail "the archive cannot be unpacked; is the disk full?"; }
[ ! -e "$m.said" ] || fail "the archive is damaged"
# Its modes and owners are its packer's, who may be anybody; nobody gets at them before they are gone.
chown -R -h 0:0 "$NEW" 2>/dev/null || [ "$(id -u)" != 0 ] || fail "the files cannot be made root's"
chmod -R ug-s,go-w "$NEW"
ROOT=
for d in "$NEW" "$NEW"/*; do [ -x "$d/bin/initdb" ] && { ROOT=$d; break; }; done
[ -n "$ROOT" ] || fail "the archive is no install prefix of the engine: there is no bin/initdb in it or in its top folder"
POSTGRES=
for p in polar-postgres postgres; do [ -x "$ROOT/bin/$p" ] && { POSTGRES=$ROOT/bin/$p; break; }; done
[ -n "$POSTGRES" ] || fail "the archive holds neither bin/postgres nor bin/polar-postgres"
said=$(LC_ALL=C LD_LIBRARY_PATH=$ROOT/lib "$POSTGRES" --version 2>&1) || fail "the archive's $(basename "$POSTGRES") does not run on this host ($(uname -m)): $said"
missing=$(lacking "$ROOT")
[ -z "$missing" ] || fail "the host lacks libraries that the engine needs: $missing"
printf '%s\n' "$SUM" >"$ROOT/.sha256"
chmod -R u+rwX,go+rX "$ROOT"
sync
rm -rf "$DIR"
mv -T "$ROOT" "$DIR"
sync
rm -rf "$NEW" "$ARCHIVE"
