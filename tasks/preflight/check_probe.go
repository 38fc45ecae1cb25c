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
	"github.com/polarbook/polarbook/tasks/script"
)

// checkTools are the programs that the built-in tasks call, apart from those that every system has.
var checkTools = []string{
	"awk", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dirname", "env", "find", "getent", "grep", "head", "id", "ldd", "ln", "ls",
	"mkdir", "mktemp", "mv", "readlink", "rm", "runuser", "sed", "setsid", "sha256sum", "sort", "stat", "sync", "systemctl", "tail", "tar", "timeout",
	"touch", "tr", "uname", "useradd", "wc",
}

// script returns the script that prints what a host knows about itself, one check.NAME=VALUE per line.
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
	return scripts.Script("polardb_check", script.Values{
		"PGDATA":    a.Pgdata,
		"POLARDATA": a.Polardata,
		"OWNER":     a.User,
		"ENGINE":    a.Home,
		"UNIT":      a.Unit,
		"LOCALE":    a.Locale,
		"ZONE":      a.Timezone,
		"PORTS":     fmt.Sprintf("%d %d", a.Port, dma.ConsensusPort(a.Port)),
		"TOOLS":     strings.Join(tools, " "),
		"SYSCTL":    strings.Join(settings, " "),
	}, libraries...)
}

// compressor returns the program that tar calls for an archive of this name; empty: none.
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

// checkHost holds the answer of the script polardb_check.
type checkHost struct {
	OS                map[string]string // ID, ID_LIKE, VERSION_ID, PRETTY_NAME
	Machine, Kernel   string
	CPUs              int
	MemoryKB          map[string]int // MemTotal, MemAvailable, SwapTotal, SwapFree
	Libc              string
	Places            map[string]checkPlace // pgdata, polardata, home, temp, shm
	Strangers         [][2]string           // one of our paths, and who else could replace it
	Systemd           string
	MissingTools      []string
	Listening         []int // ports with a listener at 127.0.0.1
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
	Codeset           string // of the wanted locale
	NoZone            bool   // the host does not have the wanted time zone
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
	Existing        string // the nearest directory that exists
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
		return h, fmt.Errorf("check the host: the answer broke off (exit status %d): %s", f.Status, strings.TrimSpace(string(f.Stderr)))
	}
	return h, nil
}

// dotted returns a kernel setting's name with dots, whichever way it was spelled.
func dotted(s string) string { return strings.ReplaceAll(s, "/", ".") }

// parsePlace reads free|total|mount|options|type|existing; the last may hold anything.
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
