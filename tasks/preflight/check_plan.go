package preflight

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/polardb"
)

// laterFix is the advice for everything that the playbook sets itself.
const laterFix = "nothing to do: new-cluster.yml sets it"

// rows returns all checks of a host. It is pure.
func (c *checkAction) rows(h checkHost, n polardb.NodeState, asked checkAsked) checkRows {
	var r checkRows
	c.inventory(&r, h, asked)
	c.system(&r, h)
	c.room(&r, h, n)
	c.owners(&r, h, n)
	c.node(&r, h, n)
	c.settings(&r, h)
	c.software(&r, h, n)
	c.surroundings(&r, h, n, asked)
	return r
}

func (c *checkAction) inventory(r *checkRows, h checkHost, asked checkAsked) {
	a := c.args
	ok := true
	for _, err := range c.wrong {
		if err != nil {
			ok = false
			r.add("inventory", statusFail, err.Error(), "nodes that a cluster can be made of", "correct the inventory")
		}
	}
	if len(c.nodes) > 0 {
		me, err := polardb.NodeNamed(c.nodes, asked.Name)
		switch {
		case err != nil:
			ok = false
			r.add("inventory", statusFail, err.Error(), "this host among the nodes", "add it to the group polardb")
		case me.Address.Port != a.Port:
			ok = false
			r.add("inventory", statusFail, fmt.Sprintf("nodes has port %d, the host %d", me.Address.Port, a.Port), "one port",
				"set polardb_port for the host in the inventory, not in a play")
		case len(h.Addresses) > 0 && !slices.Contains(h.Addresses, me.Address.Host) && !strings.HasPrefix(me.Address.Host, "127."):
			r.add("address", statusWarn, "the host has "+strings.Join(h.Addresses, ", "), me.Address.Host,
				"set polardb_address to an address of the host, unless this one is translated to it")
		default:
			r.add("address", statusPass, me.Address.Host, "", "")
		}
	}
	if ok {
		r.add("inventory", statusPass, fmt.Sprintf("%d nodes", len(c.nodes)), "", "")
	}
	if a.Proof == dma.SCRAM {
		found := a.Replicator + " logs in by " + a.Proof +
			", and the server of a follower starts over each time its connection to the leader ends"
		r.add("replication", statusWarn, found, "md5", c.proofFix())
	}
	names := make([]string, 0, len(a.Secrets))
	for name := range a.Secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s, _ := convert.Text(a.Secrets[name])
		copies := strings.Contains(name, "replication")
		role := a.User
		if copies {
			role = a.Replicator
		}
		switch problem := polardb.PasswordProblem(role, s, copies); {
		case strings.TrimSpace(s) == "":
			r.add(name, statusFail, "empty", "a password",
				"set it in the environment ("+strings.ToUpper(name)+") or, encrypted, in the inventory")
		case problem != "":
			r.add(name, statusFail, "it "+problem, "a password that the engine accepts", "choose another")
		default:
			r.add(name, statusPass, "set", "", "")
		}
	}
	if problem := polardb.RoleProblem(a.Replicator); problem != "" && len(a.Secrets) > 0 {
		r.add("polardb_replication_user", statusFail, fmt.Sprintf("%q %s", a.Replicator, problem), "a role that the engine can have",
			"choose another")
	}
}

func (c *checkAction) system(r *checkRows, h checkHost) {
	a := c.args
	r.when(h.family() != "", statusWarn, "operating system", h.osName(), "Debian, Ubuntu, RHEL 7 to 9 or one like them",
		"go on if it has systemd and the tools below; it was not tried")
	r.add("kernel", statusPass, h.Kernel+" "+h.Machine, "", "")
	r.when(h.Systemd != "", statusFail, "systemd", either(h.Systemd, "does not run"), "systemd running",
		"use a host that was booted with systemd: the server is a unit of it")
	r.when(len(h.MissingTools) == 0, statusFail, "tools", either(strings.Join(h.MissingTools, " "), "all there"), "all of them there",
		"install the packages that hold them (util-linux, coreutils, findutils, tar, gawk, passwd or shadow-utils, …)")
	r.when(h.CPUs >= a.MinCPUs, statusWarn, "processors", strconv.Itoa(h.CPUs), fmt.Sprintf("at least %d", a.MinCPUs),
		"add processors; elections and redo share them")
	// The kernel keeps a part of the machine's memory for itself.
	have := h.MemoryKB["MemTotal"] >> 10
	r.when(have >= a.MinMemoryMB*9/10, statusFail, "memory", fmt.Sprintf("%d MB", have), fmt.Sprintf("at least %d MB", a.MinMemoryMB),
		"add memory, or lower polardb_min_memory_mb: initdb alone takes some 540 MB")
	total, free := h.MemoryKB["SwapTotal"]>>10, h.MemoryKB["SwapFree"]>>10
	if total == 0 {
		r.add("swap", statusPass, "none", "", "")
	} else {
		r.when((total-free)*4 <= total, statusWarn, "swap", fmt.Sprintf("%d of %d MB in use", total-free, total), "at most a quarter in use",
			"see what takes the memory: top -o %MEM")
	}
	if zone := a.Timezone; zone != "" && h.NoZone {
		r.add("time zone", statusFail, "the host has no time zone "+zone, "one of those under /usr/share/zoneinfo",
			"set another polardb_timezone, such as Asia/Shanghai, or install tzdata")
	} else if zone != "" {
		r.when(h.Timezone == zone, statusWarn, "time zone", h.Timezone, zone, laterFix)
	} else {
		r.add("time zone", statusPass, h.Timezone, "", "")
	}
}

// room checks the file systems of the paths that will be written to.
func (c *checkAction) room(r *checkRows, h checkHost, n polardb.NodeState) {
	a := c.args
	home := 256
	if c.archive != nil {
		home = int(c.archive.Size*5>>20) + 1 // as polardb_software will require
	}
	for _, p := range []struct {
		kind, name string
		need       int
		there      bool // what needs the space exists already
		short      checkStatus
		change     string
	}{
		{"pgdata", a.Pgdata, a.MinFreeMB, n.Whole(&a.NodeArgs), statusFail,
			"make room, choose another polardb_pgdata, or lower polardb_min_free_mb"},
		{"polardata", a.Polardata, a.MinFreeMB, n.Whole(&a.NodeArgs), statusFail,
			"make room, choose another polardb_polardata, or lower polardb_min_free_mb"},
		{"home", a.Home, home, n.Postgres != "", statusFail, "make room, or choose another polardb_home"},
		{"temp", "/tmp", a.MinTempMB, false, statusWarn, "make room in /tmp"},
		{"shm", "/dev/shm", 16, false, statusFail, "mount a tmpfs on /dev/shm: the server's processes share memory through it"},
	} {
		place, ok := h.Places[p.kind]
		free := place.FreeKB >> 10
		found := fmt.Sprintf("%d MB free of %d MB on %s (%s)", free, place.TotalKB>>10, place.Mount, place.Type)
		wanted := fmt.Sprintf("at least %d MB", p.need)
		switch {
		case !ok || place.Mount == "":
			r.add(p.name, p.short, "df does not answer for "+either(place.Existing, p.name), wanted,
				"see what is wrong with the file system: df "+either(place.Existing, p.name))
		case place.option("ro"):
			r.add(p.name, statusFail, place.Mount+" is mounted read-only", "a file system that can be written to",
				"mount -o remount,rw "+place.Mount+", and see in dmesg why it is not")
		case p.kind == "home" && place.option("noexec"):
			r.add(p.name, statusFail, place.Mount+" is mounted noexec", "a file system that programs run from",
				"choose another polardb_home, or mount -o remount,exec "+place.Mount)
		case p.kind == "shm" && place.Type != "tmpfs":
			r.add(p.name, statusFail, "nothing is mounted there", "a tmpfs", p.change)
		case free < p.need && p.there:
			r.add(p.name, statusWarn, found, wanted, "make room")
		case free < p.need:
			r.add(p.name, p.short, found, wanted, p.change)
		case strings.HasSuffix(p.kind, "data") && slices.Contains([]string{"tmpfs", "ramfs"}, place.Type):
			r.add(p.name, statusWarn, place.Mount+" is in memory ("+place.Type+")", "a disk",
				"choose a directory on a disk: here the data is gone when the host restarts")
		default:
			r.add(p.name, statusPass, found, wanted, "")
		}
	}
}

// owners checks that no other account can replace the node's directories. On a host with a node it is too late to choose
// others, so there it only warns.
func (c *checkAction) owners(r *checkRows, h checkHost, n polardb.NodeState) {
	a := c.args
	status := statusFail
	if n.Whole(&a.NodeArgs) {
		status = statusWarn
	}
	for _, s := range h.Strangers {
		wanted, fix := "directories above it that only root or "+a.User+" can change", "choose another path, or give the directory to root"
		if s[0] == a.Home {
			wanted = "directories that only root can change: root runs programs from there"
			fix = "choose another polardb_home, or give the directory to root"
		}
		r.add("owners above "+path.Base(s[0]), status, s[1], wanted, fix)
	}
}

// node checks what the host has of the node itself: data, ports, account.
func (c *checkAction) node(r *checkRows, h checkHost, n polardb.NodeState) {
	a := &c.args.NodeArgs
	switch err := n.Refuse(a); {
	case err != nil:
		fix := "choose other directories"
		var f *tasks.Failure
		if errors.As(err, &f) {
			err, fix = &tasks.Failure{Msg: f.Msg}, f.Hint
		}
		r.add("data", statusFail, err.Error(), "empty directories, or polarbook's own", fix)
	case n.Unfinished(a):
		r.add("data", statusPass, "begun by polarbook and not finished ("+n.Step+")", "", "")
	case n.Whole(a) && n.PgdataOwner != a.User:
		r.add("data", statusFail, a.Pgdata+" belongs to "+n.PgdataOwner, a.User, "chown -R "+a.User+": "+a.Pgdata+" "+a.Polardata)
	case n.Whole(a):
		r.add("data", statusPass, "set up by polarbook ("+n.Step+")", "", "")
	default:
		r.add("data", statusPass, "free to be set up", "", "")
	}
	for _, p := range []struct {
		name    string
		port    int
		listens bool
	}{{"client port", a.Port, n.ListensClient}, {"consensus port", dma.ConsensusPort(a.Port), n.ListensConsensus}} {
		stranger, taken := c.stranger(h, n, p.port)
		switch {
		case !p.listens && !taken:
			r.add(p.name, statusPass, fmt.Sprintf("%d is free", p.port), "", "")
		case stranger == "":
			r.add(p.name, statusPass, fmt.Sprintf("%d is this node's own", p.port), "", "")
		default:
			r.add(p.name, statusFail, fmt.Sprintf("%d is taken by %s", p.port, stranger), "free, or this node's own",
				"stop that program, or choose another polardb_port")
		}
	}
	uid, group, known := strings.Cut(h.User, "|")
	switch {
	case !known:
		r.add("account", statusWarn, a.User+" does not exist", "an account without rights", laterFix)
	case uid == "0":
		r.add("account", statusFail, a.User+" is root", "an account without rights",
			"choose another polardb_user: the engine refuses to run as root")
	default:
		r.add("account", statusPass, fmt.Sprintf("%s (uid %s, group %s)", a.User, uid, group), "", "")
	}
}

// stranger returns which program has a port, when it is not this node's server or one of its processes; taken reports whether
// any has it.
func (c *checkAction) stranger(h checkHost, n polardb.NodeState, port int) (who string, taken bool) {
	for _, p := range h.Holders[port] {
		if n.PID == 0 || p.PID != n.PID && p.Parent != n.PID {
			return fmt.Sprintf("%s (process %d)", either(p.Program, "a program"), p.PID), true
		}
	}
	listens := port == c.args.Port && n.ListensClient || port == dma.ConsensusPort(c.args.Port) && n.ListensConsensus
	if (listens || h.Taken[port]) && n.PID == 0 {
		return "a process that cannot be seen from here", true
	}
	return "", h.Taken[port]
}

// settings checks what new-cluster.yml sets itself: at most a warning, but for a firewall that the inventory leaves closed.
func (c *checkAction) settings(r *checkRows, h checkHost) {
	a := c.args
	names := make([]string, 0, len(a.Sysctl))
	for name := range a.Sysctl {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		wanted, _ := convert.Text(a.Sysctl[name])
		wanted = strings.Join(strings.Fields(wanted), " ")
		is, known := h.Sysctl[dotted(name)]
		if !known {
			r.add(name, statusWarn, "the kernel does not have it", wanted, "take it out of polardb_sysctl")
			continue
		}
		r.when(is == wanted, statusWarn, name, is, wanted, laterFix)
	}
	nofile, of := h.LimitServer, "the server"
	if nofile == "" && h.UnitLoad == "loaded" {
		nofile, of = h.UnitMax, "the unit "+a.Unit
	}
	if nofile == "" {
		nofile, of = h.LimitHard, "a login"
	}
	most, err := strconv.Atoi(nofile)
	enough := err == nil && most >= a.NoFile || nofile == "unlimited" || nofile == "infinity"
	r.when(enough, statusWarn, "open files", either(nofile, "unknown")+" for "+of, fmt.Sprintf("at least %d", a.NoFile), laterFix)
	if h.HugePage != "" {
		_, is, _ := strings.Cut(h.HugePage, "[")
		is, _, _ = strings.Cut(is, "]")
		r.when(is == a.HugePage, statusWarn, "transparent huge pages", is, a.HugePage, laterFix)
	}
	if h.SELinux != "" {
		r.add("SELinux", statusPass, h.SELinux, "", "")
	}
	if h.Firewall != "" {
		var closed []string
		for _, port := range []int{a.Port, dma.ConsensusPort(a.Port)} {
			if !c.letsIn(h, port) {
				closed = append(closed, strconv.Itoa(port))
			}
		}
		found := h.Firewall + " lets the members through"
		if len(closed) > 0 {
			found = h.Firewall + " keeps " + strings.Join(closed, " and ") + " closed"
		}
		status, fix := statusWarn, laterFix
		if !a.Firewall {
			status, fix = statusFail, "open them, because polardb_firewall keeps new-cluster.yml from it"
		}
		r.when(len(closed) == 0, status, checkFirewall, found, "both ports open for the members", fix)
		if a.Firewall {
			found := "port " + strconv.Itoa(a.Port) + " is open to everybody"
			if len(a.Clients) > 0 {
				found = "port " + strconv.Itoa(a.Port) + " is open to the members and " + strings.Join(convert.Texts(a.Clients), ", ")
			}
			r.when(len(a.Clients) > 0, statusWarn, "clients", found, "polardb_clients names their networks",
				"set polardb_clients, such as [10.0.0.0/8]")
		}
	} else {
		r.add(checkFirewall, statusPass, "neither firewalld nor ufw runs", "", "")
	}
}

// proofFix returns how to keep replication from logging in by SCRAM-SHA-256, which engine 11.9 does not support there.
func (c *checkAction) proofFix() string {
	if c.args.Replicator == c.args.User {
		return "give replication a role of its own: set polardb_replication_user to another name than polardb_user"
	}
	return "leave polardb_replication_password_encryption at md5; polardb_tls encrypts the connection"
}

// letsIn reports whether the host's firewall lets every other member reach a port.
func (c *checkAction) letsIn(h checkHost, port int) bool {
	for _, n := range c.nodes {
		if !slices.Contains(h.Addresses, n.Address.Host) && !portOpen(h.Firewall, h.FirewallRules, port, n.Address.Host) {
			return false
		}
	}
	return true
}

// checkFirewall is the name of the firewall's check. By its warning the report knows why a member cannot be reached.
const checkFirewall = "firewall"

func (c *checkAction) surroundings(r *checkRows, h checkHost, n polardb.NodeState, asked checkAsked) {
	a := c.args
	c.locale(r, h, n)
	if skew := asked.Clock; skew.Asked {
		most := time.Duration(a.MaxClockSkew * float64(time.Second))
		r.when(skew.Offset.Abs()-skew.Error <= most, statusWarn, "clock", skew.String()+" against the control node", "within "+most.String(),
			"set the clock: chronyc makestep, or timedatectl set-ntp true; that the hosts agree matters more")
	}
	r.reachability(asked, h.Addresses)
}

// locale checks that the host has the locale of the databases, which may exist already.
func (c *checkAction) locale(r *checkRows, h checkHost, n polardb.NodeState) {
	a := c.args
	status := statusFail
	if n.Whole(&a.NodeArgs) {
		status = statusWarn
	}
	known := polardb.LocaleKnown(h.Locales, a.Locale)
	found := a.Locale + ", LANG " + either(h.Locale, "not set")
	if !known {
		found = a.Locale + " is not among " + strings.Join(h.Locales, ", ")
	}
	r.when(known, status, "locale", found, a.Locale,
		"create the locale (localedef, dpkg-reconfigure locales, glibc-langpack-…), or set another polardb_locale: "+
			"initdb refuses it, and no database opens without it")
	codeset := ""
	if known {
		codeset = h.Codeset
	}
	problem, wanted := polardb.EncodingProblem(a.Encoding, a.Locale, codeset)
	r.when(problem == "", status, "encoding", either(problem, a.Encoding), either(wanted, a.Encoding),
		"set another polardb_encoding, or another polardb_locale: initdb refuses it")
}

func either(s, otherwise string) string {
	if strings.TrimSpace(s) == "" {
		return otherwise
	}
	return s
}
