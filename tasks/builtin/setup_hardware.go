package builtin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func userFacts(said *setupFound, facts map[string]any) {
	f := strings.Fields(said.User)
	if len(f) == 3 {
		facts["user_id"] = f[0]
		facts["user_uid"], _ = strconv.Atoi(f[1])
		facts["user_gid"], _ = strconv.Atoi(f[2])
		facts["real_user_id"], facts["effective_user_id"] = facts["user_uid"], facts["user_uid"]
		facts["real_group_id"], facts["effective_group_id"] = facts["user_gid"], facts["user_gid"]
	}
	if p := strings.Split(said.Passwd, ":"); len(p) >= 7 {
		facts["user_gecos"], facts["user_dir"], facts["user_shell"] = p[4], p[5], p[6]
	}
	env := map[string]any{}
	text := said.Env
	last := ""
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && environmentName.MatchString(name) {
			env[name], last = value, name
		} else if last != "" {
			// A value with a newline: env prints it as it is.
			env[last] = env[last].(string) + "\n" + line
		}
	}
	facts["env"] = env
}

var environmentName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func hardwareFacts(said *setupFound, facts map[string]any) {
	processorFacts(said, facts)
	kib := map[string]int{}
	for _, line := range said.Memory {
		if f := strings.Fields(line); len(f) >= 2 {
			kib[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	mib := func(name string) int { return kib[name] / 1024 }
	total, free := mib("MemTotal"), mib("MemFree")
	facts["memtotal_mb"], facts["memfree_mb"] = total, free
	facts["swaptotal_mb"], facts["swapfree_mb"] = mib("SwapTotal"), mib("SwapFree")
	unused := (kib["MemFree"] + kib["Buffers"] + kib["Cached"]) / 1024
	facts["memory_mb"] = map[string]any{
		"real":    map[string]any{"total": total, "free": free, "used": total - free},
		"nocache": map[string]any{"free": unused, "used": total - unused},
		"swap": map[string]any{
			"total":  mib("SwapTotal"),
			"free":   mib("SwapFree"),
			"used":   mib("SwapTotal") - mib("SwapFree"),
			"cached": mib("SwapCached"),
		},
	}
	facts["uptime_seconds"] = said.Uptime
	mounts := []any{}
	for _, line := range said.Mounts {
		if m := mountFact(line); m != nil {
			mounts = append(mounts, m)
		}
	}
	facts["mounts"] = mounts
	deviceFacts(said, facts)
	for name := range strings.FieldsSeq(firmwareFacts) {
		facts[name] = "NA"
	}
	for _, line := range said.Firmware {
		name, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		switch name {
		case "sys_vendor":
			name = "system_vendor"
		case "chassis_type":
			name, value = "form_factor", formFactor(value)
		}
		facts[name] = value
	}
}

// firmwareFacts are what the firmware may say of a machine; NA where it does not.
const firmwareFacts = `bios_date bios_vendor bios_version board_asset_tag board_name board_serial board_vendor board_version
	chassis_asset_tag chassis_serial chassis_vendor chassis_version form_factor product_name product_serial product_uuid product_version system_vendor`

// formFactors are the types of a chassis, as SMBIOS numbers them.
var formFactors = strings.Split("Unknown,Other,Unknown,Desktop,Low Profile Desktop,Pizza Box,Mini "+
	"Tower,Tower,Portable,Laptop,Notebook,Hand Held,"+
	"Docking Station,All In One,Sub Notebook,Space-saving,Lunch Box,Main Server Chassis,Expansion Chassis,Sub Chassis,Bus Expansion Chassis,"+
	"Peripheral Chassis,RAID Chassis,Rack Mount Chassis,Sealed-case PC,Multi-system,CompactPCI,AdvancedTCA,Blade,Blade Enclosure,Tablet,"+
	"Convertible,Detachable,IoT Gateway,Embedded PC,Mini PC,Stick PC", ",")

func formFactor(number string) string {
	if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(formFactors) {
		return formFactors[n]
	}
	return fmt.Sprintf("unknown (%s)", number)
}

// processorFacts counts as Ansible does: count is sockets, cores a socket's, vcpus what the scheduler has.
func processorFacts(said *setupFound, facts map[string]any) {
	sockets, cores := map[string]bool{}, map[string]bool{}
	list := []any{}
	threads, perSocket, siblings := 0, 0, 0
	socket := ""
	for _, line := range said.Processors {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "processor":
			threads++
			list = append(list, value)
		case "vendor_id", "model name":
			list = append(list, value)
		case "physical id":
			socket = value
			sockets[value] = true
		case "core id":
			cores[socket+"/"+value] = true
		case "cpu cores":
			perSocket, _ = strconv.Atoi(value)
		case "siblings":
			siblings, _ = strconv.Atoi(value)
		}
	}
	count := max(1, len(sockets))
	if len(sockets) == 0 {
		// Machines that tell no topology (arm64): each processor counts as a socket of one core.
		count, perSocket = max(1, threads), 1
	}
	perSocket = max(1, perSocket)
	each := 1
	if siblings > 0 {
		each = max(1, siblings/perSocket)
	}
	facts["processor"], facts["processor_count"], facts["processor_cores"] = list, count, perSocket
	facts["processor_threads_per_core"], facts["processor_vcpus"] = each, max(1, threads)
	usable := said.Nproc
	if usable == 0 {
		usable = threads
	}
	facts["processor_nproc"] = usable
}

var octalEscape = regexp.MustCompile(`\\[0-7]{3}`)

// mountFact is a line of /proc/mounts followed by block size, blocks, free, available, inodes and free inodes.
func mountFact(line string) map[string]any {
	f := strings.Fields(line)
	if len(f) < 4 {
		return nil
	}
	plain := func(s string) string {
		return octalEscape.ReplaceAllStringFunc(s, func(o string) string {
			n, _ := strconv.ParseUint(o[1:], 8, 8)
			return string([]byte{byte(n)})
		})
	}
	m := map[string]any{"device": plain(f[0]), "mount": plain(f[1]), "fstype": f[2], "options": f[3]}
	if len(f) < 10 {
		return m
	}
	var n [6]int
	for i := range n {
		n[i], _ = strconv.Atoi(f[4+i])
	}
	m["block_size"], m["block_total"], m["block_available"], m["block_used"] = n[0], n[1], n[3], n[1]-n[3]
	m["size_total"], m["size_available"] = n[0]*n[1], n[0]*n[3]
	m["inode_total"], m["inode_available"], m["inode_used"] = n[4], n[5], n[4]-n[5]
	return m
}
