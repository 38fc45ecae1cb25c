# Prints the lines of postgresql.conf that set one of SETTINGS, a list for sed, or keep one in a comment; before them "ours" if
# polarbook wrote the file. Reads a regular file only, and 256 KiB of it.
# takes: PGDATA SETTINGS
f=$PGDATA/postgresql.conf
[ -f "$f" ] && [ ! -L "$f" ] || exit 0
head -c 262144 <"$f" | LC_ALL=C sed -n '1s/^# Written by polarbook.*/ours/p
/^\(# initdb: \)\{0,1\}\('"$SETTINGS"'\)[ =]/p'
exit 0
