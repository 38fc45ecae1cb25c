package builtin

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
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
		"ansible_all_ipv4_addresses": []any{"10.0.0.1", "10.0.0.100"}, "ansible_all_ipv6_addresses": []any{"fe80::216:3eff:fe12:3456"},
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
			"ansible_date_time", "ansible_interfaces",
		} {
			if f[name] == nil || f[name] == "" || f[name] == 0 {
				t.Errorf("%s is %v", name, f[name])
			}
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
