package builtin

import (
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
)

// virtual is what a host is known to be so far. Kind and role are those of the first that tells; guest and host hold all.
type virtual struct {
	kind, role  string
	guest, host map[string]bool
}

func (v *virtual) is(kind, role string) {
	if v.kind == "" {
		v.kind, v.role = kind, role
	}
}

func (v *virtual) guestOf(kind string) {
	v.guest[kind] = true
	v.is(kind, "guest")
}

func (v *virtual) hostOf(kind string) {
	v.host[kind] = true
	v.is(kind, "host")
}

// virtualFacts looks at what Ansible looks at, in its order.
func virtualFacts(said *setupFound, facts map[string]any) {
	found := virtualSigns{}
	for _, line := range said.Virtual {
		kind, value, _ := strings.Cut(line, " ")
		found[kind] = append(found[kind], strings.TrimSpace(value))
	}
	v := &virtual{guest: map[string]bool{}, host: map[string]bool{}}
	v.containers(found)
	v.xen(found)
	v.firmware(found)
	v.processor(found)
	v.kernel(found)
	v.is("NA", "NA")
	facts["virtualization_type"], facts["virtualization_role"] = v.kind, v.role
	facts["virtualization_tech_guest"] = convert.AnyTexts(slices.Sorted(maps.Keys(v.guest)))
	facts["virtualization_tech_host"] = convert.AnyTexts(slices.Sorted(maps.Keys(v.host)))
}

// virtualSigns are the lines of the script: cgroup, environ, systemd, there, xen, dmi, vserver, cpu, hypervisor and module.
type virtualSigns map[string][]string

func (s virtualSigns) there(path string) bool { return slices.Contains(s["there"], path) }

// first is the only line of a kind; empty when there is none.
func (s virtualSigns) first(kind string) string {
	if len(s[kind]) == 0 {
		return ""
	}
	return s[kind][0]
}

func (v *virtual) containers(s virtualSigns) {
	environ, container := s.first("environ"), s.first("systemd")
	for _, line := range s["cgroup"] {
		if _, after, ok := strings.Cut(line, "/docker"); ok && (strings.HasPrefix(after, "/") || strings.HasPrefix(after, "-") &&
			strings.Contains(after, ".scope")) {
			v.guestOf("docker")
		}
		if strings.Contains(line, "/lxc/") || strings.Contains(line, "/machine.slice/machine-lxc") {
			v.guestOf("lxc")
		}
		if strings.Contains(line, "/system.slice/containerd.service") {
			v.guestOf("containerd")
		}
	}
	for _, kind := range []string{"lxc", "podman"} {
		if strings.HasPrefix(environ, kind) {
			v.guestOf(kind)
		}
	}
	if environ != "" {
		v.guestOf("container")
	}
	if s.there("/proc/vz") && !s.there("/proc/lve") {
		tell := v.guestOf
		if s.there("/proc/bc") {
			tell = v.hostOf
		}
		tell("openvz")
		v.kind = "openvz"
	}
	if container != "" {
		v.guestOf(container)
	}
	if s.there("/.dockerenv") || s.there("/.dockerinit") {
		v.guestOf("docker")
	}
	for _, kind := range []string{"docker", "lxc", "podman", "openvz", "containerd", container} {
		if v.guest[kind] {
			v.guest["container"] = true
		}
	}
}

func (v *virtual) xen(s virtualSigns) {
	switch {
	case !s.there("/proc/xen"):
	case strings.Contains(strings.Join(s["xen"], "\n"), "control_d"):
		v.hostOf("xen")
	default:
		v.is("xen", "guest")
	}
}

// firmware knows the products that Ansible knows. Hyper-V says Microsoft too, and is told as VirtualPC there.
func (v *virtual) firmware(s virtualSigns) {
	dmi := map[string]string{}
	for _, line := range s["dmi"] {
		name, value, _ := strings.Cut(line, " ")
		dmi[name] = strings.TrimSpace(value)
	}
	product, vendor, family, bios := dmi["product_name"], dmi["sys_vendor"], dmi["product_family"], dmi["bios_vendor"]
	among := func(value string, names ...string) bool { return slices.Contains(names, value) }
	for _, c := range []struct {
		kind string
		is   bool
	}{
		{"kvm", among(product, "KVM", "KVM Server", "Bochs", "AHV", "CloudStack KVM Hypervisor")},
		{"oVirt", vendor == "oVirt"},
		{"RHV", vendor == "Red Hat" && family == "RHV"},
		{"RHEV", vendor == "Red Hat" && family != "RHV" && product == "RHEV Hypervisor"},
		{"VMware", strings.HasPrefix(product, "VMware")},
		{"openstack", among(product, "OpenStack Compute", "OpenStack Nova")},
		{"xen", bios == "Xen"},
		{"virtualbox", bios == "innotek GmbH"},
		{"kvm", among(bios, "Amazon EC2", "DigitalOcean", "Hetzner", "Linode")},
		{"kvm", among(vendor, "QEMU", "Amazon EC2", "DigitalOcean", "Google", "Scaleway", "Nutanix")},
		{"KubeVirt", vendor == "KubeVirt"},
		{"VirtualPC", vendor == "Microsoft Corporation"},
		{"parallels", vendor == "Parallels Software International Inc."},
		{"openstack", vendor == "OpenStack Foundation"},
		{"bhyve", strings.Contains(product, "BHYVE")},
	} {
		if c.is {
			v.guestOf(c.kind)
		}
	}
}

func (v *virtual) processor(s virtualSigns) {
	if vserver := s.first("vserver"); vserver != "" {
		if strings.HasPrefix(vserver, "0") {
			v.hostOf("linux_vserver")
		} else {
			v.guestOf("linux_vserver")
		}
	}
	for _, line := range s["cpu"] {
		switch {
		case strings.Contains(line, "IBM/S390"):
			v.guest["PR/SM"] = true
			if hypervisor := s.first("hypervisor"); hypervisor != "" {
				v.guest[hypervisor] = true
				v.is(hypervisor, "guest")
			}
			v.is("PR/SM", "LPAR")
		case strings.Contains(line, "PowerVM"):
			v.guestOf("powervm_lx86")
		case strings.Contains(line, "User Mode Linux"), strings.Contains(line, "UML"):
			v.guestOf("uml")
		default:
			v.guestOf("kvm")
		}
	}
}

// kernel comes last: a machine may have the modules of several.
func (v *virtual) kernel(s virtualSigns) {
	if slices.Contains(s["module"], "kvm") {
		if s.there("vdsm") {
			v.hostOf("RHEV")
		}
		v.hostOf("kvm")
	}
	if slices.Contains(s["module"], "vboxdrv") {
		v.hostOf("virtualbox")
	}
	if slices.Contains(s["module"], "virtio") {
		v.host["kvm"] = true
		v.is("kvm", "guest")
	}
	if s.there("/dev/kvm") {
		v.hostOf("kvm")
	}
}
