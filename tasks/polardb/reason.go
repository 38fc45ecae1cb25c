package polardb

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

// logEntry is one message of the engine: its level and text, and the HINT, DETAIL and CONTEXT that came with it. A message of
// another program (a shell, the dynamic linker) has no level.
type logEntry struct {
	Level, Text string
	More        []logEntry
}

func (e logEntry) String() string {
	s := e.Text
	if e.Level != "" {
		s = e.Level + ": " + s
	}
	for _, m := range e.More {
		s += "; " + m.Level + ": " + m.Text
	}
	return s
}

func (e logEntry) more(level string) string {
	for _, m := range e.More {
		if m.Level == level {
			return m.Text
		}
	}
	return ""
}

// The level stands behind a prefix that log_line_prefix chooses, and before two blanks (elog.c, send_message_to_server_log),
// which journald takes away at the end of a line.
var logLevel = regexp.MustCompile(`(?:^|[^A-Za-z0-9_"])` +
	`(DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|QUERY|STATEMENT|LOCATION|BACKTRACE)` +
	`:(?:  (.*))?$`)

// parseLog splits a server's log into messages, without backtraces.
func parseLog(text string) []logEntry {
	var list []logEntry
	trace := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		m := logLevel.FindStringSubmatch(line)
		switch {
		case m == nil && strings.HasPrefix(line, "\t") && len(list) > 0:
			if last := &list[len(list)-1]; !trace && len(last.More) == 0 {
				last.Text += " " + strings.TrimSpace(line)
			}
		case m == nil && trace && strings.HasSuffix(line, "]") && strings.Contains(line, "[0x"):
			// An old journald removes the tab.
		case m == nil:
			if trace = false; strings.TrimSpace(line) != "" {
				list = append(list, logEntry{Text: strings.TrimSpace(line)})
			}
		case m[1] == "BACKTRACE" || m[1] == "LOCATION" || m[1] == "QUERY" || m[1] == "STATEMENT":
			trace = true
		case m[1] == "DETAIL" || m[1] == "HINT" || m[1] == "CONTEXT":
			if trace = false; len(list) > 0 {
				last := &list[len(list)-1]
				last.More = append(last.More, logEntry{Level: m[1], Text: strings.TrimSpace(m[2])})
			}
		default:
			trace = false
			list = append(list, logEntry{Level: m[1], Text: strings.TrimSpace(m[2])})
		}
	}
	return list
}

var (
	// FATAL messages about clients that connect too early, and about the server's own shutdown.
	noReason = regexp.MustCompile(`^(the database system is |terminating |no pg_hba\.conf entry|password authentication failed|` +
		`could not receive data from WAL stream|connection to client lost)`)
	// Messages before a FATAL that gives no reason itself.
	wrongBefore = regexp.MustCompile(`^(unrecognized configuration parameter|invalid value for parameter|syntax error in file|` +
		`parameter "|could not (bind|resolve|translate|open configuration file)|` +
		`.* is outside the valid range for parameter|.* in file ".*" line \d+)`)
	// Messages that may be the reason when nothing was fatal.
	wrongPerhaps = regexp.MustCompile(`^(could not |[Ff]ail(ed)? )`)
	// Messages of a shell, systemd and the engine's tools that are never the reason.
	aroundIt = regexp.MustCompile(`^(Aborted|Started |Starting |Stopped |Stopping |Failed to start |` +
		`The files belonging|This user must|\S+\.service: |initdb: removing |pg_ctl: )|core dumped`)
)

// reasons returns the messages that tell why a server did not start or did not stay up, the gravest first. It returns at most
// four, without duplicates.
func reasons(text string) []logEntry {
	var grave, before, perhaps, other []logEntry
	add := func(to *[]logEntry, e logEntry) {
		if !slices.ContainsFunc(*to, func(have logEntry) bool { return have.Text == e.Text }) {
			*to = append(*to, e)
		}
	}
	for _, e := range parseLog(text) {
		switch {
		case (e.Level == "FATAL" || e.Level == "PANIC") && !noReason.MatchString(e.Text):
			add(&grave, e)
		case optional.MatchString(e.Text):
		case e.Level != "" && (wrongBefore.MatchString(e.Text) || strings.Contains(e.more("CONTEXT"), "configuration file")):
			add(&before, e)
		case e.Level != "" && wrongPerhaps.MatchString(e.Text):
			add(&perhaps, e)
		case e.Level == "" && !aroundIt.MatchString(e.Text):
			add(&other, e)
		}
	}
	if len(grave) > 2 {
		// The first one ended the server; when the server starts over and over, the last one is the current reason.
		grave = []logEntry{grave[0], grave[len(grave)-1]}
	}
	list := slices.Concat(grave, before)
	if len(grave) == 0 {
		list = append(list, other[max(0, len(other)-3):]...)
		list = append(list, perhaps[max(0, len(perhaps)-3):]...)
	}
	return list[:min(len(list), 4)]
}

// optional matches messages about libraries of the engine that a package may lack: the engine runs without them.
var optional = regexp.MustCompile(`^could not access file "polar_`)

// startAdvice returns what to do about a reason; empty when that is not known.
func startAdvice(reason string) string {
	for _, a := range []struct{ like, advice string }{
		{`could not map anonymous shared memory|could not create shared memory segment`,
			"lower shared_buffers (polardb_settings), or give the host more memory or huge pages (vm.nr_hugepages); " +
				"then polarbook run reconfigure.yml, which writes the files and starts the server"},
		{`postmaster\.pid" already exists`,
			"when that process is not a server of this directory, " +
				"a crash left postmaster.pid behind and another process has the number now: remove the file and start again"},
		{`could not bind|TCP/IP sockets|Address already in use`, "another process has the port: ss -ltnp"},
		{`No space left on device|Disk quota exceeded`, "the disk is full: free some space, and start again"},
		{`cannot open shared object file|could not load library|could not access file`, "a library is missing: polarbook run check.yml names it"},
		{`[Pp]ermission denied|invalid permissions|wrong ownership`,
			"the files and directories must belong to the engine's account, PGDATA with mode 0700"},
		{`contains errors|could not load pg_hba\.conf|configuration file|must be less than max_connections|` +
			`wal_level|lower setting than|"m(in|ax)_wal_size" must`,
			"correct it in the inventory (polardb_settings, polardb_dma_settings, polardb_hba); " +
				"then polarbook run reconfigure.yml, which writes the files and starts the server"},
		{`[Tt]oo many open files|insufficient file descriptors`, "polardb_nofile is too low, or another limit of the unit"},
	} {
		if regexp.MustCompile(a.like).MatchString(reason) {
			return a.advice
		}
	}
	return ""
}

// startReport is what a script wrote about a start that failed, in sections that begin with "@@".
type startReport struct {
	what   string // the script's own finding
	log    string // what the server wrote since the start began
	unit   map[string]string
	holder string // the process with the number in postmaster.pid, when it is not a server of this directory
	full   string // the directories on full disks
}

func parseStartReport(stderr string) startReport {
	r := startReport{unit: map[string]string{}}
	section := ""
	for line := range strings.Lines(stderr) {
		text := strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(text, "@@"); ok {
			section = name
			continue
		}
		switch section {
		case "":
			r.what += line
		case "log":
			r.log += line
		case "unit":
			if k, v, ok := strings.Cut(text, "="); ok {
				r.unit[k] = v
			}
		case "holder":
			r.holder = text
		case "full":
			r.full = strings.TrimSpace(r.full + " " + text)
		}
	}
	r.what = lastLine(r.what)
	return r
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[strings.LastIndex(s, "\n")+1:])
}

// failure returns the report as an error: first the reason in the engine's words, then what was seen from outside.
func (r startReport) failure() *tasks.Failure {
	var said []string
	list := reasons(r.log)
	for _, e := range list {
		said = append(said, e.String())
	}
	unit := r.unitEnd(len(list) > 0)
	for _, s := range []string{unit, r.holder} {
		if s != "" {
			said = append(said, s)
		}
	}
	if r.full != "" {
		said = append(said, "no space left for "+r.full)
	}
	if r.what != "" {
		said = append(said, r.what)
	}
	f := &tasks.Failure{Msg: strings.Join(said, "; ")}
	if f.Hint = startAdvice(f.Msg); f.Hint == "" && unit != "" {
		f.Hint = "a limit of the unit or the host ended it: see systemctl cat and the unit's drop-ins"
	}
	return f
}

// unitEnd returns how systemd saw the server end; empty when it just exited and the reason is known.
func (r startReport) unitEnd(known bool) string {
	status, _ := strconv.Atoi(r.unit["ExecMainStatus"])
	switch result := r.unit["Result"]; {
	case result == "oom-kill":
		return "it was killed because memory ran out: the host's, or MemoryMax of the unit"
	case result == "timeout":
		return "a time limit of the unit ended it (RuntimeMaxSec, TimeoutStartSec)"
	case result == "watchdog" || result == "start-limit-hit" || result == "resources" || result == "protocol":
		return "systemd reports: " + result
	case (result == "signal" || result == "core-dump") && (!known || status == 9 || status == 24 || status == 25):
		what := fmt.Sprintf("it was ended by signal %d", status)
		switch status {
		case 9:
			what += " (SIGKILL): by somebody, or because memory ran out"
		case 24:
			what += " (SIGXCPU): LimitCPU of the unit"
		case 25:
			what += " (SIGXFSZ): LimitFSIZE of the unit"
		}
		return what
	case result == "exit-code" && !known && status >= 200 && status < 250:
		return fmt.Sprintf("systemd could not run it (status %d; see systemd.exec)", status)
	case result == "exit-code" && !known:
		return fmt.Sprintf("it ended with exit status %d", status)
	}
	return ""
}
