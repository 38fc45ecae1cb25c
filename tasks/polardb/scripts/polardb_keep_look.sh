# Says whether configuration files are kept, and whether an earlier release kept some beside PGDATA.
# takes: PGDATA KEPT
[ ! -d "$KEPT" ] || echo kept=yes
for d in "$PGDATA.conf-before" "$PGDATA.conf-before.new"; do [ ! -e "$d" ] && [ ! -L "$d" ] || echo former=yes; done
:
