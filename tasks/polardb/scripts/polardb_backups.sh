# Prints what the backups in a directory say of themselves, and how much lies there. The engine's account wrote it, so that account
# reads it. $* are the names to look at; without any all are.
# uses: preamble polardb_schedule
# takes: DIR OWNER
cd /
[ $# -gt 0 ] || schedules dir "$DIR" | tr -d '\134' | awk -F '\t' '{ print "schedule=" $10 "\nwhen=" $6 + 0 "\nresult=" $7 "\ntook=" $8 "\nsaid=" $9 "\nactive=" ($4 == "active" ? "yes" : "") }'
[ -d "$DIR" ] || exit 0
id -u "$OWNER" >/dev/null 2>&1 || { echo "fault=the account $OWNER, which backups belong to, is not on this host"; exit 0; }
# shellcheck disable=SC2016 # the inner shell's
exec runuser -u "$OWNER" -- sh -uc 'umask 077
cd -- "$1" 2>/dev/null || { echo "fault=$1 cannot be read by its account"; exit 0; }
shift
[ $# -gt 0 ] || set -- *
for n; do
	case $n in *[[:cntrl:]]*|*/*|.*) continue ;; esac
	[ -d "./$n" ] || continue
	if [ ! -x "./$n" ] || [ ! -r "./$n" ]; then echo "backup=$n"; echo unreadable=yes; continue; fi
	[ -f "./$n/backup.json" ] || [ -f "./$n/backup.polarbook" ] || [ -f "./$n/SHA256SUMS" ] || { [ $# = 1 ] && echo "backup=$n"; continue; }
	echo "backup=$n"
	( cd "./$n" || exit 0
	[ ! -f backup.polarbook ] || head -c 4096 backup.polarbook | sed -n "s/^\([a-z]*=\)/note.\1/p"
	[ ! -f backup.json ] || { echo "encoded description"; head -c 262145 backup.json | base64; echo .; }
	[ ! -f SHA256SUMS ] || { s=$(sha256sum SHA256SUMS); echo "sums=${s%% *}"; }
	find pgdata polardata tablespaces control CONTENTS ./*.tar.zst ./*.tar.gz -type f -exec stat -c %s {} + 2>/dev/null | awk "{ n += \$1; f++ } END { printf \"bytes=%.0f\nfiles=%d\n\", n, f }" )
done' sh "$DIR" "$@"
