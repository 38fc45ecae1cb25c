package polardb

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/suggest"
)

// trialFiles are the files that a server reads before it looks for its data.
var trialFiles = []string{"postgresql.conf", "polar_dma.conf", "pg_hba.conf"}

// trialScript returns the script that starts the engine with the files, in a directory of its own and as its account, and prints
// the outcome. It also returns the script's stdin: the files, each after a line that names it.
func (v *validateAction) trialScript(s NodeState, bin string) (string, []byte) {
	a := v.args
	mark := "@@" + files.SumOf([]byte(a.Pgdata + a.Cluster))[:24] + " "
	var stdin strings.Builder
	for _, name := range trialFiles {
		if text, ok := v.files[name]; ok {
			stdin.WriteString(mark + name + "\n" + text)
		}
	}
	pid := ""
	if s.PID != 0 {
		pid = strconv.Itoa(s.PID)
	}
	inner := scripts.Script("polardb_trial_engine", script.Values{
		"PGDATA":    a.Pgdata,
		"POLARDATA": a.Polardata,
		"BIN":       bin + "/bin",
		"MARK":      mark,
		"PID":       pid, // The playbook creates these before it writes the files.
		"TLS":       "/etc/polardb-" + a.Cluster + "/",
		"SOCKET":    "/run/polardb-" + a.Cluster,
		"RESET":     a.AutoConf == "reset",
	})
	return scripts.Script("polardb_trial", script.Values{
		"OWNER": a.User,
		"BIN":   bin + "/bin",
		"LIB":   bin + "/lib",
		"inner": inner,
	}), []byte(stdin.String())
}

func (t *trial) read(text string) {
	t.files, t.control, t.memory, t.local = map[string]string{}, map[string]string{}, map[string]int64{}, map[string]bool{}
	section := ""
	for line := range strings.Lines(text) {
		plain := strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(plain, "@@"); ok {
			section = name
			switch {
			case name == "same":
				t.same = true
			case name == "nobody":
				t.nothing = "the account that is to run the engine does not exist yet"
			case strings.HasPrefix(name, "status "):
				t.status, _ = strconv.Atoi(strings.TrimPrefix(name, "status "))
			}
			continue
		}
		switch {
		case strings.HasPrefix(section, "file "):
			t.files[section[len("file "):]] += line
		case section == "log":
			t.log += line
		case section == "again":
			t.again += line
		case section == "names":
			t.names = append(t.names, plain)
		case section == "memory" || section == "control":
			name, value, _ := strings.Cut(plain, ":")
			if section == "control" {
				t.control[name] = strings.TrimSpace(value)
				continue
			}
			number, kilo := strings.CutSuffix(strings.TrimSpace(value), " kB")
			n, _ := strconv.ParseInt(number, 10, 64)
			if kilo {
				n <<= 10
			}
			t.memory[name] = n
		case section == "local":
			t.local[plain] = true
		case section == "datadir":
			t.datadir = append(t.datadir, plain)
		case section == "denied":
			t.denied = append(t.denied, plain)
		case section == "unreadable":
			t.denied = append(t.denied, "cannot be read by the engine's account: "+plain)
		}
	}
}

var (
	triedLine   = regexp.MustCompile(`^line (\d+) of configuration file "([^"]*)"$`)
	triedFile   = regexp.MustCompile(`"[^" ]*/try/([A-Za-z_.]+\.conf)"`)
	unknownName = regexp.MustCompile(`unrecognized configuration parameter "([^"]+)"`)
	hbaWord     = regexp.MustCompile(`invalid (authentication method|connection type) "([^"]+)"`)
	asked       = regexp.MustCompile(`currently (\d+) bytes`)
	// tookAll matches where the start ends when the engine has accepted everything.
	tookAll = regexp.MustCompile(`polardb try start vfs process|database files are incompatible with server|control file "`)
)

var hbaWords = map[string][]string{
	"authentication method": {"trust", "reject", "md5", "scram-sha-256", "password", "peer", "ident", "cert", "ldap", "radius", "pam", "gss"},
	"connection type":       {"local", "host", "hostssl", "hostnossl"},
}

// judge returns what is wrong with the files, and what is doubtful.
func (v *validateAction) judge(t trial) (wrong, doubts []string) {
	list := reasons(t.log)
	if tookAll.MatchString(t.log) {
		list = nil
	}
	if len(list) > 0 && t.again != "" && v.bears(t, list) {
		list = nil
	}
	for _, e := range list {
		text := v.inWords(e, t)
		if !slices.Contains(wrong, text) && !(len(list) > 1 && strings.HasSuffix(e.Text, "contains errors")) &&
			!(len(list) > 1 && e.Text == "could not load pg_hba.conf") {
			wrong = append(wrong, text)
		}
	}
	if len(list) == 0 && t.again == "" && !tookAll.MatchString(t.log) {
		doubts = append(doubts, fmt.Sprintf("whether the engine takes the files could not be told: it ended with the status %d and no reason",
			t.status))
	}
	have := confSettings(t.files["postgresql.conf"], t.files["polar_dma.conf"], autoOf(v.args.AutoConf, t))
	for _, e := range parseLog(t.log) {
		m := unknownName.FindStringSubmatch(e.Text)
		if m != nil && e.Level == "NOTICE" {
			if text := suggest.Suffix(m[1], t.names); text != "" {
				doubts = append(doubts, fmt.Sprintf("the engine does not know %s and ignores it%s", m[1], text))
			}
		}
		if lib, ok := strings.CutPrefix(e.Text, `could not access file "`); ok && e.Level == "WARNING" {
			lib, _, _ = strings.Cut(lib, `"`)
			if name := path.Base(lib); !strings.HasPrefix(name, "polar_") && strings.Contains(have["shared_preload_libraries"].Value, name) {
				wrong = append(wrong, fmt.Sprintf("shared_preload_libraries names %s, which this engine does not have: it would start without it",
					lib))
			}
		}
	}
	wrong = append(wrong, v.identity(have, t)...)
	wrong = append(wrong, tooLittle(have, t)...)
	wrong = append(wrong, nowhere(have, t)...)
	for _, d := range t.denied {
		if strings.HasPrefix(d, "cannot be read") {
			doubts = append(doubts, d)
			continue
		}
		what, dir, _ := strings.Cut(d, ": ")
		wrong = append(wrong, fmt.Sprintf("%s is %s, where %s cannot write", what, dir, v.args.User))
	}
	return wrong, doubts
}

func autoOf(what string, t trial) string {
	if what == "reset" {
		return ""
	}
	return t.files["postgresql.auto.conf"]
}

// bears reports whether a host with too little memory for two servers has enough for one.
func (v *validateAction) bears(t trial, list []logEntry) bool {
	m := asked.FindStringSubmatch(list[0].String())
	if m == nil {
		return false
	}
	size, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return false
	}
	if tookAll.MatchString(t.again) {
		return size <= t.memory["HugePages_Total"]*t.memory["Hugepagesize"]
	}
	return size <= t.memory["MemTotal"]+t.memory["SwapTotal"]
}

// inWords returns the engine's message, with the names of the files as the user knows them and the text of the line.
func (v *validateAction) inWords(e logEntry, t trial) string {
	text := triedFile.ReplaceAllString(e.Text, `"$1"`)
	for _, m := range e.More {
		at := triedLine.FindStringSubmatch(m.Text)
		if at == nil {
			text += "; " + m.Text
			continue
		}
		name := path.Base(at[2])
		n, _ := strconv.Atoi(at[1])
		where := fmt.Sprintf("%s line %d", name, n)
		if lines := strings.Split(t.files[name], "\n"); n >= 1 && n <= len(lines) {
			where += " (" + strings.TrimSpace(lines[n-1]) + ")"
		}
		text = where + ": " + text
	}
	if m := unknownName.FindStringSubmatch(text); m != nil {
		text += suggest.Suffix(m[1], t.names)
	}
	if m := hbaWord.FindStringSubmatch(text); m != nil {
		text += suggest.Suffix(m[2], hbaWords[m[1]])
	}
	return text
}

// identity returns the settings with which the server would start but not be this member.
func (v *validateAction) identity(have map[string]confLine, t trial) (wrong []string) {
	a := v.args
	for _, c := range []struct{ name, want string }{
		{"port", strconv.Itoa(a.Port)}, {"data_directory", a.Pgdata}, {"polar_datadir", "file-dio://" + a.Polardata},
		{"polar_enable_shared_storage_mode", "on"},
		{"polar_enable_dma", "on"}, {"polar_dma_port_deviation", strconv.Itoa(dma.PortDeviation)}, {"hot_standby", "on"},
	} {
		is, ok := have[c.name]
		sameTruth := truth(is.Value) != "" && truth(is.Value) == truth(c.want)
		if !ok || sameTruth || is.Value == c.want || strings.TrimRight(is.Value, "/") == c.want {
			continue
		}
		if c.name == "polar_datadir" && len(t.datadir) == 2 && t.datadir[0] == t.datadir[1] {
			continue
		}
		why := identitySettings[c.name]
		switch c.name {
		case "port":
			why = "polardb_port sets the port"
		case "data_directory":
			why = "polardb_pgdata sets the directory"
		case "hot_standby":
			why = "a follower would accept no connections, not even polarbook's"
		}
		wrong = append(wrong, fmt.Sprintf("%s must be %s, not %s: %s", c.name, c.want, is.Value, why))
	}
	return wrong
}

// tooLittle returns the settings that are lower than the cluster's, with which a node does not start.
func tooLittle(have map[string]confLine, t trial) (wrong []string) {
	for _, c := range []struct{ name, control, without string }{
		{"max_connections", "max_connections setting", "100"}, {"max_prepared_transactions", "max_prepared_xacts setting", "0"},
		{"max_locks_per_transaction", "max_locks_per_xact setting", "64"},
	} {
		is, ok := have[c.name]
		if !ok {
			is.Value = c.without
		}
		floor := t.control[c.control]
		if t.leader != nil && less(floor, t.leader[c.name]) || floor == "" && t.leader != nil {
			floor = t.leader[c.name]
		}
		if less(is.Value, floor) {
			wrong = append(wrong, fmt.Sprintf("%s cannot go down from %s to %s: a node with less than the leader had does not start",
				c.name, floor, is.Value))
		}
	}
	// A segment of the log has 16 MB unless initdb was told otherwise.
	for _, name := range []string{"min_wal_size", "max_wal_size"} {
		if n, ok := amount(have[name].Value, "MB"); ok && have[name].Value != "" && n < 2*float64(segment(t)) {
			wrong = append(wrong, fmt.Sprintf("%q must be at least twice \"wal_segment_size\" (%d MB), not %s",
				name, segment(t)>>20, have[name].Value))
		}
	}
	return wrong
}

func segment(t trial) int64 {
	if n, err := strconv.ParseInt(t.control["Bytes per WAL segment"], 10, 64); err == nil && n > 0 {
		return n
	}
	return 16 << 20
}

// nowhere returns an error text when the server could listen on none of its addresses.
func nowhere(have map[string]confLine, t trial) []string {
	value := have["listen_addresses"].Value
	if value == "" || t.local["any"] {
		return nil
	}
	var bad []string
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if item == "" || item == "*" || item == "localhost" {
			return nil
		}
		var at []string
		if ip, err := netip.ParseAddr(item); err == nil {
			if ip.IsUnspecified() || ip.IsLoopback() {
				return nil
			}
			at = []string{ip.String()}
		}
		for name := range t.local {
			if ip, ok := strings.CutPrefix(name, "name "+item+" "); ok {
				at = append(at, ip)
			}
		}
		for _, ip := range at {
			if t.local[ip] || strings.HasPrefix(ip, "127.") || ip == "::1" {
				return nil
			}
		}
		bad = append(bad, item)
	}
	return []string{fmt.Sprintf("listen_addresses is %s, but the host has no such address (%s): the server would have no socket to start with",
		value, strings.Join(bad, ", "))}
}
