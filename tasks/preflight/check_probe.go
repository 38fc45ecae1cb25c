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
	"awk", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dirname", "env", "find", "getent", "grep", "head", "id",
	"ldd", "ln", "ls", "mkdir", "mktemp", "mv", "readlink", "rm", "runuser", "sed", "setsid", "sha256sum", "sort", "stat", "sync",
	"systemctl", "tail", "tar", "timeout", "touch", "tr", "uname", "useradd", "wc",
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
	OS            map[string]string     // ID, ID_LIKE, VERSION_ID, PRETTY_NAME
	Machine       string                `answer:"check.machine"`
	Kernel        string                `answer:"check.kernel"`
	CPUs          int                   `answer:"check.cpus"`
	MemoryKB      map[string]int        // MemTotal, MemAvailable, SwapTotal, SwapFree
	Libc          string                `answer:"check.libc"`
	Places        map[string]checkPlace // pgdata, polardata, home, temp, shm
	Strangers     [][2]string           // one of our paths, and who else could replace it
	Systemd       string                `answer:"check.systemd"`
	MissingTools  []string              `answer:"check.tool.missing"`
	Listening     []int                 // ports with a listener at 127.0.0.1
	Taken         map[int]bool
	Holders       map[int][]holder
	Libraries     map[string]bool
	GLIBCXX       string `answer:"check.glibcxx"` // the newest
	Sysctl        map[string]string
	User          string   `answer:"check.user"` // uid|group
	LimitHard     string   `answer:"check.limit.hard"`
	LimitServer   string   `answer:"check.limit.server"`
	UnitLoad      string   `answer:"check.unit.load"`
	UnitMax       string   `answer:"check.unit.nofile"`
	HugePage      string   `answer:"check.hugepage"`
	Timezone      string   `answer:"check.timezone"`
	Locale        string   `answer:"check.locale"`
	Locales       []string `answer:"check.locales"`
	Codeset       string   `answer:"check.codeset"` // of the wanted locale
	NoZone        bool     `answer:"check.nozone"`  // the host does not have the wanted time zone
	SELinux       string   `answer:"check.selinux"`
	Firewall      string   `answer:"check.firewall"` // firewalld, ufw or empty
	FirewallRules []string `answer:"check.firewall.rule"`
	Addresses     []string
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
	h := checkHost{
		OS:        map[string]string{},
		MemoryKB:  map[string]int{},
		Places:    map[string]checkPlace{},
		Taken:     map[int]bool{},
		Holders:   map[int][]holder{},
		Libraries: map[string]bool{},
		Sysctl:    map[string]string{},
	}
	var found struct {
		OS        []string `answer:"check.os.*"`
		Memory    []string `answer:"check.memory.*"`
		Places    []string `answer:"check.path.*"`
		Strangers []string `answer:"check.strangers"`
		Listening []string `answer:"check.listening"` // ports in hexadecimal
		Taken     []string `answer:"check.taken"`
		Holders   []string `answer:"check.holder"`
		Libraries []string `answer:"check.library.found"`
		Sysctl    []string `answer:"check.sysctl"`
		Addresses string   `answer:"check.addresses"`
		End       bool     `answer:"check.end,required"`
	}
	err := script.Decode(f.Stdout, &found)
	if err == nil {
		err = script.Decode(f.Stdout, &h)
	}
	if err != nil {
		return h, fmt.Errorf("check the host: %w (exit status %d): %s", err, f.Status, strings.TrimSpace(string(f.Stderr)))
	}
	for _, line := range found.OS {
		name, value, _ := strings.Cut(line, "=")
		h.OS[name] = strings.Trim(value, `"'`)
	}
	for _, line := range found.Memory {
		name, value, _ := strings.Cut(line, "=")
		h.MemoryKB[name], _ = strconv.Atoi(value)
	}
	for _, line := range found.Places {
		name, value, _ := strings.Cut(line, "=")
		h.Places[name] = parsePlace(value)
	}
	for _, line := range found.Strangers {
		dir, who, _ := strings.Cut(line, "|")
		h.Strangers = append(h.Strangers, [2]string{dir, who})
	}
	for _, text := range found.Listening {
		if port, err := strconv.ParseInt(text, 16, 32); err == nil && !slices.Contains(h.Listening, int(port)) {
			h.Listening = append(h.Listening, int(port))
		}
	}
	for _, text := range found.Taken {
		port, _ := strconv.Atoi(text)
		h.Taken[port] = true
	}
	for _, line := range found.Holders {
		port, who := parseHolder(line)
		h.Holders[port] = append(h.Holders[port], who)
	}
	for _, name := range found.Libraries {
		h.Libraries[name] = true
	}
	for _, line := range found.Sysctl {
		file, value, _ := strings.Cut(line, ":")
		if name := dotted(file); h.Sysctl[name] == "" {
			h.Sysctl[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	h.Addresses = strings.Fields(found.Addresses)
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
