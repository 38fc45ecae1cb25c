# Prints what a server's data says of itself, as its account reads it. DATADIR is POLARDATA as the settings name it.
# uses: preamble
# takes: OWNER PGDATA GIVEN DATADIR PREFIX
cd /
if [ -L "$GIVEN" ]; then echo link=yes; fi
if [ -L "$DATADIR" ]; then echo polardata.link=yes; fi
# shellcheck disable=SC2016 # the inner shell's
exec runuser -u "$OWNER" -- sh -uc 'LC_ALL=C LD_LIBRARY_PATH=$4/lib
export LC_ALL LD_LIBRARY_PATH
say() { printf "%s=%s\n" "$1" "$(printf %s "$2" | tr -d "[:cntrl:]" | head -c 4096)"; }
real=$(readlink -f -- "$3") && say polardata "$real"
if [ -f "$3/global/pg_control" ]; then echo control=yes; fi
if [ -f "$2/postgresql.conf" ] && [ -f "$2/pg_hba.conf" ]; then echo files=yes; fi
if [ -f "$2/recovery.conf" ] && grep -q "^[ 	]*polar_datamax_mode[ 	]*=" "$2/recovery.conf"; then echo logger=yes; fi
for p in polar-postgres postgres; do
	if [ -x "$4/bin/$p" ]; then say version "$("$4/bin/$p" --version 2>&1 | head -n 1)"; break; fi
done
say system "$("$4/bin/pg_controldata" "$3" 2>/dev/null | sed -n "s/^Database system identifier: *//p" | head -n 1)"
"$4/bin/polar_tools" dma-meta -D "$3" 2>&1 | tr -d "\000-\010\013-\037" | sed -n "s/^.*member info:[ 	]*/members=/p; s/^.*learner info:[ 	]*/learners=/p"
for l in "$2"/pg_tblspc/*; do if [ -L "$l" ]; then say tablespace "$(readlink -f -- "$l")"; fi; done
echo end=yes' sh x "$PGDATA" "$DATADIR" "$PREFIX"
