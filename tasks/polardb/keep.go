package polardb

import (
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type keepArgs struct {
	NodeArgs
	TLS   string `arg:"tls" doc:"the directory, which belongs to root, with the host's certificate and trusted CAs; they are kept too"`
	State string `arg:"state,required" choices:"kept restored forgotten" doc:"kept: keep the present files, unless older ones are kept; restored: put them back; forgotten: remove them"`
}

var keepModule = tasks.Define(tasks.Module{
	Name:    "polardb_keep",
	Summary: "Keep a node's configuration files while they are changed, and put them back",
	Notes: []string{
		"Keeps postgresql.conf, polar_dma.conf, pg_hba.conf and postgresql.auto.conf, and the certificate in tls, " +
			"under /var/lib/polarbook, where only root can write. After a run that was killed in between, the oldest files stay kept.",
	},
	Examples: `- polardb_keep:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    state: kept
`,
}, func(a *keepArgs, _ tasks.Local) (tasks.Action, error) { return &keepAction{a}, a.Check() })

type keepAction struct{ args *keepArgs }

func (k *keepAction) Probe() string {
	return k.args.script("polardb_keep_look", nil)
}

func (k *keepAction) Plan(f tasks.Found) (tasks.Plan, error) {
	a := k.args
	var found struct {
		Kept   bool `answer:"kept"`
		Former bool `answer:"former"`
	}
	if err := script.Decode(f.Stdout, &found); err != nil {
		return tasks.Plan{}, err
	}
	tls := script.Values{"TLS": a.TLS}
	switch {
	case a.State == "kept" && !found.Kept:
		return tasks.Plan{Change: true, Msg: "keep the configuration files", Script: a.script("polardb_keep", tls)}, nil
	case a.State == "restored" && !found.Kept:
		return tasks.Plan{}, &tasks.Failure{Msg: a.kept() + " does not exist: there are no kept files to put back"}
	case a.State == "restored":
		return tasks.Plan{Change: true, Event: true, Msg: "put the kept files back", Script: a.script("polardb_keep_restore", tls)}, nil
	case a.State == "forgotten" && (found.Kept || found.Former):
		return tasks.Plan{Change: true, Msg: "remove the kept files", Script: a.script("polardb_keep_forget", nil)}, nil
	}
	return tasks.Plan{Msg: "nothing to do"}, nil
}
