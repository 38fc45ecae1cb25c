package preflight

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/templates/ordered"
)

type checkReportArgs struct {
	Hosts        any      `arg:"hosts,required" doc:"what polardb_check found: a list of its facts, or a dict of them by host"`
	MaxClockSkew float64  `arg:"max_clock_skew" default:"2" doc:"seconds by which the hosts' clocks may differ"`
	Verbose      bool     `arg:"verbose" default:"no" doc:"also show the checks that passed"`
	Opened       []string `arg:"opened" doc:"members whose firewalls the caller opens for the hosts that were checked, or has just opened"`
	Fail         bool     `arg:"fail" default:"yes" doc:"fail when a check failed"`
}

var checkReportModule = tasks.Define(tasks.Module{
	Name:    "polardb_check_report",
	Summary: "Put what polardb_check found on all hosts in one table, and fail when a check failed",
	Notes: []string{
		"Adds checks of all hosts together: clocks that differ, time zones, locales and systems that are not the same, " +
			"an address that two hosts have, a bad number of voters.",
		"A member that cannot be reached because its own firewalld or ufw keeps the ports closed is a WARN here: new-cluster.yml opens them.",
		"Run it once, with run_once.",
	},
	Returns: []tasks.Return{
		{Name: "table", Type: "str", Doc: "one line for each check: host, check, status, found, wanted, fix; those that failed first"},
		{Name: "status", Type: "str", Doc: "the worst status of all"},
		{Name: "counts", Type: "dict", Doc: "how many checks are PASS, WARN, FAIL"},
		{Name: "checks", Type: "list", Doc: "the table's lines as dicts, with those that passed"},
	},
	Examples: `- polardb_check_report:
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'polardb_check') | list }}"
  run_once: true
`,
}, func(a *checkReportArgs, _ tasks.Local) (tasks.Action, error) {
	hosts, err := reportedHosts(a.Hosts)
	if err != nil {
		return nil, &tasks.ArgError{Module: "polardb_check_report", Arg: "hosts", Problem: err.Error()}
	}
	return tasks.Know(&checkReport{args: a, hosts: hosts}), nil
})

type checkReport struct {
	args  *checkReportArgs
	hosts []reportedHost
}

// reportLine is a check and the hosts that have it in the same words.
type reportLine struct {
	Hosts []string
	checkRow
}

func (c *checkReport) Plan() (tasks.Plan, error) {
	lines := c.lines()
	counts := map[string]any{}
	var failed, every checkRows
	checks := make([]any, 0, len(lines))
	for _, l := range lines {
		every = append(every, l.checkRow)
		if l.Status == statusFail {
			row := l.checkRow
			row.Name = strings.Join(l.Hosts, ", ") + ": " + row.Name
			failed = append(failed, row)
		}
		m := checkRows{l.checkRow}.values()[0].(map[string]any)
		m["host"] = strings.Join(l.Hosts, ", ")
		checks = append(checks, m)
	}
	for _, s := range []checkStatus{statusPass, statusWarn, statusFail} {
		counts[string(s)] = len(every.with(s))
	}
	values := map[string]any{"table": c.table(lines, every), "status": string(every.worst()), "counts": counts, "checks": checks}
	if len(failed) > 0 && c.args.Fail {
		what := "1 check failed"
		if len(failed) > 1 {
			what = fmt.Sprintf("%d checks failed", len(failed))
		}
		return tasks.Plan{}, &tasks.Failure{
			Msg:    what + ": " + summary(failed) + "\n" + c.table(lines, every),
			Hint:   failed[0].Fix,
			Values: values,
		}
	}
	return tasks.Plan{Msg: c.table(lines, every), Values: values}, nil
}

// lines returns all checks of all hosts, the worst first; the same check of several hosts is one line.
func (c *checkReport) lines() []reportLine {
	var lines []reportLine
	closed := map[string]bool{}
	for _, name := range c.args.Opened {
		closed[name] = true
	}
	for _, h := range c.hosts {
		for _, r := range h.Checks {
			if r.Name == checkFirewall && r.Status == statusWarn {
				closed[h.Name] = true
			}
		}
	}
	put := func(host string, r checkRow) {
		for i := range lines {
			if lines[i].checkRow == r {
				lines[i].Hosts = append(lines[i].Hosts, host)
				return
			}
		}
		lines = append(lines, reportLine{[]string{host}, r})
	}
	for _, h := range c.hosts {
		for _, r := range h.Checks {
			if r.Peer != "" && r.Status == statusFail && closed[r.Peer] {
				r.Status = statusWarn
				r.Fix = "nothing to do: the playbook opens the ports in the firewall of " + r.Peer
			}
			put(h.Name, r)
		}
	}
	for _, r := range c.together() {
		put("all", r)
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].Status.rank() < lines[j].Status.rank() })
	return lines
}

// together returns the checks of all hosts together.
func (c *checkReport) together() checkRows {
	var r checkRows
	c.clocks(&r)
	for _, s := range []struct {
		name   string
		of     func(reportedHost) string
		unlike checkStatus
		fix    string
	}{
		{"same time zone", func(h reportedHost) string { return h.Timezone }, statusWarn,
			"set polardb_timezone, or timedatectl set-timezone on each"},
		{"same locale", func(h reportedHost) string { return h.Locale }, statusWarn,
			"localectl set-locale LANG=… on each: what sorts and formats should not depend on who leads"},
		{"same system", func(h reportedHost) string { return h.System }, statusWarn,
			"it works, but libraries that sort text may differ: have the same system on all members"},
		{"same architecture", func(h reportedHost) string { return h.Machine }, statusWarn,
			"base backups are only good on the architecture they were made on: use the same one for all members"},
		{"same databases", func(h reportedHost) string { return h.MadeWith }, statusFail,
			"set polardb_locale and polardb_encoding for the group, not for a host"},
	} {
		r.agree(c.hosts, s.name, s.of, s.unlike, s.fix)
	}
	seen := map[string]string{}
	for _, h := range c.hosts {
		if other, twice := seen[h.Address]; twice && h.Address != "" {
			r.add("addresses", statusFail, fmt.Sprintf("%s and %s both have %s", other, h.Name, h.Address), "one for each",
				"correct polardb_address or ansible_host in the inventory")
		}
		seen[h.Address] = h.Name
	}
	voters := 0
	for _, h := range c.hosts {
		voters = max(voters, h.Voters)
	}
	switch {
	case voters == 0:
	case voters < 3:
		r.add("voters", statusWarn, fmt.Sprint(voters), "at least 3",
			"have three members with a vote: with fewer, the cluster stops when one is lost")
	case voters%2 == 0:
		r.add("voters", statusWarn, fmt.Sprint(voters), "an odd number",
			fmt.Sprintf("%d voters survive no more losses than %d: make one a learner, or add a logger",
				voters, voters-1))
	default:
		r.add("voters", statusPass, fmt.Sprint(voters), "an odd number", "")
	}
	return r
}

// clocks compares the hosts' clocks with one another, by way of the control node's. The difference may be wrong by both errors
// together, so only what is beyond them counts.
func (c *checkReport) clocks(r *checkRows) {
	var first, last reportedHost
	known := false
	for _, h := range c.hosts {
		if !h.Clock.Asked {
			continue
		}
		if !known || h.Clock.Offset < first.Clock.Offset {
			first = h
		}
		if !known || h.Clock.Offset > last.Clock.Offset {
			last = h
		}
		known = true
	}
	if !known || len(c.hosts) < 2 {
		return
	}
	skew := clock{Offset: last.Clock.Offset - first.Clock.Offset, Error: last.Clock.Error + first.Clock.Error}
	most := time.Duration(c.args.MaxClockSkew * float64(time.Second))
	found := fmt.Sprintf("at most %.3f s apart (± %.3f s)", skew.Offset.Seconds(), skew.Error.Seconds())
	if skew.Offset-skew.Error > most {
		found = fmt.Sprintf("%s is %.3f s (± %.3f s) ahead of %s", last.Name, skew.Offset.Seconds(), skew.Error.Seconds(), first.Name)
	}
	r.when(skew.Offset-skew.Error <= most, statusFail, "clock skew", found, "within "+most.String(),
		"set the clocks by NTP: chronyc makestep, or timedatectl set-ntp true")
}

// agree adds a check that all hosts have the same value.
func (r *checkRows) agree(hosts []reportedHost, name string, of func(reportedHost) string, unlike checkStatus, fix string) {
	by := map[string][]string{}
	var values []string
	for _, h := range hosts {
		if len(h.Checks) == 0 {
			continue
		}
		v := either(of(h), "not set")
		if by[v] == nil {
			values = append(values, v)
		}
		by[v] = append(by[v], h.Name)
	}
	if len(values) == 0 {
		return
	}
	found := values[0]
	if len(values) > 1 {
		var parts []string
		for _, v := range values {
			parts = append(parts, v+" on "+strings.Join(by[v], ", "))
		}
		found = strings.Join(parts, "; ")
	}
	r.when(len(values) == 1, unlike, name, found, "the same on all", fix)
}

// table returns the lines as a table, followed by the counts.
func (c *checkReport) table(lines []reportLine, every checkRows) string {
	cells := [][]string{{"HOST", "CHECK", "STATUS", "FOUND", "WANTED", "FIX"}}
	for _, l := range lines {
		if l.Status != statusPass || c.args.Verbose {
			host := strings.Join(l.Hosts, ", ")
			if len(l.Hosts) == len(c.hosts) && len(l.Hosts) > 1 {
				host = "all"
			}
			row := []string{host, l.Name, string(l.Status), l.Found, l.Wanted, l.Fix}
			for i := range row {
				row[i] = oneLine.Replace(row[i])
			}
			cells = append(cells, row)
		}
	}
	var b strings.Builder
	if len(cells) > 1 {
		b.WriteString(polardb.Columns(cells) + "\n")
	}
	b.WriteString(every.count() + "\n")
	return b.String()
}

// oneLine removes line breaks and tabs, so that a host's output does not break the table.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

// reportedHost holds the facts of polardb_check about one host.
type reportedHost struct {
	Name, Address, Timezone, Locale string
	System, Machine, MadeWith       string
	Voters                          int
	Clock                           clock
	Checks                          checkRows
}

func reportedHosts(value any) ([]reportedHost, error) {
	var hosts []reportedHost
	add := func(name string, item any) error {
		m, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("must hold dicts, not %s", convert.Describe(item))
		}
		h := readReported(m)
		if h.Name == "" {
			h.Name = name
		}
		if h.Name == "" {
			return fmt.Errorf("holds a dict without a name")
		}
		if len(h.Checks) == 0 {
			h.Checks.add("checks", statusFail, "none", "what polardb_check found", "run polardb_check on "+h.Name+" first")
		}
		hosts = append(hosts, h)
		return nil
	}
	switch v := ordered.Plain(value).(type) {
	case []any:
		for _, item := range v {
			if err := add("", item); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if err := add(name, v[name]); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("must be a list or a dict, not %s", convert.Describe(value))
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("is empty: no host was checked")
	}
	return hosts, nil
}

func readReported(m map[string]any) reportedHost {
	text := func(m map[string]any, key string) string { s, _ := convert.Text(m[key]); return s }
	h := reportedHost{
		Name: text(m, "name"), Address: text(m, "address"), Timezone: text(m, "timezone"), Locale: text(m, "locale"),
		System: text(m, "os"), Machine: text(m, "architecture"), MadeWith: text(m, "made_with"),
	}
	h.Voters, _ = convert.Int(m["voters"])
	ahead, err1 := convert.Float(m["offset"])
	wrong, err2 := convert.Float(m["offset_error"])
	if err1 == nil && err2 == nil {
		h.Clock = clock{
			Asked:  true,
			Offset: time.Duration(ahead * float64(time.Second)),
			Error:  time.Duration(wrong * float64(time.Second)),
		}
	}
	list, _ := m["checks"].([]any)
	for _, item := range list {
		c, ok := item.(map[string]any)
		if !ok {
			continue
		}
		r := checkRow{
			Name:   text(c, "name"),
			Status: checkStatus(text(c, "status")),
			Found:  text(c, "found"),
			Wanted: text(c, "wanted"),
			Fix:    text(c, "fix"),
			Peer:   text(c, "peer"),
		}
		h.Checks = append(h.Checks, r)
	}
	return h
}
