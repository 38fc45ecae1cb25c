package preflight

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/polardb"
)

// families holds the systems that are known by the ID in /etc/os-release; others are known by their ID_LIKE.
var families = map[string]string{
	"debian": "Debian", "ubuntu": "Debian", "deepin": "Debian", "uos": "Debian",
	"rhel": "RedHat", "centos": "RedHat", "rocky": "RedHat", "almalinux": "RedHat", "ol": "RedHat", "fedora": "RedHat",
	"anolis": "RedHat", "alinux": "RedHat", "openeuler": "RedHat", "kylin": "RedHat", "tencentos": "RedHat", "bclinux": "RedHat",
}

// family returns Ansible's os_family, Debian or RedHat; empty: neither.
func (h checkHost) family() string {
	for _, id := range append([]string{h.OS["ID"]}, strings.Fields(h.OS["ID_LIKE"])...) {
		if f := families[strings.ToLower(id)]; f != "" {
			return f
		}
	}
	return ""
}

func (h checkHost) osName() string {
	return either(h.OS["PRETTY_NAME"], either(strings.TrimSpace(h.OS["ID"]+" "+h.OS["VERSION_ID"]), "unknown"))
}

// portOpen reports whether the firewall lets an address reach a port. It reads what `firewall-cmd --list-all` prints for the
// default zone, or `ufw status`.
func portOpen(firewall string, rules []string, port int, from string) bool {
	for _, line := range rules {
		line = strings.TrimSpace(line)
		if firewall == "ufw" {
			if ufwAllows(line, port, from) {
				return true
			}
			continue
		}
		if m := polardb.RichRule.FindStringSubmatch(line); m != nil {
			if m[2] == strconv.Itoa(port) && within(m[1], from) {
				return true
			}
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		words := strings.Fields(value)
		switch key {
		case "target":
			if strings.TrimSpace(value) == "ACCEPT" {
				return true
			}
		case "services":
			// firewalld's own service for PostgreSQL is only this port.
			if port == dma.DefaultPort && slices.Contains(words, "postgresql") {
				return true
			}
		case "ports":
			for _, w := range words {
				if spec, ok := strings.CutSuffix(w, "/tcp"); ok && inRange(spec, "-", port) {
					return true
				}
			}
		}
	}
	return false
}

// ufwAllows reads a line such as "5432/tcp  ALLOW  10.0.0.0/8" or "15000:16000/tcp  ALLOW IN  Anywhere".
func ufwAllows(line string, port int, from string) bool {
	words := strings.Fields(line)
	if len(words) < 3 || words[1] != "ALLOW" {
		return false
	}
	source := words[2]
	if source == "IN" && len(words) > 3 {
		source = words[3]
	}
	if source != "Anywhere" && !within(source, from) {
		return false
	}
	if words[0] == "Anywhere" {
		return true
	}
	spec, protocol, _ := strings.Cut(words[0], "/")
	if protocol != "" && protocol != "tcp" {
		return false
	}
	return slices.ContainsFunc(strings.Split(spec, ","), func(s string) bool { return inRange(s, ":", port) })
}

// within reports whether an address is a rule's source, or in its network.
func within(source, address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	if p, err := netip.ParsePrefix(source); err == nil {
		return p.Contains(a)
	}
	return source == a.String()
}

func inRange(spec, separator string, port int) bool {
	low, high, ranged := strings.Cut(spec, separator)
	if !ranged {
		high = low
	}
	from, err1 := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	return err1 == nil && err2 == nil && from <= port && port <= to
}
