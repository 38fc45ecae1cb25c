package polardb

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type serviceArgs struct {
	NodeArgs
	Unit    string `arg:"unit,required" alias:"name" doc:"the systemd unit that runs the engine"`
	State   string `arg:"state" default:"started" choices:"started stopped restarted reloaded" doc:"the state that the server should have"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds until the server must be up, or down"`
	Settle  int    `arg:"settle" default:"3" doc:"seconds for which a server that accepts no clients yet must not start over"`
}

var serviceModule = tasks.Define(tasks.Module{
	Name:    "polardb_service",
	Summary: "Start, stop, restart or reload a node's server, and prove the new state",
	Notes: []string{
		"pg_ctl and systemd report success as soon as the first process exists. Here started means that the server runs, " +
			"listens on its client and consensus ports, and accepts clients or does not start over within settle seconds.",
		"A start that fails leaves the unit stopped, whatever its Restart= says, and a stopped server stays stopped: " +
			"a restart that systemd has scheduled is cancelled.",
		"Started does not mean that clients can connect: a node that was never added to the cluster refuses every connection. " +
			"See polardb_wait and polardb_member.",
	},
	Returns: []tasks.Return{{Name: "pid", Type: "int", Doc: "the server's process, 0 when stopped"}},
	Examples: `- polardb_service:
    unit: polardb-demo
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    state: started
`,
}, func(a *serviceArgs, _ tasks.Local) (tasks.Action, error) {
	if !script.IsUnitName(a.Unit) {
		return nil, &tasks.ArgError{Module: "polardb_service", Arg: "unit", Problem: fmt.Sprintf("must be a unit's name, not %q", a.Unit)}
	}
	return &serviceAction{a}, a.Check()
})

type serviceAction struct{ args *serviceArgs }

// Probe also asks for the unit's state, because systemd may be about to start a server that has ended.
func (s *serviceAction) Probe() string {
	return s.args.script("polardb_service", script.Values{"UNIT": s.args.Unit})
}

// Explain returns why the server did not start, in the engine's own words.
func (s *serviceAction) Explain(r remote.Result) error {
	return parseStartReport(string(r.Stderr)).failure()
}

func (s *serviceAction) Plan(f tasks.Found) (tasks.Plan, error) {
	a := s.args
	n, err := ParseNode(f)
	if err != nil {
		return tasks.Plan{}, err
	}
	values := map[string]any{"pid": n.PID}
	due := n.UnitSub == "auto-restart"
	up := n.PID != 0 && n.ListensClient && n.ListensConsensus
	switch {
	case a.State == "stopped" && n.PID == 0 && due:
		return tasks.Plan{
			Change: true,
			Msg:    "cancel the restart of the server that systemd has scheduled",
			Script: a.change("_stop"),
			Values: values,
		}, nil
	case a.State == "stopped" && n.PID == 0:
		return tasks.Plan{Msg: "the server does not run", Values: values}, nil
	case a.State == "stopped":
		return tasks.Plan{Change: true, Msg: "stop the server", Script: a.change("_stop"), Values: values}, nil
	case a.State == "reloaded" && n.PID == 0:
		// A killed run left this reload pending, and since then the server was stopped or its data removed. It reads its files when
		// it starts.
		return tasks.Plan{Msg: "the server does not run: it reads its files when it starts", Values: values}, nil
	case n.Postgres == "" || !n.Control || n.Version == "":
		return tasks.Plan{Change: true, Unknown: n.lacks(&a.NodeArgs), Msg: a.State}, nil
	case a.State == "started" && up:
		return tasks.Plan{Msg: "the server runs", Values: values}, nil
	case a.State == "reloaded" && n.PID != 0:
		// As the engine's account, which wrote the process id.
		return tasks.Plan{Change: true, Event: true, Msg: "reload the configuration", Script: a.reload(n.PID), Values: values}, nil
	case n.PID == 0 && (n.ListensClient || n.ListensConsensus):
		port := a.Port
		if !n.ListensClient {
			port = dma.ConsensusPort(a.Port)
		}
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("port %d is taken by another process, and this node's server does not run", port),
			Hint: fmt.Sprintf("find it: ss -ltnp 'sport = :%d'", port),
		}
	case a.State == "started" && n.PID != 0:
		// The process runs but does not listen: it is still starting, or starts over and over.
		return tasks.Plan{Change: true, Msg: "wait for the server to listen", Script: a.change("_prove"), Values: values}, nil
	case a.State == "restarted" && n.PID != 0:
		// The stop and the start are one step that is not cut: a run that dies in between would leave a node down, and the next
		// run could not restart another one.
		return tasks.Plan{
			Change: true,
			Event:  true,
			Msg:    "restart the server",
			Script: a.change("_restart"),
			Values: values,
			Uncut:  "restart the server",
		}, nil
	}
	return tasks.Plan{Change: true, Event: a.State != "started", Msg: "start the server", Script: a.change("_up"), Values: values}, nil
}

// lacks names the missing parts without which a server cannot run.
func (s NodeState) lacks(a *NodeArgs) string {
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
	return "there is no server to run here: the host lacks " + strings.Join(all, " and ")
}

// change returns one of the scripts polardb_server_*, or with "" the functions that they share.
func (a *serviceArgs) change(what string) string {
	return a.script("polardb_server"+what, a.about(what))
}

// about returns the values that such a script takes.
func (a *serviceArgs) about(what string) script.Values {
	all := script.Values{
		"UNIT":    a.Unit,
		"TIMEOUT": a.Timeout,
		"SETTLE":  a.Settle,
		"PORT":    a.Port,
		"LOGS":    scripts.Text("polardb_log_files"),
	}
	return all.For(scripts, "polardb_server"+what)
}

func (a *serviceArgs) reload(pid int) string {
	v := a.about("_reload")
	v["PID"] = pid
	return a.script("polardb_server_reload", v)
}
