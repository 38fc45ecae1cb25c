package preflight

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/tasks/ospackage"
	"github.com/polarbook/polarbook/tasks/polardb"
)

type checkArgs struct {
	polardb.NodeArgs
	Nodes        []any          `arg:"nodes,required" doc:"the wanted members: dicts with name, address (IPv4), port, role and weight"`
	Src          string         `arg:"src" alias:"package" doc:"the packed install prefix on the control node, to be compared with the host"`
	OSPackages   []string       `arg:"os_packages" doc:"packages of the operating system on the control node that will be installed: libraries that they bring are a WARN where they are missing"`
	Secrets      map[string]any `arg:"secrets" doc:"passwords that must not be empty, by the names of their variables"`
	Replicator   string         `arg:"replication_user" default:"replicator" doc:"the replication role; its password is the secret that has replication in its name"`
	Proof        string         `arg:"replication_password_encryption" default:"md5" choices:"scram-sha-256 md5" doc:"how that role proves its password; scram-sha-256 is a WARN: followers start over at every change of leader"`
	Sysctl       map[string]any `arg:"sysctl" doc:"kernel settings and the values that they should have"`
	MinCPUs      int            `arg:"min_cpus" default:"2" doc:"processors that a member should have"`
	MinMemoryMB  int            `arg:"min_memory_mb" default:"2048" doc:"memory that a member must have, in MB"`
	MinFreeMB    int            `arg:"min_free_mb" default:"2048" doc:"space that must be free, in MB, for PGDATA and for POLARDATA"`
	MinTempMB    int            `arg:"min_temp_mb" default:"64" doc:"space that should be free in /tmp, in MB"`
	MaxClockSkew float64        `arg:"max_clock_skew" default:"2" doc:"seconds by which clocks may differ"`
	NoFile       int            `arg:"nofile" default:"65536" doc:"files that the server should be allowed to have open"`
	HugePage     string         `arg:"transparent_hugepage" default:"never" doc:"what transparent huge pages should be set to"`
	Firewall     bool           `arg:"firewall" default:"yes" doc:"the caller opens the ports in firewalld or ufw; no: closed ones are a FAIL"`
	Clients      []any          `arg:"clients" doc:"networks whose clients are let in; empty: all, which is a WARN where a firewall runs"`
	Unit         string         `arg:"unit" doc:"the server's systemd unit, whose limits are checked; default polardb- and the cluster's name"`
	Timezone     string         `arg:"timezone" doc:"the time zone that the host should have; empty: any, but the same on all hosts"`
	Locale       string         `arg:"locale" default:"C" doc:"the locale of the databases to create"`
	Encoding     string         `arg:"encoding" default:"UTF8" doc:"the encoding of the databases to create"`
	Fail         bool           `arg:"fail" default:"no" doc:"fail the task when a check fails; no: polardb_check_report does that"`
}

var kernelSetting = regexp.MustCompile(`^[A-Za-z0-9._/-]*$`)

var checkModule = newCheckModule()

// newCheckModule gives the module a cache of archives: all hosts of a run have the same archive, and unpacking it takes longer
// than everything else here together.
func newCheckModule() tasks.Module {
	archives := &archiveReader{}
	shelf := &ospackage.Shelf{}
	return tasks.Define(tasks.Module{
		Name:    "polardb_check",
		Summary: "Check whether a host is fit to be a member, without changing anything",
		Notes: []string{
			"Reads everything on the host in one round trip. Then compares its clock with the control node's, " +
				"and connects from the host, through its SSH connection, to every other member's client and consensus port: " +
				"a refused connection is good, because it shows that the way is free.",
			"Each check is PASS, WARN or FAIL. What new-cluster.yml sets itself (kernel settings, limits, huge pages, the account, " +
				"firewall ports) is at most a WARN. A host that polarbook has set up, even in part, passes.",
			"The task does not fail on a FAIL unless fail is given: polardb_check_report puts all hosts' checks in one table and decides.",
			"The archive is read on the control node: the machine type of its programs, " +
				"the libraries they name and the newest GLIBC and GLIBCXX symbols they use. " +
				"An archive packed with xz or zstd cannot be read there; it is compared with the host when it is unpacked.",
		},
		Returns: []tasks.Return{
			{Name: "ansible_facts", Type: "dict", Doc: "polardb_check: all of the values below, for polardb_check_report"},
			{
				Name: "checks",
				Type: "list",
				Doc:  "dicts with name, status (PASS, WARN, FAIL), found, wanted, fix; peer for those about another member",
			},
			{Name: "status", Type: "str", Doc: "the worst status of all"},
			{Name: "name", Type: "str", Doc: "the host's name in the inventory"},
			{Name: "offset", Type: "float", Doc: "seconds by which the host's clock is ahead of the control node's"},
			{Name: "offset_error", Type: "float", Doc: "seconds by which offset may be wrong: half the round trip it was measured in"},
			{Name: "timezone", Type: "str", Doc: "the host's time zone"},
			{Name: "locale", Type: "str", Doc: "its LANG"},
			{Name: "made_with", Type: "str", Doc: "locale and encoding, as given"},
			{Name: "os_family", Type: "str", Doc: "Debian, RedHat or empty"},
			{Name: "os", Type: "str", Doc: "as /etc/os-release names it"},
			{Name: "architecture", Type: "str", Doc: "as uname -m names it"},
			{Name: "address", Type: "str", Doc: "address and client port, from nodes"},
			{Name: "voters", Type: "int", Doc: "members with a vote, from nodes"},
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
			if !kernelSetting.MatchString(name) || strings.Contains(name, "..") {
				return nil, &tasks.ArgError{
					Module:  "polardb_check",
					Arg:     "sysctl",
					Problem: fmt.Sprintf("holds %q, which is not the name of a kernel setting", name),
				}
			}
		}
		if a.Unit == "" {
			a.Unit = "polardb-" + a.Cluster
		}
		c := &checkAction{args: a, shelf: shelf}
		// A mistake in the inventory is one line of the table among others, so that everything is reported at once.
		c.wrong = append(c.wrong, a.Check())
		nodes, err := argument.ReadItems[polardb.NodeItem]("node", a.Nodes)
		if err == nil {
			c.nodes, err = (&polardb.ClusterArgs{Nodes: nodes}).Listed()
		} else {
			err = &tasks.ArgError{Arg: "nodes", Problem: err.Error()}
		}
		c.wrong = append(c.wrong, err)
		if a.Src != "" {
			c.archive, c.archiveErr = archives.read(a.Src, l)
		}
		if len(a.OSPackages) > 0 {
			c.given, c.givenErr = shelf.Collect(l, a.OSPackages)
		}
		return tasks.Ask(c), nil
	})
}

type checkAction struct {
	args       *checkArgs
	nodes      []polardb.WantedNode
	wrong      []error // mistakes in the arguments; may hold nil
	archive    *archive
	archiveErr error
	shelf      *ospackage.Shelf
	given      []ospackage.Given // of the operating system, for all hosts
	givenErr   error
}

func (c *checkAction) Probe() string { return c.args.Probe() + "\n" + c.script() }

// checkAsked holds what the probe cannot see.
type checkAsked struct {
	Name    string // the host's
	Clock   clock
	Forward reach // whether sshd forwards at all
	Peers   []reach
}

// checkFound holds the host as the probe saw it, the node's state on it, and what was asked besides.
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
		return found, fmt.Errorf("read the host's clock: %w", err)
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
		"timezone": host.Timezone, "locale": host.Locale,
		"made_with": polardb.PlainLocale(c.args.Locale) + ", " + polardb.PlainEncoding(c.args.Encoding),
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

// summary names the checks that failed, in one line.
func summary(failed checkRows) string {
	var parts []string
	for _, r := range failed {
		parts = append(parts, r.Name+": "+r.Found)
	}
	return strings.Join(parts, "; ")
}
