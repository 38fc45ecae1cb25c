package builtin

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type setupArgs struct {
	GatherSubset  []string `arg:"gather_subset" default:"all" doc:"What to gather: all, min, hardware, network, virtual; with ! in front, what to leave out."`
	Filter        []string `arg:"filter" doc:"Shell patterns of the names to return, with or without ansible_."`
	GatherTimeout int      `arg:"gather_timeout" default:"10" doc:"Seconds for what may hang: the host's full name, a file system that does not answer."`
}

var setupModule = tasks.Define(tasks.Module{
	Name: "setup", Collections: []string{"ansible.builtin"},
	Summary: "Gather facts about a host",
	Notes: []string{
		"One script asks for everything. Names and values are Ansible's; Python's (ansible_python…) are absent, since hosts need none.",
		"ansible_os_family of Anolis, Alibaba Cloud Linux, openEuler and Kylin is RedHat.",
	},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "the facts, their names beginning with ansible_"}},
	Examples: `
- setup:
- setup: {gather_subset: ["!all", "!min", hardware], filter: ["ansible_mem*"]}
`,
}, func(a *setupArgs, _ tasks.Local) (tasks.Action, error) {
	s := &setup{setupArgs: *a, want: map[string]bool{}}
	known := map[string]bool{"all": true, "min": true, "hardware": true, "network": true, "virtual": true}
	none := true
	for _, subset := range a.GatherSubset {
		name, without := strings.CutPrefix(subset, "!")
		if name == "facter" || name == "ohai" || name == "local" {
			continue
		}
		if !known[name] {
			return nil, &tasks.ArgError{Module: "setup", Arg: "gather_subset", Problem: fmt.Sprintf("must be all, min, hardware, network or virtual, not %q", name)}
		}
		none = none && without
	}
	for _, name := range []string{"min", "hardware", "network", "virtual"} {
		all := none || slices.Contains(a.GatherSubset, "all")
		s.want[name] = (all || name == "min" || slices.Contains(a.GatherSubset, name)) && !slices.Contains(a.GatherSubset, "!"+name)
		if slices.Contains(a.GatherSubset, "!all") && name != "min" && !slices.Contains(a.GatherSubset, name) {
			s.want[name] = false
		}
	}
	for _, p := range a.Filter {
		if _, err := path.Match(p, ""); err != nil {
			return nil, &tasks.ArgError{Module: "setup", Arg: "filter", Problem: fmt.Sprintf("%q is not a pattern", p)}
		}
	}
	return s, nil
})

type setup struct {
	setupArgs
	want map[string]bool
}

// Probe asks for all that is wanted in one script.
func (s *setup) Probe() string {
	var b strings.Builder
	b.WriteString(script.Preamble + script.Encode)
	fmt.Fprintf(&b, "soon() { if have timeout; then timeout %d \"$@\"; else \"$@\"; fi; }\n", max(1, s.GatherTimeout))
	b.WriteString(setupSystem)
	if s.want["hardware"] {
		b.WriteString(setupHardware)
	}
	if s.want["network"] {
		b.WriteString(setupNetwork)
	}
	if s.want["virtual"] {
		b.WriteString(setupVirtual)
	}
	b.WriteString("exit 0\n")
	return b.String()
}

const setupSystem = `echo "uname_s $(uname -s)"
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
date '+date %s %Y %m %d %H %M %S %z %Z %A %u %j %V'
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
`

const setupHardware = `if [ -r /proc/cpuinfo ]; then grep -E '^(processor|physical id|core id|cpu cores|siblings|model name|vendor_id|Features|CPU implementer)' /proc/cpuinfo | cut -c1-200 | sed 's/^/cpu /'; fi
if have nproc; then echo "nproc $(nproc)"; fi
sed -n 's/^\(MemTotal\|MemFree\|MemAvailable\|Buffers\|Cached\|SwapTotal\|SwapFree\|SwapCached\): */memory \1 /p' /proc/meminfo
echo "uptime $(cut -d. -f1 /proc/uptime)"
while read -r device point type options rest; do
	case $device in /*|*:*|tank*) ;; *) case $type in zfs|btrfs|fuse.*|9p|virtiofs) ;; *) continue ;; esac ;; esac
	case $point in
		*\\*) real=$(printf '%b' "$(printf '%s' "$point" | sed 's/\\\([0-7][0-7][0-7]\)/\\0\1/g')") ;;
		*) real=$point ;;
	esac
	sizes=$(soon stat -f -c '%S %b %f %a %c %d' -- "$real" 2>/dev/null)
	echo "mount $device $point $type $options $sizes"
done < /proc/mounts
for f in product_name product_version product_serial product_uuid sys_vendor bios_version bios_date; do
	if [ -r /sys/class/dmi/id/$f ]; then echo "dmi $f $(cat /sys/class/dmi/id/$f 2>/dev/null)"; fi
done
`

const setupNetwork = `for i in /sys/class/net/*; do
	if [ -d "$i" ]; then echo "interface ${i##*/} $(cat "$i/mtu") $(cat "$i/operstate") $(cat "$i/address" 2>/dev/null)"; fi
done
if have ip; then
	ip -o addr show 2>/dev/null | sed 's/^/address /'
	ip -4 route show default 2>/dev/null | head -n 1 | sed 's/^/route4 /'
	ip -6 route show default 2>/dev/null | head -n 1 | sed 's/^/route6 /'
fi
`

const setupVirtual = `if have systemd-detect-virt; then echo "virtual $(systemd-detect-virt 2>/dev/null)"; fi
if [ -e /.dockerenv ]; then echo 'virtual docker'; fi
`

// Plan works the facts out and puts them under ansible_facts, where the engine finds what becomes variables of the host.
func (s *setup) Plan(found tasks.Found) (tasks.Plan, error) {
	ans, err := tasks.ReadAnswer(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	facts := map[string]any{"gather_subset": tasks.AnyTexts(s.GatherSubset), "module_setup": true}
	if s.want["min"] {
		systemFacts(ans, facts)
		userFacts(ans, facts)
	}
	if s.want["hardware"] {
		hardwareFacts(ans, facts)
	}
	if s.want["network"] {
		networkFacts(ans, facts)
	}
	if s.want["virtual"] {
		virtualFacts(ans, facts)
	}
	named := map[string]any{}
	for name, value := range facts {
		key := name
		if name != "gather_subset" && name != "module_setup" {
			key = "ansible_" + name
		}
		if s.returned(name) {
			named[key] = value
		}
	}
	return tasks.Plan{Values: map[string]any{"ansible_facts": named}}, nil
}

func (s *setup) returned(name string) bool {
	if len(s.Filter) == 0 || len(s.Filter) == 1 && s.Filter[0] == "" {
		return true
	}
	for _, p := range s.Filter {
		if ok, _ := path.Match(strings.TrimPrefix(p, "ansible_"), name); ok {
			return true
		}
	}
	return false
}
