# Starts the engine with the files that are on the input, each after a line that begins with MARK and names it, in the directory TRY,
# and tells what came of it. It runs as the engine's account. What stands beside the node's own files is taken along, as they may
# include it.
# takes: PGDATA POLARDATA BIN MARK PID RESET TLS SOCKET
cd "$TRY" || exit 1
umask 077
for f in "$PGDATA"/*.conf "$PGDATA"/*.d; do
	case ${f##*/} in recovery.conf|polar_node_static.conf|'*.conf'|'*.d') continue ;; esac
	if [ -f "$f" ]; then cat "$f" >"./${f##*/}" 2>/dev/null || { echo "@@unreadable"; ls -ld "$f"; }
	elif [ -d "$f" ]; then cp -R "$f" . 2>/dev/null || :
	fi
done
mkdir -p files d/global
awk -v mark="$MARK" 'index($0, mark) == 1 { f = "files/" substr($0, length(mark) + 1); next } f { print >f }'
same=
if [ -n "$PID" ]; then
	same=yes
	for f in files/*; do
		[ -f "$f" ] || continue
		cmp -s "$f" "$PGDATA/${f##*/}" || same=
	done
	for f in postgresql.conf polar_dma.conf pg_hba.conf postgresql.auto.conf; do
		if [ -e "$PGDATA/$f" ] && [ "$PGDATA/$f" -nt "$PGDATA/postmaster.pid" ]; then same=; fi
	done
fi
for f in files/*; do [ ! -f "$f" ] || cat "$f" >"./${f##*/}"; done
for f in postgresql.conf polar_dma.conf pg_hba.conf postgresql.auto.conf; do
	if [ -f "./$f" ]; then echo "@@file $f"; cat "./$f"; echo; fi
done
if [ -n "$same" ]; then echo @@same; exit 0; fi
if [ -n "$RESET" ]; then : >postgresql.auto.conf; fi
POSTGRES=
for p in polar-postgres postgres; do if [ -x "$BIN/$p" ]; then POSTGRES=$BIN/$p; break; fi; done
[ -n "$POSTGRES" ] || { echo "no server under $BIN" >&2; exit 1; }
"$POSTGRES" -V | sed 's/^[^0-9]*\([0-9]*\).*/\1/' >PG_VERSION
mkdir -p base global pg_commit_ts pg_dynshmem pg_logical pg_multixact pg_notify pg_replslot pg_serial pg_snapshots pg_stat pg_stat_tmp pg_subtrans pg_tblspc pg_twophase pg_wal pg_xact
: >>pg_ident.conf
# A control file that is none: there the start ends, before it would look for data.
dd if=/dev/zero of=d/global/pg_control bs=8192 count=1 2>/dev/null
cat postgresql.conf polar_dma.conf postgresql.auto.conf 2>/dev/null >.values
# The last that a setting is given.
value() { sed -n "s/^[ 	]*$1[ 	=]*[ 	]*'\{0,1\}\([^'#]*\)'\{0,1\}.*/\1/
t kept
b next
:kept
h
:next
\$ { g; p; }" .values; }
# Names of certificates that are relative begin in PGDATA.
for name in ssl_cert_file=server.crt ssl_key_file=server.key ssl_ca_file= ssl_crl_file= ssl_dh_params_file=; do
	f=$(value "${name%%=*}")
	f=${f:-${name#*=}}
	case /$f/ in //*|*/../*) continue ;; esac
	if [ -f "$PGDATA/$f" ] && [ ! -e "./$f" ]; then
		case $f in */*) mkdir -p "./${f%/*}" ;; esac
		ln -s "$PGDATA/$f" "./$f"
	fi
done
try() {
	timeout 60 "$POSTGRES" -D "$TRY" -c data_directory="$TRY" -c logging_collector=off -c log_destination=stderr -c log_min_messages=notice -c log_line_prefix='%m [%p] ' -c log_error_verbosity=default \
		-c listen_addresses= -c unix_socket_directories="$TRY" -c external_pid_file="$TRY/external.pid" -c stats_temp_directory=pg_stat_tmp \
		-c polar_datadir="file-dio://$TRY/d/" -c polar_enable_dma=off -c polar_enable_shared_storage_mode=on "$@" 2>&1 </dev/null
	status=$?
	rm -f postmaster.pid polar_node_static.conf
	return $status
}
tls=
cert=$(value ssl_cert_file)
case $cert in "$TLS"*) [ -r "$cert" ] || tls='-c ssl=off' ;; esac
echo @@log
# shellcheck disable=SC2086 # no word, or two
try $tls >log
status=$?
head -c 262144 log
echo; echo "@@status $status"
# shellcheck disable=SC2086 # no word, or two
if [ -n "$PID" ] && grep -q 'could not map anonymous shared memory' log; then echo @@again; try $tls -c huge_pages=off | head -c 262144; echo; fi
if grep -q 'unrecognized configuration parameter' log; then echo @@names; "$POSTGRES" --describe-config 2>/dev/null | cut -f 1; fi
echo @@memory; cat /proc/meminfo
echo @@control; pg_controldata -D "$POLARDATA" 2>/dev/null
echo @@local
{ read -r any || :; } 2>/dev/null </proc/sys/net/ipv4/ip_nonlocal_bind || :
if [ "$any" = 1 ] || ! command -v ip >/dev/null 2>&1; then echo any; else ip -o addr show 2>/dev/null | awk '{ sub(/\/.*/, "", $4); print $4 }'; fi
for a in $(value listen_addresses | tr ',' ' '); do
	case $a in '*'|*:*|*[!0-9.]*) getent ahosts "$a" 2>/dev/null | awk -v n="$a" '{ print "name " n " " $1 }' ;; esac
done
# Directories of links are as good as where they lead.
dir=$(value polar_datadir)
echo @@datadir
readlink -f -- "${dir#file-dio://}" 2>/dev/null
readlink -f -- "$POLARDATA" 2>/dev/null
echo @@denied
writable() { if [ -d "$1" ]; then [ -w "$1" ] && [ -x "$1" ]; else [ -n "$2" ] && [ -d "${1%/*}" ] && [ -w "${1%/*}" ]; fi; }
dir=$(value log_directory)
case $dir in /*) writable "$dir" make || echo "log_directory: $dir" ;; esac
value unix_socket_directories | tr ',' '\n' | while read -r dir; do
	case $dir in "$SOCKET"|'') ;; *) writable "$dir" || echo "unix_socket_directories: $dir" ;; esac
done
exit 0
