# Prints all that a host can tell by itself, one check.NAME=VALUE a line, after what the node looks like. $* are the libraries that are
# needed. Every line is printed where it is found; what a host does not have is left out, and the plan says what that means.
# uses: tcp_tables strangers firewalld_bus
# takes: PGDATA POLARDATA ENGINE OWNER UNIT LOCALE ZONE PORTS TOOLS SYSCTL
(
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
NL='
'
say() { printf 'check.%s\n' "$1"; }
has() { command -v "$1" >/dev/null 2>&1; }
has timeout || timeout() { shift; "$@"; }
for f in /etc/os-release /usr/lib/os-release; do
	if [ -r "$f" ]; then sed -n 's/^\(ID\|ID_LIKE\|VERSION_ID\|PRETTY_NAME\)=/check.os.&/p' "$f"; break; fi
done
machine=$(uname -rm)
kernel=${machine% *} machine=${machine##* }
say "machine=$machine"
say "kernel=$kernel"
say "cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
sed -n 's/^\(MemTotal\|MemAvailable\|SwapTotal\|SwapFree\):[ \t]*\([0-9]*\).*/check.memory.\1=\2/p' /proc/meminfo
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || glibc=$(ldd --version 2>&1 | head -n 1)
say "libc=$glibc"
# nearest PATH: leaves it, or the first of its parents that is there, in p.
nearest() {
	p=$1
	while [ ! -e "$p" ]; do case $p in */*) p=${p%/*} p=${p:-/} ;; *) p=. ;; esac; done
}
nearest "$PGDATA"; pgdata=$p
nearest "$POLARDATA"; polardata=$p
nearest "$ENGINE/versions"; home=$p
nearest /tmp; temp=$p
nearest /dev/shm; shm=$p
# room PATHS: the file system of each, a line each; fails when one of them does not answer.
room() {
	timeout 10 df -Pk "$@" 2>/dev/null | awk '
		first { if (++n > 1) { m = $6; for (i = 7; i <= NF; i++) m = m " " $i; on[n] = m; room[n] = $4 "|" $2 "|" m } next }
		{ gsub(/\\040/, " ", $2); type[$2] = $4 "|" $3 } # the last one is on top
		END { for (i = 2; i <= n; i++) print room[i] "|" (on[i] in type ? type[on[i]] : "|"); exit n != want + 1 }' want=$# first=1 - first=0 /proc/self/mounts
}
places() {
set -- pgdata "$pgdata" polardata "$polardata" home "$home" temp "$temp" shm "$shm"
if rooms=$(room "$pgdata" "$polardata" "$home" "$temp" "$shm"); then
	while IFS= read -r line; do say "path.$1=$line|$2"; shift 2; done <<ROOMS
$rooms
ROOMS
else
	while [ $# -gt 0 ]; do rooms=$(room "$2") || rooms='||||'; say "path.$1=$rooms|$2"; shift 2; done
fi
}
places
for d in "$PGDATA" "$POLARDATA"; do
	who=$(strangers "${d%/*}" "$OWNER")
	if [ -n "$who" ]; then say "strangers=$d|$who"; fi
done
who=$(strangers "$ENGINE/versions")
if [ -n "$who" ]; then say "strangers=$ENGINE|$who"; fi
systemd=
if [ -d /run/systemd/system ]; then systemd=$(systemctl --version 2>/dev/null); fi
say "systemd=${systemd%%"$NL"*}"
for t in $TOOLS; do has "$t" || say "tool.missing=$t"; done
# shellcheck disable=SC2086 # one file or two
sockets=$(awk '$4 == "0A" { print $2, $10 }' $tcp)
while read -r address inode; do
	case $address in 00000000:*|0100007F:*|00000000000000000000000000000000:*) say "listening=${address##*:}" ;; esac
done <<SOCKETS
$sockets
SOCKETS
for port in $PORTS; do
	hex=$(printf %04X "$port")
	case $sockets in *":$hex "*) ;; *) continue ;; esac
	for inode in $(printf '%s\n' "$sockets" | awk -v p=":$hex" 'substr($1, length($1) - length(p) + 1) == p { print $2 }' | sort -u); do
		say "taken=$port"
		# Not every find knows -lname, and what ls shows of a descriptor is what it leads to.
		# shellcheck disable=SC2012
		ls -ln /proc/[0-9]*/fd 2>/dev/null | awk -v s="socket:[$inode]" '/^\/proc\// { split($0, f, "/"); p = f[3] } $NF == s { print p }' | sort -u | while read -r p; do
			say "holder=$port|$p|$(sed -n 's/^PPid:[ 	]*//p' "/proc/$p/status" 2>/dev/null)|$(cat "/proc/$p/comm" 2>/dev/null)"
		done
	done
done
for l; do say "library.wanted=$l"; done
case $machine in x86_64) arch=x86-64 ;; aarch64) arch=AArch64 ;; *) arch=libc ;; esac
# All in one line, because each is looked up without a process; of two files of one name the first is the linker's.
known=" $(ldconfig -p 2>/dev/null | awk -v a="$arch" 'index($0, a) && !seen[$1]++ { printf "%s %s ", $1, $NF }')"
for l; do
	file=
	case $known in *" $l /"*) file=/${known#*" $l /"} file=${file%% *} ;; esac
	if [ ! -e "$file" ]; then
		file=
		for d in /lib64 /usr/lib64 "/lib/$machine-linux-gnu" "/usr/lib/$machine-linux-gnu" /lib /usr/lib /usr/local/lib64 /usr/local/lib; do
			if [ -e "$d/$l" ]; then file=$d/$l; break; fi
		done
	fi
	if [ -n "$file" ]; then say "library.found=$l"; fi
	if [ -n "$file" ] && [ "$l" = libstdc++.so.6 ]; then
		grep -ao 'GLIBCXX_3\.4[.0-9]*' "$file" 2>/dev/null | awk -F. '$3 + 0 > m { m = $3 + 0 } END { print "check.glibcxx=3.4." m }'
	fi
done
# Not with read, which reads a byte at a time: the kernel gives out the first and no more.
# shellcheck disable=SC2086 # names of settings
( set -f; grep -s '' /dev/null $SYSCTL /sys/kernel/mm/transparent_hugepage/enabled ) |
	sed 's|^/proc/sys/|check.sysctl=|; s|^/sys/kernel/mm/transparent_hugepage/enabled:|check.hugepage=|'
if uid=$(id -u "$OWNER" 2>/dev/null); then say "user=$uid|$(id -gn "$OWNER")"; fi
say "limit.hard=$(ulimit -Hn)"
systemctl show -p LoadState -p LimitNOFILE "$UNIT" 2>/dev/null | sed -n 's/^LoadState=/check.unit.load=/p; s/^LimitNOFILE=/check.unit.nofile=/p'
pid=
{ read -r pid; } 2>/dev/null <"$PGDATA/postmaster.pid"
case $pid in ''|*[!0-9]*) ;; *) sed -n 's/^Max open files *\([0-9a-z]*\).*/check.limit.server=\1/p' "/proc/$pid/limits" 2>/dev/null ;; esac
zone=$(readlink /etc/localtime 2>/dev/null)
case $zone in *zoneinfo/*) zone=${zone##*zoneinfo/} ;; *) zone= ;; esac
if [ -z "$zone" ]; then zone=$(head -n 1 /etc/timezone 2>/dev/null); fi
say "timezone=${zone:-$(date +%Z)}"
lang=
for f in /etc/locale.conf /etc/default/locale /etc/sysconfig/i18n; do
	if [ -r "$f" ]; then lang=$(sed -n "s/[\"']//g; s/^[ 	]*LANG=//p" "$f") lang=${lang##*"$NL"}; if [ -n "$lang" ]; then break; fi; fi
done
say "locale=$lang"
say "codeset=$(LC_ALL="$LOCALE" locale charmap 2>/dev/null)"
zone=$ZONE
if [ -n "$zone" ] && [ -d /usr/share/zoneinfo ] && [ ! -f "/usr/share/zoneinfo/$zone" ]; then say nozone=yes; fi
locale -a 2>/dev/null | sed 's/^/check.locales=/'
if has getenforce; then say "selinux=$(getenforce 2>/dev/null)"; fi
# default_zone prints, of what firewall-cmd --list-all does, what lets anybody in.
default_zone() {
	zone=$(firewalld_default) && [ -n "$zone" ] || return 1
	target=$(firewalld_call "$(firewalld_kept "$zone")" $firewalld.config.zone getTarget) || return 1
	services=$(firewalld_call $firewalld_path $firewalld.zone getServices s "$zone") || return 1
	ports=$(firewalld_call $firewalld_path $firewalld.zone getPorts s "$zone") || return 1
	rules=$(firewalld_call $firewalld_path $firewalld.zone getRichRules s "$zone") || return 1
	echo "target: $(printf '%s\n' "$target" | firewalld_texts)"
	echo "services: $(printf '%s\n' "$services" | firewalld_texts | tr '\n' ' ')"
	echo "ports: $(printf '%s\n' "$ports" | firewalld_ports)"
	printf '%s\n' "$rules" | firewalld_texts
}
if has firewall-cmd && systemctl -q is-active firewalld 2>/dev/null; then
	say firewall=firewalld
	{ default_zone || timeout 20 firewall-cmd --list-all 2>/dev/null; } | sed 's/^/check.firewall.rule=/'
elif has ufw && grep -qi '^ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null; then
	say firewall=ufw
	timeout 20 ufw status 2>/dev/null | sed 's/^/check.firewall.rule=/'
fi
# busybox has a hostname without -I.
say "addresses=$(hostname -I 2>/dev/null || ip -o addr show scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }' | tr '\n' ' ')"
say end=yes
)
