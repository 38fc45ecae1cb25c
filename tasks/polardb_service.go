package tasks

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type serviceArgs struct {
	nodeArgs
	Unit    string `arg:"unit,required" alias:"name" doc:"the systemd unit that runs the engine"`
	State   string `arg:"state" default:"started" choices:"started stopped restarted reloaded" doc:"what the server should be"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds until it must be up, or down"`
	Settle  int    `arg:"settle" default:"3" doc:"seconds that a started server which lets nobody in must stay up without starting over"`
}

var polardbServiceModule = Define(Module{
	Name:    "polardb_service",
	Summary: "Start, stop, restart or reload a node's server, and see that it did",
	Notes: []string{
		"pg_ctl and systemd report success as soon as the first process stands. Started means here: the server lives, listens on its client and its consensus port, and lets clients in, or does not start over within settle seconds.",
		"A start that fails leaves the unit stopped, whatever its Restart= says, and a server that was stopped stays so: a start that systemd has in hand is called off.",
		"It does not mean that anybody can connect: a node that was never added to the cluster refuses every connection. See polardb_wait and polardb_member.",
	},
	Returns: []Return{{"pid", "int", "the server's process, 0 when stopped"}},
	Examples: `- polardb_service:
    unit: polardb-demo
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    state: started
`,
}, func(a *serviceArgs, _ Local) (Action, error) {
	if !isUnitName(a.Unit) {
		return nil, &ArgError{Module: "polardb_service", Arg: "unit", Problem: fmt.Sprintf("must be a unit's name, not %q", a.Unit)}
	}
	return &serviceAction{a}, a.check()
})

type serviceAction struct{ args *serviceArgs }

// Probe also asks what systemd is about to do: a server that has ended may be started again in a moment.
func (s *serviceAction) Probe() string {
	return "systemctl show -p SubState " + remote.Quote(s.args.Unit) + " 2>/dev/null | sed -n 's/^SubState=/unit.sub=/p'\n" + s.args.probe()
}

// Explain says why the server did not start, in the engine's own words.
func (s *serviceAction) Explain(r remote.Result) error {
	return parseStartReport(string(r.Stderr)).failure()
}

func (s *serviceAction) Plan(f Found) (Plan, error) {
	a := s.args
	n, err := parseNode(f)
	if err != nil {
		return Plan{}, err
	}
	values := map[string]any{"pid": n.PID}
	due := strings.Contains("\n"+string(f.Stdout), "\nunit.sub=auto-restart")
	up := n.PID != 0 && n.ListensClient && n.ListensConsensus
	switch {
	case a.State == "stopped" && n.PID == 0 && due:
		return Plan{Change: true, Msg: "call off the start of the server that systemd has in hand", Script: a.prelude() + serviceStop, Values: values}, nil
	case a.State == "stopped" && n.PID == 0:
		return Plan{Msg: "the server does not run", Values: values}, nil
	case a.State == "stopped":
		return Plan{Change: true, Msg: "stop the server", Script: a.prelude() + serviceStop, Values: values}, nil
	case a.State == "reloaded" && n.PID == 0:
		// What a killed run still owed: since then the data was removed, or the server stopped. It reads its files when it starts.
		return Plan{Msg: "the server does not run: it reads its files when it is started", Values: values}, nil
	case n.Postgres == "" || !n.Control || n.Version == "":
		return Plan{Change: true, Unknown: n.lacks(&a.nodeArgs), Msg: a.State}, nil
	case a.State == "started" && up:
		return Plan{Msg: "the server runs", Values: values}, nil
	case a.State == "reloaded" && n.PID != 0:
		// As the engine's account, which wrote the number.
		return Plan{Change: true, Event: true, Msg: "reload the configuration", Script: a.prelude() + a.as(fmt.Sprintf("sh -c 'kill -HUP %d'", n.PID)), Values: values}, nil
	case n.PID == 0 && (n.ListensClient || n.ListensConsensus):
		port := a.Port
		if !n.ListensClient {
			port += 10000
		}
		return Plan{}, &Failure{Msg: fmt.Sprintf("port %d is taken by another process, and this node's server does not run", port),
			Hint: fmt.Sprintf("see who it is with: ss -ltnp 'sport = :%d'", port)}
	case a.State == "started" && n.PID != 0:
		// It lives and does not listen: it is on its way up, or starts over and over.
		return Plan{Change: true, Msg: "wait for the server to listen", Script: a.prelude() + serviceProve, Values: values}, nil
	case a.State == "restarted" && n.PID != 0:
		// A run that is gone between the stop and the start must leave no node that nobody starts: the next one could not
		// spare another.
		return Plan{Change: true, Event: true, Msg: "restart the server", Script: a.prelude() + serviceStop + serviceStart + serviceProve, Values: values, Uncut: "restart the server"}, nil
	}
	return Plan{Change: true, Event: a.State != "started", Msg: "start the server", Script: a.prelude() + serviceStart + serviceProve, Values: values}, nil
}

// lacks says what a server cannot be run without.
func (s nodeState) lacks(a *nodeArgs) string {
	var all []string
	for _, part := range []struct {
		there bool
		what  string
	}{
		{s.Postgres != "", "the engine (" + a.Home + "/current/bin/postgres)"},
		{s.Version != "", "the node's own directory (" + a.Pgdata + "/PG_VERSION)"},
		{s.Control, "its data (" + a.Polardata + "/global/pg_control)"},
	} {
		if !part.there {
			all = append(all, part.what)
		}
	}
	return "there is no server to be run here: the host lacks " + strings.Join(all, " and ")
}

// prelude defines what the scripts below use. Only what came after BEFORE, the sizes of the newest log files, is read, and
// of the journal what came after CURSOR. Time is the host's uptime, because one turn of a loop takes as long as the host
// is busy, and its clock may jump.
func (a *serviceArgs) prelude() string {
	return strings.NewReplacer("@PGDATA@", remote.Quote(a.Pgdata), "@POLARDATA@", remote.Quote(a.Polardata), "@LOGS@", a.logs(), "@UNIT@", remote.Quote(a.Unit), "@TIMEOUT@", fmt.Sprint(a.Timeout), "@SETTLE@", fmt.Sprint(a.Settle),
		"@CLIENT@", fmt.Sprintf("%04X", a.Port), "@CONSENSUS@", fmt.Sprintf("%04X", a.Port+10000), "@PORT@", fmt.Sprint(a.Port),
		"@ANSWERS@", a.as(fmt.Sprintf("pg_isready -q -t 2 -h 127.0.0.1 -p %d", a.Port)), "@STOP@", a.as(fmt.Sprintf(`timeout %d pg_ctl -D "$PGDATA" stop -m fast -t %d`, a.Timeout+30, a.Timeout)),
	).Replace(script.TCPTables + `set -e
export PGDATA=@PGDATA@
UNIT=@UNIT@ TIMEOUT=@TIMEOUT@ SETTLE=@SETTLE@
cd /
alive() {
	pid=
	{ read -r pid || :; } 2>/dev/null <"$PGDATA/postmaster.pid" || :
	case $pid in ''|*[!0-9]*) return 1 ;; esac
	[ "/proc/$pid/cwd" -ef "$PGDATA" ]
}
listens() {
	awk '$4 == "0A" { sub(/.*:/, "", $2); if ($2 == "@CLIENT@") c = 1; if ($2 == "@CONSENSUS@") d = 1 } END { exit !(c && d) }' $tcp
}
sizes() { @LOGS@ sizes; }
news() { printf '%s' "$BEFORE" | @LOGS@ news; }
restarts() { news | grep -c -e 'all server processes terminated; reinitializing' || :; }
clock() { read -r now rest </proc/uptime; now=${now%%.*}; }
# In hundredths of a second.
finely() { read -r now rest </proc/uptime; now=${now%.*}${now#*.}; }
answers() { @ANSWERS@ >/dev/null 2>&1; }
have() { command -v "$1" >/dev/null 2>&1; }
# What the unit's processes wrote before the collector of the log took over. Of a start that was not ours, what systemd counts to it.
journal() {
	have journalctl || return 0
	journalctl --sync 2>/dev/null || sleep 0.3
	if [ -n "$CURSOR" ]; then set -- --cursor="$CURSOR" _SYSTEMD_UNIT="${UNIT%.service}.service"
	else
		run=$(systemctl show -p InvocationID "$UNIT" 2>/dev/null) run=${run#*=}
		[ -n "$run" ] || return 0
		set -- _SYSTEMD_INVOCATION_ID="$run"
	fi
	journalctl -q --no-pager -o cat "$@" 2>/dev/null | tail -n 500
}
explain() {
	{
		echo @@log; journal; news
		echo; echo @@unit; systemctl show -p Result -p ExecMainCode -p ExecMainStatus "$UNIT" 2>/dev/null
		echo @@holder
		if ! alive && [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
			{ read -r comm || :; } 2>/dev/null <"/proc/$pid/comm" || :
			echo "postmaster.pid names the process $pid, which is no server of this directory but $comm of $(stat -c %U "/proc/$pid" 2>/dev/null)"
		fi
		echo @@full
		for d in "$PGDATA" @POLARDATA@; do df -Pk "$d" 2>/dev/null | awk -v d="$d" 'NR == 2 && $4 < 64 { print d }'; done
	} >&2 || :
}
# A start that failed is not tried again behind the back of whoever mends it.
give_up() {
	explain
	if ! alive; then systemctl stop "$UNIT" 2>/dev/null || :; fi
	exit 1
}
stop() { @STOP@ >/dev/null; }
PORTS='@PORT@ and its consensus port'
`)
}

const serviceStop = `
systemctl stop "$UNIT" || :
if alive; then stop; fi
clock; end=$((now+TIMEOUT))
while alive; do
	clock; if [ $now -ge $end ]; then echo "the server (process $pid) still runs $TIMEOUT s after it was told to stop" >&2; exit 1; fi
	sleep 0.1
done
`

const serviceStart = `
BEFORE=$(sizes)
# An entry of our own: what follows a cursor is found by its unit only when the entry at the cursor is of another.
echo "polarbook starts $UNIT" | systemd-cat -t polarbook 2>/dev/null || :
journalctl --sync 2>/dev/null || sleep 0.3
CURSOR=$(journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p') || :
systemctl reset-failed "$UNIT" 2>/dev/null || :
if ! systemctl start "$UNIT"; then give_up; fi
`

// A server that cannot use its consensus meta or port lives and starts over about every second, for ever. One that lets
// clients in has come past that; one that was not added to its cluster yet lets nobody in, and is watched.
const serviceProve = `
: "${BEFORE:=$(sizes)}"
clock; began=$now looked=$now
until alive && listens; do
	clock; waited=$((now-began))
	if [ $waited -ge $TIMEOUT ] || { [ $waited -ge 3 ] && ! systemctl -q is-active "$UNIT"; }; then
		if alive; then echo "the server lives (process $pid) and does not listen on $PORTS after $waited s" >&2; else echo "the server ended right after it was started" >&2; fi
		give_up
	fi
	if [ $now -ge $((looked+3)) ]; then
		looked=$now
		if [ "$(restarts)" -gt 2 ]; then echo "the server starts over and over" >&2; give_up; fi
	fi
	sleep 0.1
done
finely; began=$now
while finely; [ $((now-began)) -lt $((SETTLE*100)) ] && ! answers; do
	sleep 0.2
	if ! alive; then finely; echo "the server ended $(((now-began+50)/100)) s after it was started" >&2; give_up; fi
done
if [ "$(restarts)" -gt 1 ]; then echo "the server starts over and over" >&2; give_up; fi
`
