package polardb

import (
	"errors"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
)

// planArgs are a node's arguments as plans are tested with; probeText is what its probe printed.
var planArgs = NodeArgs{Pgdata: "/d/pgdata", Polardata: "/d/polardata", Home: "/opt/polardb", User: "polardb", Port: 5432, Cluster: "demo"}

func probeText(lines ...string) tasks.Found {
	return tasks.Found{Result: remote.Result{Stdout: []byte(strings.Join(append(lines, "end=yes"), "\n"))}}
}

const marked = "marker=yes\nmarker.cluster=demo\nmarker.pgdata=/d/pgdata\nmarker.polardata=/d/polardata\nmarker.origin="

var (
	bareNode    = "pgdata=absent\npolardata=empty"
	engineThere = "postgres=/opt/polardb/current/bin/postgres\nbasebackup=/opt/polardb/current/bin/polar_basebackup"
	wholeCopy   = marked + "basebackup\nmarker.step=data\nmarker.id=a1\nid=a1\npgdata=filled\npolardata=filled\nversion=11\ncontrol=yes\n" + engineThere
	wholeInit   = marked + "initdb\nmarker.step=data\nmarker.id=a1\nid=a1\npgdata=filled\npolardata=filled\nversion=11\ncontrol=yes\n" + engineThere
	halfCopy    = marked + "basebackup\nmarker.step=basebackup\npgdata=filled\npolardata=filled\nversion=11\n" + engineThere
	somebodys   = "pgdata=filled\npgdata.first=base global\npolardata=absent\nversion=11\n" + engineThere
)

// checkPlan compares a plan with what is wanted: "" for nothing to do, "refuse: …", "unknown: …" or a part of the message.
func checkPlan(t *testing.T, name, want string, p tasks.Plan, err error) {
	t.Helper()
	got := ""
	switch {
	case err != nil:
		got = "refuse: " + err.Error()
	case p.Unknown != "":
		got = "unknown: " + p.Unknown
	case p.Change:
		got = p.Msg
	}
	kind, text, ok := strings.Cut(want, ": ")
	if want == "" && got != "" || want != "" && !(ok && strings.HasPrefix(got, kind+": ") && strings.Contains(got, text) || strings.Contains(got, want)) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

func TestInitdbPlan(t *testing.T) {
	for name, c := range map[string]struct{ probe, want string }{
		"bare":              {bareNode + "\n" + engineThere, "initialise /d/pgdata and /d/polardata"},
		"no engine yet":     {bareNode, "unknown: not installed"},
		"begun, unfinished": {halfCopy, "empty /d/pgdata and /d/polardata, which polarbook began"},
		"done":              {wholeInit, ""},
		"somebody else's":   {somebodys, "refuse: did not begin"},
	} {
		a := &initdbAction{&initdbArgs{NodeArgs: planArgs, Superuser: "polardb", Password: "very-secret", Timeout: 60}}
		p, err := a.Plan(probeText(c.probe))
		checkPlan(t, name, c.want, p, err)
		if strings.Contains(p.Script, "very-secret") {
			t.Errorf("%s: the password is in the script, and so on an argv", name)
		}
		if p.Change && p.Unknown == "" {
			lines := strings.Split(string(p.Stdin), "\n")
			_, rest, ok := strings.Cut(lines[1], `alter role "polardb" password '`)
			if !ok || len(lines[0]) != 32 || !dma.PasswordFits(strings.TrimSuffix(rest, "'"), "polardb", "very-secret") || strings.Contains(string(p.Stdin), "very-secret") {
				t.Errorf("%s: what goes to the host is %q", name, p.Stdin)
			}
		}
	}
}

func TestBasebackupPlan(t *testing.T) {
	for name, c := range map[string]struct{ probe, want string }{
		"bare":            {bareNode + "\n" + engineThere, "copy the leader into /d/pgdata"},
		"no engine yet":   {bareNode, "unknown: not installed"},
		"a half-done one": {halfCopy, "empty /d/pgdata and /d/polardata, which polarbook began and did not finish (basebackup)"},
		"done":            {wholeCopy, ""},
		"somebody else's": {somebodys, "refuse: did not begin"},
	} {
		a := &basebackupAction{args: &basebackupArgs{NodeArgs: planArgs}}
		p, err := a.Plan(probeText(c.probe))
		checkPlan(t, name, c.want, p, err)
	}
}

func TestMetaPlan(t *testing.T) {
	self := dma.Address{Host: "10.0.0.2", Port: 5432}
	member := "\nmeta=yes\nmeta.members=10.0.0.1:15432#5N;10.0.0.2:15432#5N@2"
	alone := "\nmeta=yes\nmeta.members=10.0.0.2:15432@1"
	leaders := "\nmeta=yes\nmeta.members=10.0.0.1:15432#5N;10.0.0.2:15432#5N@1"
	learner := "\nmeta=yes\nmeta.learners=10.0.0.2:15432"
	// A learner that was added lists itself as a member too, without an index.
	started := "\nmeta=yes\nmeta.members=10.0.0.2:15432#5N\npid=42"
	added := "\nmeta=yes\nmeta.members=10.0.0.2:15432#5N\nmeta.learners=10.0.0.2:15432$00"
	for name, c := range map[string]struct {
		founder, alone, listed bool
		unknown, start, leader string
		logger                 bool
		probe, want            string
	}{
		"a founder without meta":                    {founder: true, probe: wholeInit, want: "found the cluster with 10.0.0.2:15432"},
		"a founder with its meta":                   {founder: true, probe: wholeInit + alone},
		"a founder's meta is never made twice":      {founder: true, probe: wholeInit + member},
		"a founder with another's meta":             {founder: true, probe: wholeInit + leaders, want: "refuse: would make a second cluster"},
		"a copy cannot found":                       {founder: true, probe: wholeCopy, want: "refuse: is a copy"},
		"no data":                                   {probe: bareNode + "\n" + engineThere, want: "unknown: not there yet"},
		"a fresh logger":                            {probe: wholeInit, want: "initialise the meta of a learner"},
		"a logger begins where the leader is":       {logger: true, start: "7:1:0/17337B08", probe: wholeInit, want: "initialise the meta of a learner"},
		"a logger, and nobody to ask":               {logger: true, unknown: "no leader", probe: wholeInit, want: "unknown: asked of the leader: no leader"},
		"a logger that is a member":                 {logger: true, listed: true, probe: wholeInit + member},
		"a copy has the leader's meta":              {probe: wholeCopy + leaders, want: "initialise the meta of a learner"},
		"a copy of the leader, its learners listed": {probe: wholeCopy + leaders + "\nmeta.learners=10.0.0.2:15432$00", want: "initialise the meta of a learner"},
		"a learner, to be added":                    {probe: wholeCopy + learner},
		"a learner that runs, to be added":          {probe: wholeCopy + started},
		"an added learner":                          {probe: wholeCopy + added},
		"a member":                                  {probe: wholeCopy + member, listed: true},
		"a member that was dropped":                 {probe: strings.Replace(wholeCopy, "step=data", "step=dropped", 1) + member, want: "dropped from the cluster"},
		"a voter that the cluster gave up":          {probe: wholeCopy + member, want: "refuse: its data may differ from the cluster's (build it anew: polarbook run rebuild-node.yml -e node=node2"},
		"a member, and nobody to ask":               {probe: wholeCopy + member, unknown: "no leader"},
		"a cluster of its own beside another":       {probe: wholeInit + alone, want: "refuse: build it anew"},
		"a voter that goes on alone":                {alone: true, probe: wholeCopy + member, want: "make the node the only voter that it knows"},
		"one that is the only voter":                {alone: true, leader: "node2", probe: wholeCopy + alone},
		"alone beside a leader":                     {alone: true, leader: "node1", probe: wholeCopy + member, want: "refuse: node1 leads, and is believed"},
		"a learner alone":                           {alone: true, probe: wholeCopy + learner, want: "refuse: is no voter with data"},
		"a logger alone":                            {alone: true, logger: true, probe: wholeInit + member, want: "refuse: is no voter with data"},
		"a copy of another, alone":                  {alone: true, probe: wholeCopy + leaders, want: "refuse: is no voter with data"},
	} {
		a := &metaAction{args: &metaArgs{NodeArgs: planArgs, Founder: c.founder, Alone: c.alone, Timeout: 30}}
		f := probeText(c.probe)
		f.Value = metaFound{Name: "node2", Self: self, Member: c.listed, Unknown: c.unknown, Logger: c.logger, Start: c.start, Leader: c.leader}
		p, err := a.Plan(f)
		checkPlan(t, name, c.want, p, err)
		if p.Script != "" && !(strings.Contains(p.Script, "TIMEOUT=30") && strings.Contains(p.Script, `timeout -k 10 "$TIMEOUT"`)) {
			t.Errorf("%s: the initialisation has no limit", name)
		}
		if p.Script != "" && strings.Contains(p.Script, "polar_dma_logger_start_point="+c.start) != c.logger {
			t.Errorf("%s: the script does not begin a logger's log where it should: %s", name, p.Script)
		}
		if p.Script != "" && strings.Contains(p.Script, "polar_dma_members_info") != (c.founder || c.alone) {
			t.Errorf("%s: it initialises the wrong kind of meta", name)
		}
		// Only this keeps the learners.
		if p.Script != "" && strings.Contains(p.Script, "MODE=polar_dma_sync_meta") != c.alone {
			t.Errorf("%s: it makes the meta anew, or does not: %s", name, p.Script)
		}
	}
}

func TestServicePlan(t *testing.T) {
	up := wholeInit + "\npid=42\nlistens.client=yes\nlistens.consensus=yes"
	for name, c := range map[string]struct{ state, probe, want string }{
		"up":                        {"started", up, ""},
		"down":                      {"started", wholeInit, "start the server"},
		"lives and does not listen": {"started", wholeInit + "\npid=42", "wait for the server to listen"},
		"the port is somebody's":    {"started", wholeInit + "\nlistens.client=yes", "refuse: port 5432 is taken by another process"},
		"the consensus port is":     {"started", wholeInit + "\nlistens.consensus=yes", "refuse: port 15432 is taken by another process"},
		"no data yet":               {"started", bareNode + "\n" + engineThere, "unknown: the host lacks the node's own directory"},
		"stop what is down":         {"stopped", wholeInit, ""},
		"stop what comes back":      {"stopped", "unit.sub=auto-restart\n" + wholeInit, "call off the start of the server that systemd has in hand"},
		"stop what failed":          {"stopped", "unit.sub=failed\n" + wholeInit, ""},
		"start what comes back":     {"started", "unit.sub=auto-restart\n" + wholeInit, "start the server"},
		"stop":                      {"stopped", up, "stop the server"},
		"restart":                   {"restarted", up, "restart the server"},
		"restart what is down":      {"restarted", wholeInit, "start the server"},
		"reload":                    {"reloaded", up, "reload the configuration"},
		"reload what is down":       {"reloaded", wholeInit, ""},
		"reload what is gone":       {"reloaded", bareNode + "\n" + engineThere, ""},
		"restart what is gone":      {"restarted", bareNode + "\n" + engineThere, "unknown: the host lacks the node's own directory"},
	} {
		a := &serviceAction{&serviceArgs{NodeArgs: planArgs, Unit: "polardb-demo", State: c.state, Timeout: 5, Settle: 1}}
		p, err := a.Plan(probeText(c.probe))
		checkPlan(t, name, c.want, p, err)
		if stops := c.want == "restart the server"; stops != (p.Uncut != "") {
			t.Errorf("%s: what must not be cut is %q", name, p.Uncut)
		}
	}
}

func TestRolePlan(t *testing.T) {
	yes := true
	stored := func(encryption, password string) string {
		hash, err := dma.PasswordHash(encryption, "replicator", password)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	md5, scram := stored(dma.MD5, "secret"), stored(dma.SCRAM, "secret")
	row := func(super, login, hash, encryption string) []string {
		return []string{super, login, "f", hash, encryption}
	}
	for name, c := range map[string]struct {
		row                []string
		err                error
		encryption, update string
		want               string
	}{
		"absent":                {nil, nil, "", "", "create role replicator: superuser login password (scram-sha-256)"},
		"absent, md5 wanted":    {nil, nil, dma.MD5, "", "create role replicator: superuser login password (md5)"},
		"as wanted":             {row("t", "t", scram, "scram-sha-256"), nil, "", "", ""},
		"as wanted, as always":  {row("t", "t", md5, "md5"), nil, "", "", ""},
		"the engine's old word": {row("t", "t", md5, "on"), nil, "", "", ""},
		"stored otherwise":      {row("t", "t", md5, "scram-sha-256"), nil, "", "", "alter role replicator: password (scram-sha-256)"},
		"to be stored by scram": {row("t", "t", md5, "md5"), nil, dma.SCRAM, "never", "alter role replicator: password (scram-sha-256)"},
		"to be stored by md5":   {row("t", "t", scram, "scram-sha-256"), nil, dma.MD5, "", "alter role replicator: password (md5)"},
		"another password":      {row("t", "t", stored(dma.SCRAM, "other"), "scram-sha-256"), nil, "", "always", "alter role replicator: password (scram-sha-256)"},
		"another, not to change": {row("t", "t", stored(dma.MD5, "other"), "md5"), nil, dma.SCRAM, "never",
			"error: the inventory's password for the role replicator (polardb_replication_password"},
		"no superuser":     {row("f", "t", scram, "scram-sha-256"), nil, "", "", "alter role replicator: superuser"},
		"login is left be": {row("t", "f", scram, "scram-sha-256"), nil, "", "", ""},
		"nobody answers":   {nil, errors.New("refused"), "", "", "unknown: refused"},
	} {
		args := &roleArgs{Name: "replicator", Password: "secret", Superuser: &yes, Encryption: c.encryption, Update: c.update}
		p, err := (&roleAction{args: args}).Plan(tasks.Found{Value: sqlFound{Row: c.row, Err: c.err}})
		if reason, fails := strings.CutPrefix(c.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		checkPlan(t, name, c.want, p, err)
		change, ok := p.Data.(sqlChange)
		if ok && strings.Contains(change.statement, "'secret'") {
			t.Errorf("%s: the password goes to the server in clear: %s", name, change.statement)
		}
		if ok && change.password != "" && (!dma.PasswordFits(change.password, "replicator", "secret") || !strings.Contains(change.statement, change.password)) {
			t.Errorf("%s: %s", name, change.statement)
		}
		if strings.Contains(p.Msg, md5) || strings.Contains(p.Msg, "SCRAM-SHA") {
			t.Errorf("%s: the hash is shown: %s", name, p.Msg)
		}
	}
}

func TestBackupProgress(t *testing.T) {
	for line, want := range map[string][2]int64{
		"31373/63155 kB (49%), 0/2 tablespaces (/d/pgdata/pg_subtrans        )": {31373 << 10, 63155 << 10},
		"    0/63155 kB (0%), 0/2 tablespaces":                                  {0, 63155 << 10},
		"63183/63183 kB (100%), 2/2 tablespaces":                                {63183 << 10, 63183 << 10},
	} {
		done, total, ok := backupProgress(strings.TrimSpace(line))
		if !ok || done != want[0] || total != want[1] {
			t.Errorf("%q: %d of %d, %t", line, done, total, ok)
		}
	}
	if _, _, ok := backupProgress("polar_basebackup: base backup completed"); ok {
		t.Error("a message is taken for progress")
	}
	if got := pgpass(`a:b\c`); got != `a\:b\\c` {
		t.Errorf("password file field %s", got)
	}
}

func TestArchiveName(t *testing.T) {
	for file, want := range map[string]string{"/x/polardb-11.9.tar.gz": "polardb-11.9", "p 11.tgz": "p_11", "polardb.tar": "polardb", "a/b.tar.xz": "b"} {
		if got := archiveName(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func TestProofIsNoChangeInCheckMode(t *testing.T) {
	c := newTestCluster(3)
	p := &proofAction{args: &proofArgs{}, list: c.list, check: true}
	plan, err := p.Plan(tasks.Found{Value: c.survey})
	if err != nil || plan.Change || !strings.Contains(plan.Msg, "node3") {
		t.Errorf("a cluster as wanted: %+v, %v", plan, err)
	}
	c.list[2].Weight = 1
	if plan, err := p.Plan(tasks.Found{Value: c.survey}); err != nil || plan.Change || !strings.Contains(plan.Msg, "node3 has the weight 5, wanted 1") {
		t.Errorf("a cluster that is not: %+v, %v", plan, err)
	}
	if plan, _ := (&proofAction{args: &proofArgs{}, list: c.list}).Plan(tasks.Found{}); !plan.Change {
		t.Error("outside of check mode nothing is proven")
	}
}
