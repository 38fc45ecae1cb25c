# Prints what every host tells of itself. limit is for how many seconds a tool may take.
# uses: preamble encode roots
# facts is the directory of the host's own.
# takes: limit facts
soon() { if have timeout; then timeout "$limit" "$@"; else "$@"; fi; }
echo "uname_s $(uname -s)"
echo "uname_r $(uname -r)"
echo "uname_v $(uname -v)"
echo "uname_m $(uname -m)"
echo "uname_n $(uname -n)"
for f in /etc/os-release /usr/lib/os-release; do
	if [ -r $f ]; then sed 's/^/os /' $f; break; fi
done
if [ -r /etc/redhat-release ]; then echo "redhat $(head -n 1 /etc/redhat-release)"; fi
if [ -r /etc/debian_version ]; then echo "debian $(head -n 1 /etc/debian_version)"; fi
if [ -r /proc/1/comm ]; then echo "init $(cat /proc/1/comm)"; fi
for p in apt-get dnf yum zypper apk pacman; do if have $p; then echo "package $p"; fi; done
echo "fqdn $(soon hostname -f 2>/dev/null)"
date '+date %s %Y %m %d %H %M %S %z %Z %A %u %j %W'
echo "utc $(date -u '+%Y-%m-%dT%H:%M:%SZ')"
echo "user $(id -un) $(id -u) $(id -g)"
line=$(if have getent; then getent passwd "$(id -u)"; else grep "^$(id -un):" /etc/passwd; fi) && echo "passwd $line"
env | encode env
if [ -e /sys/fs/selinux/enforce ]; then
	echo "selinux $(cat /sys/fs/selinux/enforce)"
	if [ -r /sys/fs/selinux/policyvers ]; then echo "policyvers $(cat /sys/fs/selinux/policyvers)"; fi
fi
if [ -r /etc/selinux/config ]; then sed -n 's/^\(SELINUX\|SELINUXTYPE\)=/selinux_config \1=/p' /etc/selinux/config; fi
if [ -r /etc/machine-id ]; then echo "machine_id $(cat /etc/machine-id)"; fi
if [ -r /etc/resolv.conf ]; then sed -n 's/^\(nameserver\|search\)[[:space:]]/resolv \1 /p' /etc/resolv.conf; fi
if [ -r /proc/cmdline ]; then echo "cmdline $(cat /proc/cmdline)"; fi
for f in "$facts"/*.fact; do
	if [ ! -e "$f" ]; then continue; fi
	n=${f##*/}
	echo "local ${n%.fact}"
	case $(ls -lLd -- "$f") in
	???[xs]*)
		if [ "$(id -u)" = 0 ] && ! roots "$f"; then echo 'local_refused'; continue; fi
		out=$("$f" 2>/dev/null </dev/null; echo "x$?")
		echo "local_status ${out##*x}"
		printf '%s' "${out%x*}" | encode local_text ;;
	*) encode local_text <"$f" ;;
	esac
done
if [ -r /proc/loadavg ]; then echo "loadavg $(cat /proc/loadavg)"; fi
if [ -r /proc/sys/crypto/fips_enabled ]; then echo "fips $(cat /proc/sys/crypto/fips_enabled)"; fi
if [ -e /sys/kernel/security/apparmor ]; then echo 'apparmor yes'; fi
for f in /etc/ssh/ssh_host_*_key.pub; do
	if [ -r "$f" ]; then echo "hostkey ${f##*/ssh_host_} $(head -n 1 "$f")"; fi
done
if have capsh; then capsh --print 2>/dev/null | sed -n 's/^Current:/caps &/p'; fi
lsb=$(if have lsb_release; then soon lsb_release -a 2>/dev/null; fi)
if [ -z "$lsb" ] && [ -r /etc/lsb-release ]; then lsb=$(cat /etc/lsb-release); fi
if [ -n "$lsb" ]; then printf '%s\n' "$lsb" | sed 's/^/lsb /'; fi
# Only root may look at the root of process 1. For others it is told by the number that a file system's own root has.
root=$(stat -L -c '%d %i' / 2>/dev/null)
if first=$(stat -L -c '%d %i' /proc/1/root/. 2>/dev/null) && [ -n "$first" ]; then
	if [ "$root" != "$first" ]; then echo 'chroot yes'; fi
else
	case "$(stat -f -c %T / 2>/dev/null)" in
	btrfs) first=256 ;;
	xfs) first=128 ;;
	*) first=2 ;;
	esac
	if [ "${root#* }" != $first ]; then echo 'chroot yes'; fi
fi
