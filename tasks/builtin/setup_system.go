package builtin

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// distribution is Ansible's name and family of a system.
type distribution struct{ name, family string }

// distributions are by the ID of os-release.
var distributions = map[string]distribution{
	"debian": {"Debian", "Debian"}, "ubuntu": {"Ubuntu", "Debian"}, "deepin": {"Deepin", "Debian"},
	"linuxmint": {"Linux Mint", "Debian"}, "raspbian": {"Debian", "Debian"},

	"rhel": {"RedHat", "RedHat"}, "centos": {"CentOS", "RedHat"}, "rocky": {"Rocky", "RedHat"}, "almalinux": {"AlmaLinux", "RedHat"},
	"fedora": {"Fedora", "RedHat"}, "ol": {"OracleLinux", "RedHat"}, "amzn": {"Amazon", "RedHat"},
	"anolis": {"Anolis", "RedHat"}, "alinux": {"Alibaba", "RedHat"}, "alios": {"Alibaba", "RedHat"},
	"openeuler": {"openEuler", "RedHat"}, "euleros": {"EulerOS", "RedHat"}, "kylin": {"Kylin Linux Advanced Server", "RedHat"},
	"tencentos": {"TencentOS", "RedHat"}, "opencloudos": {"OpenCloudOS", "RedHat"},

	"sles": {"SLES", "Suse"}, "opensuse-leap": {"openSUSE Leap", "Suse"}, "alpine": {"Alpine", "Alpine"}, "arch": {"Archlinux", "Archlinux"},
}

var (
	inParentheses = regexp.MustCompile(`\(([^)]*)\)`)
	releaseNumber = regexp.MustCompile(`release (\d+(?:\.\d+)?)`)
)

// distributionFacts reads os-release, and what Ansible reads beside it: /etc/debian_version and /etc/redhat-release have
// the minor version that os-release lacks.
func distributionFacts(said *setupFound, facts map[string]any) {
	values := map[string]string{}
	for _, line := range said.OS {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(name, "#") {
			values[name] = unquoteRelease(value)
		}
	}
	id := strings.ToLower(values["ID"])
	if id == "" && said.RedHat != "" {
		id = strings.ToLower(strings.Fields(said.RedHat + " unknown")[0])
	}
	d, known := distributions[id]
	if !known {
		d = distribution{name: values["NAME"], family: familyLike(values["ID_LIKE"], said)}
		if d.name == "" {
			d.name = "NA"
		}
	}
	version := values["VERSION_ID"]
	release := values["VERSION_CODENAME"]
	switch id {
	case "debian", "raspbian":
		// testing and unstable have a name there, with a slash.
		if v := said.Debian; v != "" && !strings.Contains(v, "/") {
			version = v
			if _, minor, ok := strings.Cut(v, "."); ok {
				facts["distribution_minor_version"] = minor
			}
		}
	case "centos":
		if m := releaseNumber.FindStringSubmatch(said.RedHat); m != nil {
			version = m[1]
		}
	}
	if release == "" {
		for _, text := range []string{values["VERSION"], said.RedHat} {
			if m := inParentheses.FindStringSubmatch(text); m != nil && release == "" {
				release = m[1]
			}
		}
	}
	if release == "" {
		release = "NA"
	}
	if version == "" {
		version = "NA"
	}
	major, _, _ := strings.Cut(version, ".")
	facts["distribution"], facts["os_family"] = d.name, d.family
	facts["distribution_version"], facts["distribution_major_version"], facts["distribution_release"] = version, major, release
	if len(values) > 0 {
		facts["distribution_file_path"], facts["distribution_file_variety"], facts["distribution_file_parsed"] = "/etc/os-release", d.name, true
		if d.family == "RedHat" && said.RedHat != "" {
			// Ansible finds this one first.
			facts["distribution_file_path"], facts["distribution_file_variety"] = "/etc/redhat-release", "RedHat"
		}
	}
}

func unquoteRelease(value string) string {
	value = strings.TrimSpace(value)
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		value = value[1 : len(value)-1]
	}
	return strings.NewReplacer(`\"`, `"`, `\$`, `$`, "\\`", "`", `\\`, `\`).Replace(value)
}

func familyLike(like string, said *setupFound) string {
	for _, word := range strings.Fields(strings.ToLower(like)) {
		switch word {
		case "debian", "ubuntu":
			return "Debian"
		case "rhel", "centos", "fedora", "anolis", "openeuler":
			return "RedHat"
		case "suse":
			return "Suse"
		}
	}
	switch {
	case said.RedHat != "":
		return "RedHat"
	case said.Debian != "":
		return "Debian"
	}
	return "NA"
}

func systemFacts(said *setupFound, facts map[string]any) {
	distributionFacts(said, facts)
	node := said.Node
	facts["system"], facts["kernel"], facts["kernel_version"] = said.System, said.Release, said.Version
	facts["architecture"], facts["machine"], facts["nodename"] = said.Machine, said.Machine, node
	facts["userspace_architecture"] = said.Machine
	facts["hostname"], _, _ = strings.Cut(node, ".")
	fqdn := said.FQDN
	if fqdn == "" || strings.HasPrefix(fqdn, "localhost") {
		fqdn = node
	}
	facts["fqdn"] = fqdn
	_, facts["domain"], _ = strings.Cut(fqdn, ".")
	facts["service_mgr"] = "service"
	if init := said.Init; init == "systemd" || strings.HasPrefix(init, "openrc") {
		facts["service_mgr"] = init
	}
	facts["pkg_mgr"] = packageManager(said.Packages, facts["os_family"])
	facts["machine_id"] = said.MachineID
	facts["selinux"] = selinuxFact(said)
	facts["selinux_python_present"] = false
	facts["fips"] = said.FIPS == "1"
	facts["apparmor"] = map[string]any{"status": map[bool]string{true: "enabled", false: "disabled"}[said.AppArmor]}
	facts["lsb"], facts["is_chroot"] = lsbFact(said.LSB), said.Chroot
	facts["userspace_bits"] = "32"
	if strings.HasSuffix(said.Machine, "64") || said.Machine == "s390x" || said.Machine == "ppc64le" {
		facts["userspace_bits"] = "64"
	}
	loadFacts(said, facts)
	commandLineFacts(said, facts)
	capabilityFacts(said, facts)
	dns := map[string]any{}
	servers, search := []any{}, []any{}
	for _, line := range said.Resolver {
		kind, rest, _ := strings.Cut(line, " ")
		for _, word := range strings.Fields(rest) {
			if kind == "nameserver" {
				servers = append(servers, word)
				break
			}
			search = append(search, word)
		}
	}
	if len(servers) > 0 {
		dns["nameservers"] = servers
	}
	if len(search) > 0 {
		dns["search"] = search
	}
	facts["dns"] = dns
	dateFacts(said, facts)
}

// commandLineFacts are the kernel's arguments: of one that comes again cmdline has the last value, proc_cmdline a list of all.
func commandLineFacts(said *setupFound, facts map[string]any) {
	last, all := map[string]any{}, map[string]any{}
	for _, word := range strings.Fields(said.Cmdline) {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			last[word], all[word] = true, true
			continue
		}
		last[name] = value
		switch before := all[name].(type) {
		case nil:
			all[name] = value
		case []any:
			all[name] = append(before, value)
		default:
			all[name] = []any{before, value}
		}
	}
	facts["cmdline"], facts["proc_cmdline"] = last, all
}

// capabilityFacts are what capsh says of the account's; N/A without it.
func capabilityFacts(said *setupFound, facts map[string]any) {
	facts["system_capabilities"], facts["system_capabilities_enforced"] = "N/A", "N/A"
	for _, line := range said.Capabilities {
		_, held, _ := strings.Cut(line, ":")
		enforced := []any{}
		facts["system_capabilities"], facts["system_capabilities_enforced"] = enforced, "False"
		if strings.TrimSpace(held) == "=ep" { // all that there are
			continue
		}
		// "= cap_chown,cap_kill+ep" of an older capsh, "cap_chown,cap_kill=ep" of a newer: Ansible takes what is behind the first =.
		if parts := strings.Split(line, "="); len(parts) > 1 {
			for name := range strings.SplitSeq(parts[1], ",") {
				enforced = append(enforced, strings.TrimSpace(name))
			}
		}
		facts["system_capabilities"], facts["system_capabilities_enforced"] = enforced, "True"
	}
}

// loadFacts are the load of the last minutes, and the host's own SSH keys.
func loadFacts(said *setupFound, facts map[string]any) {
	load := map[string]any{}
	for i, word := range strings.Fields(said.LoadAverage) {
		if n, err := strconv.ParseFloat(word, 64); err == nil && i < 3 {
			load[[]string{"1m", "5m", "15m"}[i]] = n
		}
	}
	facts["loadavg"] = load
	for _, row := range said.HostKeys {
		if w := strings.Fields(row); len(w) > 2 {
			name := "ssh_host_key_" + strings.TrimSuffix(w[0], "_key.pub") + "_public"
			facts[name], facts[name+"_keytype"] = w[2], w[1]
		}
	}
}

// packageManager prefers the family's own: apt may be installed on a RedHat system, too.
func packageManager(there []string, family any) string {
	order := []string{"apt-get", "dnf", "yum", "zypper", "apk", "pacman"}
	if family == "RedHat" {
		order = []string{"dnf", "yum", "apt-get"}
	}
	for _, name := range order {
		if slices.Contains(there, name) {
			return strings.TrimSuffix(name, "-get")
		}
	}
	return "unknown"
}

func selinuxFact(said *setupFound) map[string]any {
	config := map[string]string{}
	for _, line := range said.SELinuxConfig {
		if name, value, ok := strings.Cut(line, "="); ok {
			config[name] = strings.TrimSpace(value)
		}
	}
	if said.SELinux == "" {
		return map[string]any{"status": "disabled"}
	}
	fact := map[string]any{"status": "enabled", "mode": "permissive", "config_mode": config["SELINUX"], "type": config["SELINUXTYPE"]}
	if said.SELinux == "1" {
		fact["mode"] = "enforcing"
	}
	if v := said.PolicyVersion; v > 0 {
		fact["policyvers"] = v
	}
	return fact
}

// lsbFact is what lsb_release says, or the file that it reads.
func lsbFact(lines []string) map[string]any {
	names := map[string]string{
		"LSB Version": "release", "Distributor ID": "id", "Description": "description", "Release": "release", "Codename": "codename",
		"DISTRIB_ID": "id", "DISTRIB_RELEASE": "release", "DISTRIB_DESCRIPTION": "description", "DISTRIB_CODENAME": "codename",
	}
	fact := map[string]any{}
	for _, line := range lines {
		at := strings.IndexAny(line, ":=")
		if at < 0 || names[line[:at]] == "" {
			continue
		}
		name, value := names[line[:at]], strings.Trim(strings.TrimSpace(line[at+1:]), `'"\`)
		fact[name] = value
		if name == "release" {
			fact["major_release"], _, _ = strings.Cut(value, ".")
		}
	}
	return fact
}

func dateFacts(said *setupFound, facts map[string]any) {
	f := strings.Fields(said.Date)
	if len(f) < 13 {
		return
	}
	weekday := f[10]
	if weekday == "7" {
		weekday = "0"
	}
	compact := f[1] + f[2] + f[3] + "T" + f[4] + f[5] + f[6]
	facts["date_time"] = map[string]any{
		"epoch": f[0], "epoch_int": f[0], "year": f[1], "month": f[2], "day": f[3], "hour": f[4], "minute": f[5], "second": f[6],
		"tz_offset": f[7], "tz": f[8], "tz_dst": f[8], "weekday": f[9], "weekday_number": weekday, "weeknumber": f[12],
		"date": f[1] + "-" + f[2] + "-" + f[3], "time": f[4] + ":" + f[5] + ":" + f[6], "iso8601": said.UTC,
		"iso8601_micro": strings.TrimSuffix(said.UTC, "Z") + ".000000Z", "iso8601_basic": compact + "000000", "iso8601_basic_short": compact,
	}
}
