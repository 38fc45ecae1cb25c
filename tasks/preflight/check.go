package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/polardb"
)

type checkArgs struct {
	polardb.NodeArgs
	Nodes        []any          `arg:"nodes,required" doc:"the members that the cluster should have: dicts with name, address (IPv4), port, role and weight"`
	Src          string         `arg:"src" alias:"package" doc:"the engine's packed install prefix, on the laptop; its programs are compared with the host before anything is sent"`
	Secrets      map[string]any `arg:"secrets" doc:"passwords that must not be empty, by the names of the variables that hold them"`
	Replicator   string         `arg:"replication_user" default:"replicator" doc:"the role that copies and follows, whose password is the one of the secrets that has replication in its name"`
	Proof        string         `arg:"replication_password_encryption" default:"md5" choices:"scram-sha-256 md5" doc:"how that role proves its password; scram-sha-256 is a WARN, since followers then start over at every change of leader"`
	Sysctl       map[string]any `arg:"sysctl" doc:"kernel settings and the values that they are to have"`
	MinCPUs      int            `arg:"min_cpus" default:"2" doc:"processors that a member should have"`
	MinMemoryMB  int            `arg:"min_memory_mb" default:"2048" doc:"memory that a member must have, in MB"`
	MinFreeMB    int            `arg:"min_free_mb" default:"2048" doc:"space that must be free, in MB, for PGDATA and for POLARDATA"`
	MinTempMB    int            `arg:"min_temp_mb" default:"64" doc:"space that should be free in /tmp, in MB"`
	MaxClockSkew float64        `arg:"max_clock_skew" default:"2" doc:"seconds by which clocks may differ"`
	NoFile       int            `arg:"nofile" default:"65536" doc:"files that the server should be allowed to have open"`
	HugePage     string         `arg:"transparent_hugepage" default:"never" doc:"what transparent huge pages should be set to"`
	Firewall     bool           `arg:"firewall" default:"yes" doc:"whether the caller goes on to open the ports in firewalld or ufw; otherwise closed ones are a FAIL"`
	Clients      []any          `arg:"clients" doc:"networks whose clients are let through; empty: everybody is, which is a WARN where a firewall runs"`
	Unit         string         `arg:"unit" doc:"the systemd unit that runs the server, whose limits are looked at; default polardb- and the cluster's name"`
	Timezone     string         `arg:"timezone" doc:"the time zone that the host is to have; empty: any, as long as all have the same"`
	Locale       string         `arg:"locale" default:"C" doc:"the locale that the databases will be made with"`
	Encoding     string         `arg:"encoding" default:"UTF8" doc:"the encoding that they will be made with"`
	Fail         bool           `arg:"fail" default:"no" doc:"fail the task when a check fails, instead of leaving that to polardb_check_report"`
}

var checkModule = newCheckModule()

// newCheckModule gives the module its memory of archives: all hosts of a run have the same one, and unpacking it takes
// longer than everything else here together.
func newCheckModule() tasks.Module {
	archives := &archiveReader{}
	return tasks.Define(tasks.Module{
		Name:    "polardb_check",
		Summary: "Look whether a host is fit to be a member, and change nothing",
		Notes: []string{
			"Everything that can be seen on the host is asked in one round trip. The clock is then compared with the laptop's, and every other member's client and consensus port is tried from the host, through its SSH connection: a refused connection is good, since it shows that the way is free.",
			"Each check is PASS, WARN or FAIL. What new-cluster.yml sets itself (kernel settings, limits, huge pages, the account, firewall ports) is a WARN at most. A host that polarbook has set up, wholly or by half, passes.",
			"The task itself does not fail on a FAIL unless told to with fail: polardb_check_report puts all hosts' checks in one table and decides.",
			"The archive is read on the laptop: its programs' machine type, the libraries they name and the newest GLIBC and GLIBCXX symbols they use. One packed with xz or zstd cannot be read there and is compared with the host when it is unpacked.",
		},
		Returns: []tasks.Return{
			{Name: "ansible_facts", Type: "dict", Doc: "polardb_check: all of the values below, for polardb_check_report"},
			{Name: "checks", Type: "list", Doc: "dicts with name, status (PASS, WARN, FAIL), found, wanted, fix; peer for those about another member"},
			{Name: "status", Type: "str", Doc: "the worst status of all"},
			{Name: "name", Type: "str", Doc: "the host's name in the inventory"},
			{Name: "offset", Type: "float", Doc: "seconds by which the host's clock is ahead of the laptop's"},
			{Name: "offset_error", Type: "float", Doc: "seconds by which offset may be wrong: half the round trip it was measured in"},
			{Name: "timezone", Type: "str", Doc: "the host's time zone"}, {Name: "locale", Type: "str", Doc: "its LANG"}, {Name: "made_with", Type: "str", Doc: "locale and encoding, as given"},
			{Name: "os_family", Type: "str", Doc: "Debian, RedHat or empty"}, {Name: "os", Type: "str", Doc: "as /etc/os-release names it"}, {Name: "architecture", Type: "str", Doc: "as uname -m names it"},
			{Name: "address", Type: "str", Doc: "address and client port, from nodes"}, {Name: "voters", Type: "int", Doc: "members with a vote, from nodes"},
		},
		Examples: `- polardb_check:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    nodes:
      - {name: node1, address: 10.0.0.1}
      - {name: node2, address: 10.0.0.2}
      - {name: node3, address: 10.0.0.3}
    sysctl: {vm.swappiness: 1}
`,
	}, func(a *checkArgs, l tasks.Local) (tasks.Action, error) {
		for _, value := range a.Secrets {
			if s, ok := value.(string); ok && s != "" {
				l.Secret(s)
			}
		}
		for name := range a.Sysctl {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") != "" || strings.Contains(name, "..") {
				return nil, &tasks.ArgError{
					Module:  "polardb_check",
					Arg:     "sysctl",
					Problem: fmt.Sprintf("holds %q, which is no kernel setting's name", name),
				}
			}
		}
		if a.Unit == "" {
			a.Unit = "polardb-" + a.Cluster
		}
		c := &checkAction{args: a}
		// What is wrong with the inventory is one line of the table among others, so that all is told at once.
		c.wrong = append(c.wrong, a.Check())
		nodes, err := tasks.ReadItems[polardb.NodeItem]("node", a.Nodes)
		if err == nil {
			c.nodes, err = (&polardb.ClusterArgs{Nodes: nodes}).Listed()
		} else {
			err = &tasks.ArgError{Arg: "nodes", Problem: err.Error()}
		}
		c.wrong = append(c.wrong, err)
		if a.Src != "" {
			c.archive, c.archiveErr = archives.read(a.Src, l)
		}
		return tasks.ProbeAsk(c), nil
	})
}

type checkAction struct {
	args       *checkArgs
	nodes      []polardb.WantedNode
	wrong      []error // with the arguments, nil ones among them
	archive    *archive
	archiveErr error
}

func (c *checkAction) Probe() string { return c.args.Probe() + "\n" + c.script() }

// checkAsked is what the probe could not see.
type checkAsked struct {
	Name    string // the host's
	Clock   clock
	Forward reach // whether sshd forwards at all
	Peers   []reach
}

// checkFound is the host as the probe saw it, what it holds of a node, and what was asked besides.
type checkFound struct {
	host  checkHost
	node  polardb.NodeState
	asked checkAsked
}

func readCheck(probed tasks.Found) (found checkFound, err error) {
	if found.host, err = parseCheck(probed); err == nil {
		found.node, err = polardb.ParseNode(probed)
	}
	return found, err
}

func (c *checkAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (checkFound, error) {
	found, err := readCheck(probed)
	if err != nil {
		return found, err
	}
	found.asked.Name = h.Name()
	if found.asked.Clock, err = measureClock(ctx, h.Shell()); err != nil {
		return found, fmt.Errorf("ask for the time: %w", err)
	}
	found.asked.Forward, found.asked.Peers = tryPeers(ctx, h, c.args.Port, found.host.Listening, c.nodes)
	return found, ctx.Err()
}

func (c *checkAction) Plan(found checkFound) (tasks.Plan, error) {
	host, asked := found.host, found.asked
	rows := c.rows(host, found.node, asked)
	values := map[string]any{
		"checks": rows.values(), "status": string(rows.worst()), "name": asked.Name,
		"offset": asked.Clock.Offset.Seconds(), "offset_error": asked.Clock.Error.Seconds(),
		"timezone": host.Timezone, "locale": host.Locale, "made_with": polardb.PlainLocale(c.args.Locale) + ", " + polardb.PlainEncoding(c.args.Encoding),
		"os_family": host.family(), "os": host.osName(), "architecture": host.Machine,
		"address": "", "voters": 0,
	}
	voters := 0
	for _, n := range c.nodes {
		if n.Voter() {
			voters++
		}
		if n.Name == asked.Name {
			values["address"] = n.Address.String()
		}
	}
	values["voters"] = voters
	failed := rows.with(statusFail)
	if c.args.Fail && len(failed) > 0 {
		return tasks.Plan{}, &tasks.Failure{Msg: summary(failed), Hint: failed[0].Fix, Values: values}
	}
	facts := make(map[string]any, len(values))
	for k, v := range values {
		facts[k] = v
	}
	values["ansible_facts"] = map[string]any{"polardb_check": facts}
	return tasks.Plan{Msg: rows.count(), Values: values}, nil
}

// summary names what failed, in one line.
func summary(failed checkRows) string {
	var parts []string
	for _, r := range failed {
		parts = append(parts, r.Name+": "+r.Found)
	}
	return strings.Join(parts, "; ")
}
