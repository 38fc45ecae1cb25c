package builtin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/pattern"
)

type setupArgs struct {
	GatherSubset  []string `arg:"gather_subset" default:"all" doc:"Subsets to gather: all, min, hardware, network, virtual; a collector, as platform; with !, what to leave out."`
	Filter        []string `arg:"filter" doc:"Shell patterns of the names to return, with or without ansible_."`
	GatherTimeout int      `arg:"gather_timeout" default:"10" doc:"Timeout in seconds for what may hang, such as a dead file system."`
	FactPath      string   `arg:"fact_path" default:"/etc/ansible/facts.d" doc:"Directory of the host's own facts, NAME.fact, which are returned as ansible_local."`
}

var setupModule = tasks.Define(tasks.Module{
	Name: "setup", Collections: []string{"ansible.builtin"},
	Summary: "Gather facts about a host",
	Notes: []string{
		"Names and values are Ansible's. Python's (ansible_python…) are missing, since hosts need no Python.",
		"ansible_os_family of Anolis, Alibaba Cloud Linux, openEuler and Kylin is RedHat.",
	},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "the facts, their names beginning with ansible_"}},
	Examples: `
- setup:
- setup: {gather_subset: ["!all", "!min", hardware], filter: ["ansible_mem*"]}
`,
}, func(a *setupArgs, _ tasks.Local) (tasks.Action, error) { return newSetup("setup", a) })

func newSetup(module string, a *setupArgs) (tasks.Action, error) {
	s := &setup{setupArgs: *a, want: map[string]bool{}}
	known := map[string]bool{"all": true, "min": true, "hardware": true, "network": true, "virtual": true}
	none := true
	for _, subset := range a.GatherSubset {
		name, without := strings.CutPrefix(subset, "!")
		if name == "facter" || name == "ohai" {
			continue
		}
		if !known[name] && collectors[name] == "" {
			return nil, &tasks.ArgError{
				Module:  module,
				Arg:     "gather_subset",
				Problem: fmt.Sprintf("must be all, min, hardware, network, virtual or a collector of Ansible's such as platform, not %q", name),
			}
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
	for _, subset := range a.GatherSubset {
		if part := collectors[subset]; part != "" {
			s.want[part] = true
		}
	}
	for _, p := range a.Filter {
		re, err := regexp.Compile(pattern.Glob(strings.TrimPrefix(p, "ansible_")))
		if err != nil {
			return nil, &tasks.ArgError{Module: module, Arg: "filter", Problem: fmt.Sprintf("%q is not a pattern", p)}
		}
		s.filters = append(s.filters, re)
	}
	return s, nil
}

// collectors are the names of Ansible's that stand for less than a subset; the whole subset is gathered for one.
var collectors = map[string]string{
	"apparmor": "min", "caps": "min", "chroot": "min", "cmdline": "min", "date_time": "min", "distribution": "min", "dns": "min", "env": "min",
	"fips": "min", "is_chroot": "min", "local": "min", "loadavg": "min", "lsb": "min", "machine": "min", "machine_id": "min", "pkg_mgr": "min",
	"platform": "min", "python": "min", "selinux": "min", "service_mgr": "min", "ssh_pub_keys": "min", "system": "min", "systemd": "min",
	"user": "min", "user_id": "min", "kernel": "min", "hostname": "min", "fqdn": "min", "architecture": "min",
	"devices": "hardware", "dmi": "hardware", "memory": "hardware", "mounts": "hardware", "processor": "hardware",
	"processor_count": "hardware", "processor_cores": "hardware",
	"all_ipv4_addresses": "network", "all_ipv6_addresses": "network", "default_ipv4": "network", "default_ipv6": "network",
	"interfaces": "network", "iscsi": "network", "fibre_channel_wwn": "network", "nvme": "network",
	"virtualization_role": "virtual", "virtualization_type": "virtual",
	"virtualization_tech_guest": "virtual", "virtualization_tech_host": "virtual",
}

type setup struct {
	filters []*regexp.Regexp
	setupArgs
	want map[string]bool
}

// Probe asks for all that is wanted, in one script.
func (s *setup) Probe() string {
	var b strings.Builder
	b.WriteString(scripts.Script("setup_system", script.Values{"limit": max(1, s.GatherTimeout), "facts": s.FactPath}))
	for _, part := range []string{"hardware", "network", "virtual"} {
		if s.want[part] {
			b.WriteString(scripts.Text("setup_" + part))
		}
	}
	if s.want["hardware"] {
		b.WriteString(scripts.Text("setup_devices"))
	}
	b.WriteString("exit 0\n")
	return b.String()
}

// setupFound is the answer of the scripts of setup: contents of files and output of programs, as they are.
type setupFound struct {
	System   string   `answer:"uname_s"`
	Release  string   `answer:"uname_r"`
	Version  string   `answer:"uname_v"`
	Machine  string   `answer:"uname_m"`
	Node     string   `answer:"uname_n"`
	FQDN     string   `answer:"fqdn"`
	OS       []string `answer:"os"` // os-release
	RedHat   string   `answer:"redhat"`
	Debian   string   `answer:"debian"`
	Init     string   `answer:"init"`
	Packages []string `answer:"package"` // managers that are there
	// Date is epoch, year, month, day, hour, minute, second, zone, its name, weekday, its number, day of the year and week.
	Date          string      `answer:"date"`
	UTC           string      `answer:"utc"`
	User          string      `answer:"user"` // name, uid and gid
	Passwd        string      `answer:"passwd"`
	Env           []byte      `answer:"env"`
	SELinux       string      `answer:"selinux"` // 0 or 1; empty: the kernel has none
	PolicyVersion int         `answer:"policyvers"`
	SELinuxConfig []string    `answer:"selinux_config"`
	MachineID     string      `answer:"machine_id"`
	Resolver      []string    `answer:"resolv"`
	Cmdline       string      `answer:"cmdline"`
	LoadAverage   string      `answer:"loadavg"` // /proc/loadavg
	FIPS          string      `answer:"fips"`    // 0 or 1
	AppArmor      bool        `answer:"apparmor"`
	LSB           []string    `answer:"lsb"`     // lsb_release -a, or /etc/lsb-release
	Chroot        bool        `answer:"chroot"`  // the root directory is not that of process 1
	HostKeys      []string    `answer:"hostkey"` // KIND_key.pub, and the key
	Processors    []string    `answer:"cpu"`     // /proc/cpuinfo
	Nproc         int         `answer:"nproc"`
	Memory        []string    `answer:"memory"` // name and KiB
	Uptime        int         `answer:"uptime"` // seconds
	Mounts        []string    `answer:"mount"`  // /proc/mounts, and sizes
	Firmware      []string    `answer:"dmi"`
	Interfaces    []string    `answer:"interface"` // name, mtu, state and address
	Addresses     []string    `answer:"address"`   // ip -o addr
	Route4        string      `answer:"route4"`
	Route6        string      `answer:"route6"`
	Links         []string    `answer:"link"`        // of an interface: its name, and what is known beside the line of interface
	Blocks        []string    `answer:"block"`       // name, path of a file in its directory, and what it holds
	DeviceLinks   []string    `answer:"device_link"` // id, uuid or label; device and name
	PCIPaths      []string    `answer:"pci_path"`    // name and link of a device
	PCIDevices    []string    `answer:"pci_device"`  // lspci -D
	LVM           []string    `answer:"lvm"`         // vgs, lvs, pvs or dm, and a row of it; there: LVM's tools are
	Capabilities  []string    `answer:"caps"`        // capsh --print
	NVMe          []string    `answer:"nvme"`        // /etc/nvme/hostnqn
	ISCSI         []string    `answer:"iscsi"`       // /etc/iscsi/initiatorname.iscsi
	FibreChannel  []string    `answer:"fc_host"`     // port_name
	Virtual       []string    `answer:"virtual"`     // what tells of it, and its value
	Local         []localFact `answer:"local"`
}

// Plan returns the facts under ansible_facts, where the engine looks for variables of the host.
func (s *setup) Plan(found tasks.Found) (tasks.Plan, error) {
	said := &setupFound{}
	if err := found.Decode(said); err != nil {
		return tasks.Plan{}, err
	}
	facts := map[string]any{"gather_subset": convert.AnyTexts(s.GatherSubset), "module_setup": true}
	if s.want["min"] {
		systemFacts(said, facts)
		userFacts(said, facts)
		local := map[string]any{}
		for _, f := range said.Local {
			local[f.Name] = f.value()
		}
		facts["local"] = local
	}
	if s.want["hardware"] {
		hardwareFacts(said, facts)
	}
	if s.want["network"] {
		networkFacts(said, facts)
	}
	if s.want["virtual"] {
		virtualFacts(said, facts)
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
	for _, re := range s.filters {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}
