package polardb

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// serverSetting is a row of pg_settings.
type serverSetting struct {
	Value, Unit, Context, Type string
	Source, File               string
	Boot                       string // the value when no file sets it
	Pending                    bool
}

// fileSetting is a row of pg_file_settings.
type fileSetting struct{ Name, Value, File, Line, Error string }

// serverSettings holds a server's settings and those in its files.
type serverSettings struct {
	settings map[string]serverSetting
	files    []fileSetting
	// unseen holds the settings that current_setting shows and pg_settings does not.
	unseen map[string]string
}

type settingChange struct {
	Name, From, To, Needs string
	Override              bool // ALTER SYSTEM has set it
}

// without returns the settings without what ALTER SYSTEM has set, when autoConf is "reset".
func (s serverSettings) without(autoConf string) serverSettings {
	if autoConf == "reset" {
		s.files = slices.DeleteFunc(slices.Clone(s.files), func(f fileSetting) bool {
			return path.Base(f.File) == "postgresql.auto.conf" && !keptByUs[f.Name]
		})
	}
	return s
}

type settingsReport struct {
	changes []settingChange
	refused []string
	pinned  []string
	ignored []string
}

func (r settingsReport) needs(what string) []string {
	var names []string
	for _, c := range r.changes {
		if c.Needs == what {
			names = append(names, c.Name)
		}
	}
	return names
}

// pinnedSettings are kept in polar_node_static.conf from the first start on, whatever postgresql.conf says.
var pinnedSettings = []string{"polar_datadir", "polar_disk_name", "polar_hostid"}

// identitySettings identify a node to the other members, with what happens when one changes.
var identitySettings = map[string]string{
	"port":                             "the members know the node by its address; drop it and add it again to change the port",
	"polar_dma_port_deviation":         "it must be the same on all members at every moment",
	"polar_dma_cluster_id":             "a node with another cluster id is expelled by the others",
	"polar_enable_dma":                 "the node would leave the cluster and take writes of its own",
	"polar_enable_shared_storage_mode": "the node would look for its data elsewhere",
	"polar_datadir":                    "that does not move the data; rebuild the node to place it elsewhere",
}

// standbyFloor lists settings with which a follower does not start when they are lower than the leader's: "hot standby is not
// possible because max_connections = 80 is a lower setting than on the master server" (observed on 11.9). All members start as
// followers.
var standbyFloor = []string{"max_connections", "max_worker_processes", "max_prepared_transactions", "max_locks_per_transaction"}

// caseless lists settings whose value the engine shows in its own spelling ("ISO, MDY").
var caseless = map[string]bool{"datestyle": true, "timezone": true, "log_timezone": true}

var cannotChange = regexp.MustCompile(`^parameter "([^"]+)" cannot be changed without restarting the server$`)

// compareSettings finds what the server has to take over: from its files when wanted is nil, otherwise from wanted and from
// what ALTER SYSTEM has set. With partial only the settings in wanted count. The engine reads postgresql.conf, polar_dma.conf
// and postgresql.auto.conf in this order, and the last value wins (guc-file.l:207).
func compareSettings(found serverSettings, wanted map[string]string, partial bool) settingsReport {
	var r settingsReport
	target := map[string]string{}
	stuck := map[string]bool{}
	overridden := map[string]bool{}
	for name, v := range wanted {
		target[name] = v
	}
	for _, f := range found.files {
		if _, asked := wanted[f.Name]; partial && !asked {
			continue
		}
		if wanted != nil && path.Base(f.File) != "postgresql.auto.conf" {
			continue
		}
		switch m := cannotChange.FindStringSubmatch(f.Error); {
		case m != nil:
			stuck[m[1]] = true
		case f.Error != "" && !waitsForRestart(found, f):
			what := f.Error
			if f.Name != "" {
				what = f.Name + " = " + shownSetting(f.Name, f.Value) + ": " + what
			}
			r.refused = append(r.refused, fmt.Sprintf("%s line %s: %s", f.File, f.Line, what))
		default:
			target[f.Name], stuck[f.Name] = f.Value, f.Error != ""
			overridden[f.Name] = path.Base(f.File) == "postgresql.auto.conf"
		}
	}
	for name, s := range found.settings {
		_, set := target[name]
		if !set && !partial && s.File != "" && s.Source == "configuration file" && !slices.Contains(pinnedSettings, name) {
			target[name] = s.Boot // no file sets it any more
		}
	}
	for name, to := range target {
		if caseless[name] && strings.EqualFold(found.settings[name].Value, to) {
			continue
		}
		r.compare(name, to, found, stuck[name], wanted != nil)
	}
	for i, c := range r.changes {
		r.changes[i].Override = overridden[c.Name]
	}
	sort.Slice(r.changes, func(i, j int) bool { return r.changes[i].Name < r.changes[j].Name })
	sort.Strings(r.refused)
	sort.Strings(r.ignored)
	return r
}

// waitsForRestart reports whether a setting just cannot change with a reload. The engine has the same error, "setting could not
// be applied", for a value that it does not accept; pending_restart tells the two apart.
func waitsForRestart(found serverSettings, f fileSetting) bool {
	if f.Error != "setting could not be applied" {
		return false
	}
	_, unseen := found.unseen[f.Name]
	s := found.settings[f.Name]
	return unseen || s.Context == "postmaster" && (s.Pending || slices.Contains(pinnedSettings, f.Name))
}

// compare judges one setting. Before a file is written (preview) the values are compared; for a file that exists, the engine
// itself reports what a reload cannot change: stuck or pending.
func (r *settingsReport) compare(name, to string, found serverSettings, stuck, preview bool) {
	s, seen := found.settings[name]
	if !seen {
		now, known := found.unseen[name]
		switch {
		case !known && strings.HasPrefix(name, "polar_"):
			r.ignored = append(r.ignored, name)
		case !known && !strings.Contains(name, "."):
			r.refused = append(r.refused, fmt.Sprintf("the engine has no setting %s", name))
		case !known, sameValue(now, to, s):
		case name == "polar_dma_repl_passwd" && now == shownPassword(found.unseen["polar_dma_repl_user"], to):
		default:
			r.differs(name, now, to, stuck || preview)
		}
		return
	}
	switch {
	case sameValue(s.Value, to, s), s.Context == "postmaster" && !preview && !stuck && !s.Pending:
	case slices.Contains(pinnedSettings, name) && (name != "polar_datadir" || s.Value == ""):
		r.pinned = append(r.pinned, name)
	case slices.Contains(standbyFloor, name) && less(to, s.Value):
		r.refused = append(r.refused, fmt.Sprintf("%s cannot go down from %s to %s: a node with less than the leader had does not start",
			name, s.Value, to))
	case s.Context == "internal":
		r.refused = append(r.refused, name+" cannot be set in a configuration file")
	case s.Source == "client" || s.Source == "session" || s.Source == "user" || s.Source == "database" || s.Source == "database user":
		// This session has a value of its own, which hides the other sessions' value.
	default:
		r.differs(name, s.Value+strings.TrimPrefix(s.Unit, "8kB"), to, s.Context == "postmaster")
	}
}

func less(a, b string) bool {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	return errX == nil && errY == nil && x < y
}

func (r *settingsReport) differs(name, from, to string, restart bool) {
	from, to = shownSetting(name, from), shownSetting(name, to)
	if why, identity := identitySettings[name]; identity {
		r.refused = append(r.refused, fmt.Sprintf("%s is %s and would become %s: %s", name, from, to, why))
		return
	}
	needs := "reload"
	if restart {
		needs = "restart"
	}
	r.changes = append(r.changes, settingChange{Name: name, From: from, To: to, Needs: needs})
}

// shownSetting returns a value for messages, without passwords.
func shownSetting(name, value string) string {
	if strings.Contains(name, "passw") && name != "password_encryption" || strings.Contains(name, "conninfo") {
		return "(hidden)"
	}
	if value == "" {
		return "''"
	}
	return value
}

// shownPassword returns what SHOW polar_dma_repl_passwd prints: md5 of the user and the password (engine: consensus_repl.c:2603).
func shownPassword(user, password string) string {
	sum := md5.Sum([]byte(user + password))
	return "md5" + hex.EncodeToString(sum[:])
}

// sameValue reports whether a value from a file equals the server's, which is in the setting's unit.
func sameValue(now, to string, s serverSetting) bool {
	if now == to {
		return true
	}
	switch s.Type {
	case "bool":
		return truth(now) != "" && truth(now) == truth(to)
	case "enum":
		return strings.EqualFold(now, to) || truth(now) != "" && truth(now) == truth(to)
	case "integer", "real":
		a, okA := amount(now, s.Unit)
		b, okB := amount(to, s.Unit)
		return okA && okB && a == b
	case "":
		if t := truth(now); t != "" && t == truth(to) {
			return true
		}
		a, okA := amount(now, "")
		b, okB := amount(to, "")
		return okA && okB && a == b
	}
	return false
}

func truth(s string) string {
	switch strings.ToLower(s) {
	case "on", "true", "yes", "1", "t", "y":
		return "on"
	case "off", "false", "no", "0", "f", "n":
		return "off"
	}
	return ""
}

// unitWorth holds the factor of each unit, in bytes or in milliseconds.
var unitWorth = map[string]float64{
	"B": 1, "kB": 1 << 10, "8kB": 8 << 10, "MB": 1 << 20, "16MB": 16 << 20, "GB": 1 << 30, "TB": 1 << 40,
	"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
}

var amountText = regexp.MustCompile(`^\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?|[+-]?0[xX][0-9a-fA-F]+)\s*(B|kB|MB|GB|TB|us|ms|s|min|h|d)?\s*$`)

func amount(text, unit string) (float64, bool) {
	m := amountText.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		i, err := strconv.ParseInt(m[1], 0, 64)
		if err != nil {
			return 0, false
		}
		n = float64(i)
	}
	// -1 and 0 mean "none" or "from another setting", whatever the unit.
	worth := 1.0
	if m[2] != "" {
		worth = unitWorth[m[2]]
	} else if w, ok := unitWorth[unit]; ok {
		worth = w
	}
	return n * worth, true
}
