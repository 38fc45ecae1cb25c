package builtin

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func gather(t *testing.T, name string, args map[string]any) map[string]any {
	t.Helper()
	found := tasks.Found{Result: remote.Result{Stdout: []byte(taskstest.Recorded(t, "setup/"+name+".txt"))}}
	plan, err := taskstest.NewAction(t, "setup", args, &taskstest.FakeLocal{}).Plan(found)
	if err != nil || plan.Change {
		t.Fatalf("%+v, %v", plan, err)
	}
	return plan.Values["ansible_facts"].(map[string]any)
}

func TestFactsOfDistributions(t *testing.T) {
	type system struct{ name, version, major, release, family, packages, selinux string }
	systems := map[string]system{
		"debian11":      {"Debian", "11.11", "11", "bullseye", "Debian", "apt", "disabled"},
		"debian12":      {"Debian", "12.9", "12", "bookworm", "Debian", "apt", "disabled"},
		"debian13":      {"Debian", "13.1", "13", "trixie", "Debian", "apt", "disabled"},
		"ubuntu2204":    {"Ubuntu", "22.04", "22", "jammy", "Debian", "apt", "disabled"},
		"centos7":       {"CentOS", "7.9", "7", "Core", "RedHat", "yum", "enforcing"},
		"rocky8":        {"Rocky", "8.10", "8", "Green Obsidian", "RedHat", "dnf", "enforcing"},
		"rocky9":        {"Rocky", "9.4", "9", "Blue Onyx", "RedHat", "dnf", "enforcing"},
		"anolis8":       {"Anolis", "8.9", "8", "NA", "RedHat", "dnf", "permissive"},
		"alinux3":       {"Alibaba", "3", "3", "Soaring Falcon", "RedHat", "dnf", "disabled"},
		"openeuler2203": {"openEuler", "22.03", "22", "LTS-SP3", "RedHat", "dnf", "enforcing"},
		"kylinv10":      {"Kylin Linux Advanced Server", "V10", "V10", "Lance", "RedHat", "dnf", "disabled"},
	}
	for name, want := range systems {
		f := gather(t, name, nil)
		selinux := f["ansible_selinux"].(map[string]any)
		mode, _ := selinux["mode"].(string)
		if selinux["status"] == "disabled" {
			mode = "disabled"
		}
		got := system{
			f["ansible_distribution"].(string), f["ansible_distribution_version"].(string), f["ansible_distribution_major_version"].(string),
			f["ansible_distribution_release"].(string), f["ansible_os_family"].(string), f["ansible_pkg_mgr"].(string), mode,
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if files, _ := filepath.Glob("testdata/setup/*.txt"); len(files) != len(systems) {
		t.Errorf("%d recordings, %d systems", len(files), len(systems))
	}
}

func TestFactsOfHardwareAndNetwork(t *testing.T) {
	f := gather(t, "centos7", nil)
	for name, want := range map[string]any{
		"ansible_hostname": "db1", "ansible_fqdn": "db1.example.com", "ansible_domain": "example.com",
		"ansible_nodename": "db1.example.com", "ansible_system": "Linux",
		"ansible_kernel": "3.10.0-1160.119.1.el7.x86_64", "ansible_architecture": "x86_64", "ansible_service_mgr": "systemd",
		"ansible_processor_count": 2, "ansible_processor_cores": 2, "ansible_processor_threads_per_core": 2, "ansible_processor_vcpus": 8,
		"ansible_memtotal_mb": 31890, "ansible_memfree_mb": 1181, "ansible_swaptotal_mb": 8191, "ansible_uptime_seconds": 864020,
		"ansible_user_id": "root", "ansible_user_dir": "/root", "ansible_user_uid": 0, "ansible_system_vendor": "Alibaba Cloud",
		"ansible_interfaces":         []any{"eth0", "lo", "br-dba"},
		"ansible_all_ipv4_addresses": []any{"10.0.0.1", "10.0.0.100", "10.0.0.101"}, "ansible_all_ipv6_addresses": []any{"fe80::216:3eff:fe12:3456"},
		"ansible_virtualization_type": "kvm", "ansible_virtualization_role": "guest",
		"ansible_env":          map[string]any{"HOME": "/root", "LANG": "C", "PATH": "/usr/bin", "NOTE": "two\nlines"},
		"ansible_default_ipv6": map[string]any{},
	} {
		if !reflect.DeepEqual(f[name], want) {
			t.Errorf("%s is %#v, want %#v", name, f[name], want)
		}
	}
	route := f["ansible_default_ipv4"].(map[string]any)
	for name, want := range map[string]any{
		"address": "10.0.0.1", "interface": "eth0", "gateway": "10.0.0.254", "netmask": "255.255.255.0", "network": "10.0.0.0",
		"alias": "eth0", "type": "ether",
		"broadcast": "10.0.0.255", "macaddress": "00:16:3e:12:34:56", "mtu": 1500,
	} {
		if route[name] != want {
			t.Errorf("default_ipv4.%s is %v, want %v", name, route[name], want)
		}
	}
	mount := f["ansible_mounts"].([]any)[1].(map[string]any)
	for name, want := range map[string]any{
		"mount": "/data base", "device": "/dev/vdb1", "fstype": "ext4", "size_total": 51341312 * 4096, "size_available": 48671000 * 4096,
	} {
		if mount[name] != want {
			t.Errorf("mount %s is %v, want %v", name, mount[name], want)
		}
	}
	date := f["ansible_date_time"].(map[string]any)
	for name, want := range map[string]any{
		"epoch": "1763799623", "date": "2025-11-22", "time": "16:20:23", "tz": "CST", "tz_offset": "+0800",
		"iso8601": "2025-11-22T08:20:23Z", "weekday": "Saturday",
	} {
		if date[name] != want {
			t.Errorf("date_time.%s is %v, want %v", name, date[name], want)
		}
	}
	if _, there := f["ansible_br_dba"]; !there {
		t.Error("no fact of the interface br-dba")
	}
	if arm := gather(t, "openeuler2203", nil); arm["ansible_processor_vcpus"] != 8 || arm["ansible_processor_count"] != 8 {
		t.Errorf("arm64: %v vcpus of %v", arm["ansible_processor_vcpus"], arm["ansible_processor_count"])
	}
}

// What Ansible says of such a host, by its own reading of the same files.
func TestFactsOfDevices(t *testing.T) {
	f := gather(t, "centos7", nil)
	none := map[string]any{"ids": []any{}, "uuids": []any{}, "labels": []any{}, "masters": []any{}}
	with := func(kind string, names ...any) map[string]any {
		links := maps.Clone(none)
		links[kind] = names
		return links
	}
	vda := map[string]any{
		"virtual": 1, "links": none, "vendor": "0x1af4", "model": nil, "sas_address": nil, "sas_device_handle": nil, "removable": "0",
		"support_discard": "0", "rotational": "1", "scheduler_mode": "mq-deadline", "sectors": 83886080, "sectorsize": "512", "size": "40.00 GB",
		"host": "SCSI storage controller: Red Hat, Inc. Virtio block device", "holders": []any{},
		"partitions": map[string]any{"vda1": map[string]any{
			"links": with("uuids", "2b0e-11"), "start": "2048", "sectorsize": 512, "sectors": 83884032, "size": "40.00 GB",
			"uuid": "2b0e-11", "holders": []any{},
		}},
	}
	sdb := map[string]any{
		"virtual": 1, "vendor": nil, "model": "VIRTUAL-DISK", "sas_address": nil, "sas_device_handle": nil, "removable": nil,
		"links":           map[string]any{"ids": []any{"scsi-36000", "wwn-0x6000"}, "uuids": []any{}, "labels": []any{}, "masters": []any{"dm-0"}},
		"support_discard": "4096", "rotational": nil, "scheduler_mode": "", "sectors": 262144, "sectorsize": "4096", "size": "1.00 GB",
		"host": "", "holders": []any{"vg0-data"}, "partitions": map[string]any{}, "serial": "1f-c", "wwn": "0x6000",
	}
	for name, want := range map[string]any{
		"ansible_device_links": map[string]any{
			"ids": map[string]any{"sdb": []any{"scsi-36000", "wwn-0x6000"}}, "uuids": map[string]any{"vda1": []any{"2b0e-11"}},
			"labels": map[string]any{}, "masters": map[string]any{"sdb": []any{"dm-0"}},
		},
		"ansible_lvm": map[string]any{
			"vgs": map[string]any{"vg0": map[string]any{"size_g": "1.00", "free_g": "0", "num_lvs": "1", "num_pvs": "1"}},
			"lvs": map[string]any{"data": map[string]any{"size_g": "1.00", "vg": "vg0"}},
			"pvs": map[string]any{"/dev/sdb": map[string]any{"size_g": "1.00", "free_g": "0", "vg": "vg0"}},
		},
		"ansible_iscsi_iqn": "iqn.1994-05.com.example:db1", "ansible_hostnqn": "nqn.2014-08.org.nvmexpress:uuid:1",
		"ansible_fibre_channel_wwn": []any{"21000014ff52a9bb"}, "ansible_form_factor": "NA",
		"ansible_system_capabilities": []any{"cap_chown", "cap_kill+ep"}, "ansible_system_capabilities_enforced": "True",
	} {
		if !reflect.DeepEqual(f[name], want) {
			t.Errorf("%s is %#v, want %#v", name, f[name], want)
		}
	}
	devices := f["ansible_devices"].(map[string]any)
	for name, want := range map[string]any{"vda": vda, "sdb": sdb} {
		if !reflect.DeepEqual(devices[name], want) {
			t.Errorf("%s is\n%#v, want\n%#v", name, devices[name], want)
		}
	}
	if bare := gather(t, "debian12", nil); bare["ansible_lvm"] != "N/A" || len(bare["ansible_devices"].(map[string]any)) != 0 {
		t.Errorf("without devices and tools: %v, %v", bare["ansible_lvm"], bare["ansible_devices"])
	}
}

func TestFactsOfLinks(t *testing.T) {
	f := gather(t, "centos7", nil)
	for name, want := range map[string]map[string]any{
		"eth0":   {"type": "ether", "speed": -1, "pciid": "virtio0", "module": "virtio_net", "promisc": false, "active": true},
		"br_dba": {"type": "bridge", "id": "8000.0242ac110001", "stp": false, "promisc": true, "active": false, "interfaces": []any{"veth1"}},
		"lo":     {"type": "loopback"},
		"eth0_vip": {"ipv4_secondaries": []any{map[string]any{
			"address": "10.0.0.101", "prefix": "24", "network": "10.0.0.0", "netmask": "255.255.255.0", "broadcast": "10.0.0.255",
		}}},
	} {
		fact, _ := f["ansible_"+name].(map[string]any)
		for key, value := range want {
			if !reflect.DeepEqual(fact[key], value) {
				t.Errorf("%s.%s is %#v, want %#v", name, key, fact[key], value)
			}
		}
	}
	bond := map[string]any{"type": "unknown"}
	for _, about := range [][2]string{
		{"type", "1"}, {"speed", "none"}, {"bonding/slaves", "eth1 eth2"}, {"bonding/mode", "active-backup 1"}, {"bonding/miimon", "100"},
		{"bonding/primary", "eth1"}, {"bonding/all_slaves_active", "0"},
	} {
		linkFact(bond, about[0], about[1])
	}
	if want := (map[string]any{
		"type": "bonding", "slaves": []any{"eth1", "eth2"}, "mode": "active-backup", "miimon": "100", "primary": "eth1", "all_slaves_active": false,
	}); !reflect.DeepEqual(bond, want) {
		t.Errorf("bond %#v", bond)
	}
	var secondaries []any
	for _, a := range f["ansible_eth0"].(map[string]any)["ipv4_secondaries"].([]any) {
		secondaries = append(secondaries, a.(map[string]any)["address"])
	}
	if !reflect.DeepEqual(secondaries, []any{"10.0.0.100", "10.0.0.101"}) {
		t.Errorf("secondaries %v", secondaries)
	}
	if got := f["ansible_proc_cmdline"].(map[string]any)["console"]; !reflect.DeepEqual(got, []any{"tty0", "ttyS0"}) {
		t.Errorf("console is %v", got)
	}
	if got := f["ansible_cmdline"].(map[string]any)["console"]; got != "ttyS0" {
		t.Errorf("the last console is %v", got)
	}
}

func TestFactsOfCapabilities(t *testing.T) {
	for said, want := range map[string]string{
		"Current: =ep": "[] False",
		"Current: =ep cap_ipc_lock,cap_sys_module-ep": "[ep cap_ipc_lock cap_sys_module-ep] True",
		"Current: = cap_chown,cap_kill+ep":            "[cap_chown cap_kill+ep] True",
		"Current: cap_chown,cap_kill=ep":              "[ep] True",
	} {
		facts := map[string]any{}
		capabilityFacts(&setupFound{Capabilities: []string{said}}, facts)
		if got := fmt.Sprintf("%v %v", facts["system_capabilities"], facts["system_capabilities_enforced"]); got != want {
			t.Errorf("%q: %s, want %s", said, got, want)
		}
	}
}

// The order in which Ansible looks decides about type and role.
func TestFactsOfVirtualHosts(t *testing.T) {
	for _, c := range []struct{ said, kind, role, guest, host string }{
		{"", "NA", "NA", "", ""},
		{"systemd systemd-nspawn", "systemd-nspawn", "guest", "container systemd-nspawn", ""},
		{"environ systemd-nspawn\nsystemd systemd-nspawn", "container", "guest", "container systemd-nspawn", ""},
		{"cgroup 0::/docker/0f\nthere /.dockerenv\ndmi sys_vendor QEMU", "docker", "guest", "container docker kvm", ""},
		{"cgroup 0::/x/docker-0f.scope", "docker", "guest", "container docker", ""},
		{"cgroup 0::/docker", "NA", "NA", "", ""},
		{"environ lxc", "lxc", "guest", "container lxc", ""},
		{"environ podman", "podman", "guest", "container podman", ""},
		{"there /proc/vz", "openvz", "guest", "container openvz", ""},
		{"there /proc/vz\nthere /proc/bc", "openvz", "host", "", "openvz"},
		{"there /proc/vz\nthere /proc/lve", "NA", "NA", "", ""},
		{"there /proc/xen", "xen", "guest", "", ""},
		{"there /proc/xen\nxen control_d", "xen", "host", "", "xen"},
		{"dmi product_name VMware7,1\nmodule kvm", "VMware", "guest", "VMware", "kvm"},
		{"dmi product_name VMware20,1", "VMware", "guest", "VMware", ""},
		{"dmi sys_vendor Red Hat\ndmi product_name KVM", "kvm", "guest", "kvm", ""},
		{"dmi sys_vendor Red Hat\ndmi product_family RHV", "RHV", "guest", "RHV", ""},
		{"dmi sys_vendor Microsoft Corporation", "VirtualPC", "guest", "VirtualPC", ""},
		{"dmi bios_vendor innotek GmbH", "virtualbox", "guest", "virtualbox", ""},
		{"dmi sys_vendor Alibaba Cloud\nmodule virtio", "kvm", "guest", "", "kvm"},
		{"dmi sys_vendor Dell Inc.\nmodule kvm\nthere /dev/kvm", "kvm", "host", "", "kvm"},
		{"there vdsm\nmodule kvm", "RHEV", "host", "", "RHEV kvm"},
		{"there /dev/kvm", "kvm", "host", "", "kvm"},
		{"module vboxdrv", "virtualbox", "host", "", "virtualbox"},
		{"vserver 0", "linux_vserver", "host", "", "linux_vserver"},
		{"vserver 12", "linux_vserver", "guest", "linux_vserver", ""},
		{"cpu model name : QEMU Virtual CPU version 2.5+", "kvm", "guest", "kvm", ""},
		{"cpu vendor_id : IBM/S390", "PR/SM", "LPAR", "PR/SM", ""},
		{"cpu vendor_id : IBM/S390\nhypervisor z/VM", "z/VM", "guest", "PR/SM z/VM", ""},
	} {
		said := &setupFound{}
		if c.said != "" {
			said.Virtual = strings.Split(c.said, "\n")
		}
		facts := map[string]any{}
		virtualFacts(said, facts)
		for name, want := range map[string]any{
			"type": c.kind, "role": c.role, "tech_guest": convert.AnyTexts(strings.Fields(c.guest)), "tech_host": convert.AnyTexts(strings.Fields(c.host)),
		} {
			if got := facts["virtualization_"+name]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q: %s is %v, want %v", c.said, name, got, want)
			}
		}
	}
}

func TestFactsOfLSBAndRoots(t *testing.T) {
	for name, want := range map[string]map[string]any{
		"ubuntu2204": {
			"lsb":       map[string]any{"id": "Ubuntu", "description": "Ubuntu 22.04.5 LTS", "release": "22.04", "major_release": "22", "codename": "jammy"},
			"is_chroot": false,
		},
		"debian11": {
			"lsb":       map[string]any{"id": "Debian", "description": "Debian of ours", "release": "11", "major_release": "11"},
			"is_chroot": true,
		},
		"debian12": {"lsb": map[string]any{}, "is_chroot": false},
	} {
		f := gather(t, name, nil)
		for fact, value := range want {
			if got := f["ansible_"+fact]; !reflect.DeepEqual(got, value) {
				t.Errorf("%s: %s is %#v, want %#v", name, fact, got, value)
			}
		}
	}
}

func TestFactsOfADirectory(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		dir := filepath.Join(t.TempDir(), "of the host's own")
		taskstest.MustWrite(t, filepath.Join(dir, "a.fact"), "[one]\na = 1\n")
		taskstest.MustWrite(t, filepath.Join(dir, "b.fact"), `{"k": [1]}`)
		taskstest.MustWrite(t, filepath.Join(dir, "c.txt"), "no fact")
		for path, want := range map[string]string{dir: "map[a:map[one:map[a:1]] b:map[k:[1]]]", dir + "/none": "map[]"} {
			args := map[string]any{"fact_path": path, "filter": "ansible_local"}
			f := taskstest.MustNotChange(t, h, "setup", args, &taskstest.FakeLocal{}).Values["ansible_facts"].(map[string]any)
			if got := fmt.Sprint(f["ansible_local"]); got != want || len(f) != 1 {
				t.Errorf("%s: %v, want %s", path, f, want)
			}
		}
	})
}

func TestFactsCanBeLeftOut(t *testing.T) {
	for _, c := range []struct {
		args             map[string]any
		present, missing string
	}{
		{map[string]any{"gather_subset": "!all"}, "ansible_distribution", "ansible_mounts"},
		{map[string]any{"gather_subset": []any{"!hardware"}}, "ansible_interfaces", "ansible_mounts"},
		{map[string]any{"gather_subset": []any{"network"}}, "ansible_distribution", "ansible_memtotal_mb"},
		{map[string]any{"gather_subset": []any{"!all", "!min", "hardware"}}, "ansible_memtotal_mb", "ansible_distribution"},
		{map[string]any{"gather_subset": []any{"!all", "!min", "platform"}}, "ansible_nodename", "ansible_mounts"},
		{map[string]any{"gather_subset": []any{"!all", "mounts"}}, "ansible_mounts", "ansible_interfaces"},
		{map[string]any{"filter": "ansible_mem*"}, "ansible_memtotal_mb", "ansible_distribution"},
		{map[string]any{"filter": []any{"dist*"}}, "ansible_distribution", "ansible_memtotal_mb"},
	} {
		f := gather(t, "debian12", c.args)
		_, present := f[c.present]
		_, surplus := f[c.missing]
		if !present || surplus {
			t.Errorf("%v: %v", c.args, slices.Sorted(maps.Keys(f)))
		}
	}
	m := taskstest.ModuleNamed(t, "setup")
	if _, err := m.New(map[string]any{"gather_subset": "hardwear"}, &taskstest.FakeLocal{}); err == nil {
		t.Error("a misspelt subset was taken")
	}
}

func TestFactsOfThisMachine(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		f := taskstest.MustNotChange(t, h, "setup", nil, &taskstest.FakeLocal{}).Values["ansible_facts"].(map[string]any)
		for _, name := range []string{
			"ansible_distribution", "ansible_kernel", "ansible_memtotal_mb", "ansible_processor_vcpus", "ansible_user_id",
			"ansible_date_time", "ansible_interfaces", "ansible_virtualization_type", "ansible_device_links", "ansible_lvm",
		} {
			if f[name] == nil || f[name] == "" || f[name] == 0 {
				t.Errorf("%s is %v", name, f[name])
			}
		}
		// The kernel has the same disks for each shell.
		var disks []string
		for name, d := range f["ansible_devices"].(map[string]any) {
			if d.(map[string]any)["sectors"] == nil {
				t.Errorf("%s: %v", name, d)
			}
			disks = append(disks, name)
		}
		there, err := os.ReadDir("/sys/block")
		if len(disks) != len(there) {
			t.Errorf("disks %v of %v, %v", disks, there, err)
		}
		mounts := f["ansible_mounts"].([]any)
		if len(mounts) == 0 {
			t.Error("no mounts")
		}
		for _, m := range mounts {
			if m := m.(map[string]any); m["size_total"] == nil || !strings.HasPrefix(m["mount"].(string), "/") {
				t.Errorf("mount %v", m)
			}
		}
	})
}
