package tasks

import "testing"

func TestBackupPlan(t *testing.T) {
	for name, c := range map[string]struct{ found, want string }{
		"nothing there":      {"tool=polar_basebackup", "take a base backup of the leader into /backup/a"},
		"an empty directory": {"kind=directory\ntool=polar_basebackup", "take a base backup"},
		"a finished one":     {"kind=directory\nholds=pgdata\nnote.cluster=demo\nnote.state=finished\ntool=polar_basebackup", ""},
		"one begun":          {"kind=directory\nholds=pgdata\nnote.cluster=demo\nnote.state=begun\ntool=polar_basebackup", "empty /backup/a"},
		"another cluster's":  {"kind=directory\nholds=pgdata\nnote.cluster=other\nnote.state=begun\ntool=polar_basebackup", "refuse: not empty"},
		"somebody's files":   {"kind=directory\nholds=letters\ntool=polar_basebackup", "refuse: /backup/a is not empty: letters"},
		"a file":             {"kind=file", "refuse: is a file"},
		"no engine":          {"", "unknown: not installed"},
	} {
		a := &backupAction{args: &backupArgs{To: "/backup/a", Home: "/opt/polardb", Cluster: "demo"}}
		f := Found{}
		f.Stdout = []byte(c.found)
		p, err := a.Plan(f)
		checkPlan(t, name, c.want, p, err)
	}
}

func TestSetPlan(t *testing.T) {
	for name, c := range map[string]struct{ set, value, want string }{
		"another value": {"polar_dma_delay_election", "on", "polar_dma_delay_election off -> on"},
		"the same":      {"polar_dma_delay_election", "no", ""},
		"a restart":     {"max_connections", "200", "refuse: without a restart"},
		"unknown":       {"nosuch", "1", "refuse: shows no setting nosuch"},
	} {
		a := &setAction{look: settingsAction{wanted: map[string]string{c.set: c.value}}}
		p, err := a.Plan(Found{Value: running()})
		checkPlan(t, name, c.want, p, err)
	}
}
