package preflight

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// checkTools are the programs that the built-in tasks call, apart from those that no system is without.
var checkTools = []string{
	"awk", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dirname", "env", "find", "getent", "grep", "head", "id", "ldd", "ln", "ls",
	"mkdir", "mktemp", "mv", "readlink", "rm", "runuser", "sed", "setsid", "sha256sum", "sort", "stat", "sync", "systemctl", "tail", "tar", "timeout",
	"touch", "tr", "uname", "useradd", "wc",
}

// script asks for all that a host can tell by itself, one `check.key=value` a line.
func (c *checkAction) script() string {
	a := c.args
	tools := checkTools
	if tool := compressor(a.Src); tool != "" {
		tools = append(append([]string{}, tools...), tool)
	}
	var libraries []string
	if c.archive != nil {
		libraries = c.archive.Libraries
	}
	var settings []string
	for _, name := range slices.Sorted(maps.Keys(a.Sysctl)) {
		settings = append(settings, "/proc/sys/"+strings.ReplaceAll(name, ".", "/"))
	}
	return strings.NewReplacer(
		"@PGDATA@", remote.Quote(a.Pgdata), "@POLARDATA@", remote.Quote(a.Polardata), "@HOME@", remote.Quote(a.Home),
		"@USER@", remote.Quote(a.User), "@UNIT@", remote.Quote(a.Unit), "@LOCALE@", remote.Quote(a.Locale), "@ZONE@", remote.Quote(a.Timezone),
		"@PORTS@", fmt.Sprintf("%d %d", a.Port, dma.ConsensusPort(a.Port)), "@TOOLS@", strings.Join(tools, " "),
		"@LIBRARIES@", script.Words(libraries), "@SYSCTL@", script.Words(settings),
	).Replace(checkScript)
}

// compressor is the program that tar calls for an archive of this name.
func compressor(file string) string {
	switch path.Ext(file) {
	case ".gz", ".tgz":
		return "gzip"
	case ".xz", ".txz":
		return "xz"
	case ".bz2":
		return "bzip2"
	case ".zst":
		return "zstd"
	}
	return ""
}

// A here-document or a pipe into while would lose nothing here: every line is printed where it is found. What a host
// does not have is left out, and the plan says what that means.
var checkScript = `(
` + script.TCPTables + script.Strangers + `export LC_ALL=C
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
nearest() { # the path, or the first of its parents that is there, in p
	p=$1
	while [ ! -e "$p" ]; do case $p in */*) p=${p%/*} p=${p:-/} ;; *) p=. ;; esac; done
}
nearest @PGDATA@; pgdata=$p
nearest @POLARDATA@; polardata=$p
nearest @HOME@/versions; home=$p
nearest /tmp; temp=$p
nearest /dev/shm; shm=$p
room() { # the file system of each path, a line each; fails when one of them does not answer
	timeout 10 df -Pk "$@" 2>/dev/null | awk '
		first { if (++n > 1) { m = $6; for (i = 7; i <= NF; i++) m = m " " $i; on[n] = m; room[n] = $4 "|" $2 "|" m } next }
		{ gsub(/\\040/, " ", $2); type[$2] = $4 "|" $3 } # the last one is on top
		END { for (i = 2; i <= n; i++) print room[i] "|" (on[i] in type ? type[on[i]] : "|"); exit n != want + 1 }' want=$# first=1 - first=0 /proc/self/mounts
}
set -- pgdata "$pgdata" polardata "$polardata" home "$home" temp "$temp" shm "$shm"
if rooms=$(room "$pgdata" "$polardata" "$home" "$temp" "$shm"); then
	while IFS= read -r line; do say "path.$1=$line|$2"; shift 2; done <<ROOMS
$rooms
ROOMS
else
	while [ $# -gt 0 ]; do rooms=$(room "$2") || rooms='||||'; say "path.$1=$rooms|$2"; shift 2; done
fi
for d in @PGDATA@ @POLARDATA@; do
	who=$(strangers "${d%/*}" @USER@)
	if [ -n "$who" ]; then say "strangers=$d|$who"; fi
done
who=$(strangers @HOME@/versions)
if [ -n "$who" ]; then d=@HOME@ && say "strangers=$d|$who"; fi
systemd=
if [ -d /run/systemd/system ]; then systemd=$(systemctl --version 2>/dev/null); fi
say "systemd=${systemd%%"$NL"*}"
for t in @TOOLS@; do has "$t" || say "tool.missing=$t"; done
sockets=$(awk '$4 == "0A" { print $2, $10 }' $tcp)
while read -r address inode; do
	case $address in 00000000:*|0100007F:*|00000000000000000000000000000000:*) say "listening=${address##*:}" ;; esac
done <<SOCKETS
$sockets
SOCKETS
for port in @PORTS@; do
	hex=$(printf %04X "$port")
	case $sockets in *":$hex "*) ;; *) continue ;; esac
	for inode in $(printf '%s\n' "$sockets" | awk -v p=":$hex" 'substr($1, length($1) - length(p) + 1) == p { print $2 }' | sort -u); do
		say "taken=$port"
		find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" 2>/dev/null | cut -d/ -f3 | sort -u | while read -r p; do
			say "holder=$port|$p|$(sed -n 's/^PPid:[ 	]*//p' "/proc/$p/status" 2>/dev/null)|$(cat "/proc/$p/comm" 2>/dev/null)"
		done
	done
done
for l in @LIBRARIES@; do say "library.wanted=$l"; done
case $machine in x86_64) arch=x86-64 ;; aarch64) arch=AArch64 ;; *) arch=libc ;; esac
# All in one line, because each is looked up without a process; of two files of one name the first is the linker's.
known=" $(ldconfig -p 2>/dev/null | awk -v a="$arch" 'index($0, a) && !seen[$1]++ { printf "%s %s ", $1, $NF }')"
for l in @LIBRARIES@; do
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
grep -s '' /dev/null @SYSCTL@ /sys/kernel/mm/transparent_hugepage/enabled |
	sed 's|^/proc/sys/|check.sysctl=|; s|^/sys/kernel/mm/transparent_hugepage/enabled:|check.hugepage=|'
if uid=$(id -u @USER@ 2>/dev/null); then say "user=$uid|$(id -gn @USER@)"; fi
say "limit.hard=$(ulimit -Hn)"
systemctl show -p LoadState -p LimitNOFILE @UNIT@ 2>/dev/null | sed -n 's/^LoadState=/check.unit.load=/p; s/^LimitNOFILE=/check.unit.nofile=/p'
pid=
{ read -r pid; } 2>/dev/null <@PGDATA@/postmaster.pid
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
say "codeset=$(LC_ALL=@LOCALE@ locale charmap 2>/dev/null)"
zone=@ZONE@
if [ -n "$zone" ] && [ -d /usr/share/zoneinfo ] && [ ! -f "/usr/share/zoneinfo/$zone" ]; then say nozone=yes; fi
locale -a 2>/dev/null | sed 's/^/check.locales=/'
if has getenforce; then say "selinux=$(getenforce 2>/dev/null)"; fi
if has firewall-cmd && systemctl -q is-active firewalld 2>/dev/null; then
	say firewall=firewalld
	timeout 20 firewall-cmd --list-all 2>/dev/null | sed 's/^/check.firewall.rule=/'
elif has ufw && grep -qi '^ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null; then
	say firewall=ufw
	timeout 20 ufw status 2>/dev/null | sed 's/^/check.firewall.rule=/'
fi
# busybox has a hostname without -I.
say "addresses=$(hostname -I 2>/dev/null || ip -o addr show scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }' | tr '\n' ' ')"
say end=yes
)`

// checkHost is what the script said.
type checkHost struct {
	OS                map[string]string // ID, ID_LIKE, VERSION_ID, PRETTY_NAME
	Machine, Kernel   string
	CPUs              int
	MemoryKB          map[string]int // MemTotal, MemAvailable, SwapTotal, SwapFree
	Libc              string
	Places            map[string]checkPlace // pgdata, polardata, home, temp, shm
	Strangers         [][2]string           // a path of ours, and who else could put something in its place
	Systemd           string
	MissingTools      []string
	Listening         []int // ports that somebody listens on at 127.0.0.1
	Taken             map[int]bool
	Holders           map[int][]holder
	Libraries         map[string]bool
	GLIBCXX           string // the newest
	Sysctl            map[string]string
	User              string // uid|group
	LimitHard         string
	LimitServer       string
	UnitLoad, UnitMax string
	HugePage          string
	Timezone, Locale  string
	Locales           []string
	Codeset           string // of the locale that is wanted
	NoZone            bool   // the time zone that is wanted is none of the host's
	SELinux           string
	Firewall          string // firewalld, ufw or empty
	FirewallRules     []string
	Addresses         []string
}

// checkPlace is the file system that a path is on, or will be.
type checkPlace struct {
	FreeKB, TotalKB int
	Mount, Type     string
	Options         string
	Existing        string // the nearest directory that is there
}

func (p checkPlace) option(name string) bool {
	for _, o := range strings.Split(p.Options, ",") {
		if o == name {
			return true
		}
	}
	return false
}

type holder struct {
	PID, Parent int
	Program     string
}

func parseCheck(f tasks.Found) (checkHost, error) {
	h := checkHost{OS: map[string]string{}, MemoryKB: map[string]int{}, Places: map[string]checkPlace{}, Taken: map[int]bool{},
		Holders: map[int][]holder{}, Libraries: map[string]bool{}, Sysctl: map[string]string{}}
	whole := false
	for _, line := range strings.Split(string(f.Stdout), "\n") {
		line, ours := strings.CutPrefix(line, "check.")
		if !ours {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if sub, ok := strings.CutPrefix(key, "os."); ok {
			h.OS[sub] = strings.Trim(value, `"'`)
			continue
		}
		if sub, ok := strings.CutPrefix(key, "memory."); ok {
			h.MemoryKB[sub], _ = strconv.Atoi(value)
			continue
		}
		if sub, ok := strings.CutPrefix(key, "path."); ok {
			h.Places[sub] = parsePlace(value)
			continue
		}
		switch key {
		case "machine":
			h.Machine = value
		case "kernel":
			h.Kernel = value
		case "cpus":
			h.CPUs, _ = strconv.Atoi(value)
		case "libc":
			h.Libc = value
		case "strangers":
			dir, who, _ := strings.Cut(value, "|")
			h.Strangers = append(h.Strangers, [2]string{dir, who})
		case "systemd":
			h.Systemd = value
		case "tool.missing":
			h.MissingTools = append(h.MissingTools, value)
		case "listening":
			if port, err := strconv.ParseInt(value, 16, 32); err == nil && !slices.Contains(h.Listening, int(port)) {
				h.Listening = append(h.Listening, int(port))
			}
		case "taken":
			port, _ := strconv.Atoi(value)
			h.Taken[port] = true
		case "holder":
			port, who := parseHolder(value)
			h.Holders[port] = append(h.Holders[port], who)
		case "library.found":
			h.Libraries[value] = true
		case "glibcxx":
			h.GLIBCXX = value
		case "sysctl":
			file, is, _ := strings.Cut(value, ":")
			if name := dotted(file); h.Sysctl[name] == "" {
				h.Sysctl[name] = strings.Join(strings.Fields(is), " ")
			}
		case "user":
			h.User = value
		case "limit.hard":
			h.LimitHard = value
		case "limit.server":
			h.LimitServer = value
		case "unit.load":
			h.UnitLoad = value
		case "unit.nofile":
			h.UnitMax = value
		case "hugepage":
			h.HugePage = value
		case "timezone":
			h.Timezone = value
		case "locale":
			h.Locale = value
		case "codeset":
			h.Codeset = value
		case "nozone":
			h.NoZone = true
		case "locales":
			h.Locales = append(h.Locales, value)
		case "selinux":
			h.SELinux = value
		case "firewall":
			h.Firewall = value
		case "firewall.rule":
			h.FirewallRules = append(h.FirewallRules, value)
		case "addresses":
			h.Addresses = strings.Fields(value)
		case "end":
			whole = true
		}
	}
	if !whole {
		return h, fmt.Errorf("look at the host: the answer broke off (exit %d): %s", f.Status, strings.TrimSpace(string(f.Stderr)))
	}
	return h, nil
}

// dotted is a kernel setting's name with dots, whichever way it was spelled.
func dotted(s string) string { return strings.ReplaceAll(s, "/", ".") }

// parsePlace reads free|total|mount|options|type|existing, in which the last may hold anything.
func parsePlace(s string) checkPlace {
	parts := append(strings.SplitN(s, "|", 6), "", "", "", "", "", "")
	p := checkPlace{Mount: parts[2], Options: parts[3], Type: parts[4], Existing: parts[5]}
	p.FreeKB, _ = strconv.Atoi(parts[0])
	p.TotalKB, _ = strconv.Atoi(parts[1])
	return p
}

func parseHolder(s string) (int, holder) {
	parts := append(strings.SplitN(s, "|", 4), "", "", "", "")
	port, _ := strconv.Atoi(parts[0])
	var h holder
	h.PID, _ = strconv.Atoi(parts[1])
	h.Parent, _ = strconv.Atoi(parts[2])
	h.Program = parts[3]
	return port, h
}
