package builtin

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/pytext"
)

// disk is a block device: the files of its directory in /sys, by their paths in there, and what is made of it.
type disk struct {
	files      map[string]string
	partitions []string
	holders    map[string][]string // by the partition; "" is the disk itself
}

// file is what one of the files holds; nil when there is none, or nothing in it.
func (d *disk) file(path string) any {
	if text := d.files[path]; text != "" {
		return text
	}
	return nil
}

func (d *disk) number(path string) int {
	n, _ := strconv.Atoi(d.files[path])
	return n
}

// sector is the size of a sector of the disk or, with a slash behind it, a partition: a text, as the kernel says it, or else 512.
func (d *disk) sector(partition string) (any, int) {
	for _, name := range []string{"logical_block_size", "hw_sector_size"} {
		if n := d.number(partition + "queue/" + name); n > 0 {
			return d.files[partition+"queue/"+name], n
		}
	}
	return 512, 512
}

func (d *disk) heldBy(partition string) []any {
	return convert.AnyTexts(d.holders[partition])
}

// deviceLinks are names of a device in /dev/disk, and of what is made of it.
type deviceLinks map[string]map[string][]string

func (l deviceLinks) add(kind, device, name string) {
	if !slices.Contains(l[kind][device], name) {
		l[kind][device] = append(l[kind][device], name)
	}
}

func (l deviceLinks) of(device string) map[string]any {
	of := map[string]any{}
	for kind, all := range l {
		of[kind] = sortedTexts(all[device])
	}
	return of
}

func sortedTexts(texts []string) []any {
	return convert.AnyTexts(slices.Sorted(slices.Values(texts)))
}

// deviceFacts are devices, device_links and lvm. The kernel counts a disk's size in 512 bytes, whatever its sectors are.
func deviceFacts(said *setupFound, facts map[string]any) {
	disks, names, links := readDisks(said)
	all := map[string]any{}
	for kind, devices := range links {
		of := map[string]any{}
		for device, texts := range devices {
			of[device] = sortedTexts(texts)
		}
		all[kind] = of
	}
	facts["device_links"] = all
	hosts := pciHosts(said)
	devices := map[string]any{}
	for _, name := range names {
		d := disks[name]
		text, size := d.sector("")
		sectors := d.number("size") * 512 / size
		device := map[string]any{
			"virtual": 1, "links": links.of(name), "vendor": d.file("device/vendor"), "model": d.file("device/model"),
			"sas_address": d.file("device/sas_address"), "sas_device_handle": d.file("device/sas_device_handle"),
			"removable": d.file("removable"), "support_discard": d.file("queue/discard_granularity"),
			"rotational": d.file("queue/rotational"), "scheduler_mode": chosenScheduler(d.files["queue/scheduler"]),
			"sectors": sectors, "sectorsize": text, "size": pytext.Size(float64(sectors*size), "", false), "host": hosts[name],
			"holders": d.heldBy(""),
		}
		if d.files["queue/discard_max_hw_bytes"] == "0" {
			device["support_discard"] = "0"
		}
		for _, path := range []string{"sg_serial", "device/serial"} {
			if serial := d.files[path]; serial != "" {
				device["serial"] = serial
				break
			}
		}
		for _, id := range links["ids"][name] {
			if wwn, ok := strings.CutPrefix(id, "wwn-"); ok {
				device["wwn"] = wwn
			}
		}
		partitions := map[string]any{}
		for _, partition := range d.partitions {
			partitions[partition] = d.partition(partition, links)
		}
		device["partitions"] = partitions
		devices[name] = device
	}
	facts["devices"] = devices
	facts["lvm"] = lvmFact(said.LVM)
}

func (d *disk) partition(name string, links deviceLinks) map[string]any {
	text, size := d.sector(name + "/")
	sectors := d.number(name+"/size") * 512 / size
	part := map[string]any{
		"links": links.of(name), "start": d.file(name + "/start"), "sectorsize": text, "sectors": sectors,
		"size": pytext.Size(float64(sectors*size), "", false), "uuid": nil, "holders": d.heldBy(name),
	}
	if part["start"] == nil {
		part["start"] = 0
	}
	if uuids := links["uuids"][name]; len(uuids) > 0 {
		part["uuid"] = uuids[0]
	}
	return part
}

func readDisks(said *setupFound) (map[string]*disk, []string, deviceLinks) {
	disks := map[string]*disk{}
	var names []string
	links := deviceLinks{"ids": {}, "uuids": {}, "labels": {}, "masters": {}}
	for _, line := range said.Blocks {
		name, rest, _ := strings.Cut(line, " ")
		path, value, _ := strings.Cut(rest, " ")
		d := disks[name]
		if d == nil {
			d = &disk{files: map[string]string{}, holders: map[string][]string{}}
			disks[name], names = d, append(names, name)
		}
		partition, last := "", path
		if at := strings.LastIndexByte(path, '/'); at >= 0 {
			partition, last = path[:at], path[at+1:]
		}
		switch last {
		case "holder":
			d.holders[partition] = append(d.holders[partition], value)
			continue
		case "slave":
			links.add("masters", value, name)
			continue
		case "start":
			d.partitions = append(d.partitions, partition)
		}
		d.files[path] = strings.TrimSpace(value)
	}
	for _, line := range said.DeviceLinks {
		if f := strings.Fields(line); len(f) == 3 {
			links.add(f[0]+"s", f[1], f[2])
		}
	}
	return disks, names, links
}

var (
	bracketed  = regexp.MustCompile(`\[(.*)\]`)
	pciAddress = regexp.MustCompile(`^.+/([a-f0-9]{4}:[a-f0-9]{2}:[0|1][a-f0-9]\.[0-7])/`)
)

func chosenScheduler(text string) string {
	if m := bracketed.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// pciHosts are what lspci says of the controllers of the disks.
func pciHosts(said *setupFound) map[string]string {
	controllers, hosts := map[string]string{}, map[string]string{}
	for _, line := range said.PCIDevices {
		address, name, _ := strings.Cut(line, " ")
		controllers[address] = name
	}
	for _, line := range said.PCIPaths {
		name, path, _ := strings.Cut(line, " ")
		if m := pciAddress.FindStringSubmatch(path); m != nil {
			hosts[name] = controllers[m[1]]
		}
	}
	return hosts
}

// lvmFact is N/A where there are no tools, and for others than root.
func lvmFact(lines []string) any {
	if len(lines) == 0 {
		return "N/A"
	}
	mapped := map[string]string{}
	rows := map[string][][]string{}
	for _, line := range lines {
		kind, row, _ := strings.Cut(line, " ")
		items := strings.Split(strings.TrimSpace(row), ",")
		if kind == "dm" && len(items) == 2 {
			mapped["/dev/"+items[0]] = "/dev/mapper/" + items[1]
		}
		rows[kind] = append(rows[kind], items)
	}
	groups, volumes, physical := map[string]any{}, map[string]any{}, map[string]any{}
	for _, r := range rows["vgs"] {
		if n := len(r); n >= 5 {
			groups[r[0]] = map[string]any{"size_g": r[n-2], "free_g": r[n-1], "num_lvs": r[2], "num_pvs": r[1]}
		}
	}
	for _, r := range rows["lvs"] {
		if len(r) >= 4 {
			volumes[r[0]] = map[string]any{"size_g": r[3], "vg": r[1]}
		}
	}
	for _, r := range rows["pvs"] {
		if len(r) >= 6 {
			name := r[0]
			if m := mapped[name]; m != "" {
				name = m
			}
			physical[name] = map[string]any{"size_g": r[4], "free_g": r[5], "vg": r[1]}
		}
	}
	return map[string]any{"vgs": groups, "lvs": volumes, "pvs": physical}
}
