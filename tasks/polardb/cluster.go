package polardb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/templates/ordered"
)

// ClusterArgs are the arguments of the modules that ask the whole cluster.
type ClusterArgs struct {
	Nodes         []NodeItem `arg:"nodes,required" each:"node" doc:"the members that the cluster should have"`
	LoginUser     string     `arg:"login_user" default:"polardb" doc:"a superuser of the database"`
	LoginPassword string     `arg:"login_password,secret" doc:"its password"`
	LoginDB       string     `arg:"login_db" default:"postgres" doc:"the database to connect to; polar_monitor must be created in it"`
}

// WantedNode is one of the nodes that the inventory wants.
type WantedNode struct {
	Name      string
	Address   dma.Address
	Role      string // follower, learner, logger
	Weight    int    // -1: as it is
	User      string // the account that runs the engine
	Socket    string // the directory of the server's socket, which only root and that account can write; "": not known
	Pgdata    string // "": not known
	Polardata string // "": not known
}

// The roles that a node can have in the inventory. The engine does not know loggers: it lists one as a follower.
const (
	roleFollower = "follower"
	roleLearner  = "learner"
	roleLogger   = "logger"
)

// Voter reports whether the node is to have a vote.
func (n WantedNode) Voter() bool { return n.Role != roleLearner }

// NodeItem is a node as a playbook lists it. An argument that was not given is empty.
type NodeItem struct {
	Name      string `arg:"name,required" doc:"of the host in the inventory"`
	Address   string `arg:"address,required" doc:"its IPv4 address, as the members know it"`
	Port      *int   `arg:"port" doc:"the client port, 5432 where it is not given"`
	Role      string `arg:"role" doc:"follower, learner or logger; follower where it is not given"`
	Weight    any    `arg:"weight" doc:"from 0 to 9: who is preferred as the leader"`
	User      string `arg:"user" doc:"the account that runs the engine; login_user where it is not given"`
	Socket    string `arg:"socket" doc:"the directory of its socket, if only that account and root can write there"`
	Pgdata    string `arg:"pgdata" doc:"its PGDATA"`
	Polardata string `arg:"polardata" doc:"its POLARDATA"`
}

// Listed reads the list. It refuses two nodes with one address, a weight that the engine does not accept, and a host name
// where the engine needs an IPv4 address. The error is a *tasks.ArgError.
func (c *ClusterArgs) Listed() ([]WantedNode, error) {
	var list []WantedNode
	seen := map[string]string{}
	for _, item := range c.Nodes {
		n, err := readNode(item)
		if n.User == "" {
			n.User = c.LoginUser
		}
		if err != nil {
			return nil, &tasks.ArgError{Arg: "nodes", Problem: err.Error()}
		}
		if other, twice := seen[n.Address.String()]; twice {
			return nil, &tasks.ArgError{Arg: "nodes", Problem: fmt.Sprintf("gives %s the address %s, which %s has", n.Name, n.Address, other)}
		}
		seen[n.Address.String()] = n.Name
		list = append(list, n)
	}
	if len(list) == 0 {
		return nil, &tasks.ArgError{Arg: "nodes", Problem: "is empty: which hosts make up the cluster?"}
	}
	return list, nil
}

func readNode(item NodeItem) (WantedNode, error) {
	n := WantedNode{Name: item.Name, Weight: -1, Role: cmp.Or(item.Role, roleFollower),
		User: item.User, Socket: item.Socket, Pgdata: item.Pgdata, Polardata: item.Polardata}
	n.Address = dma.Address{Host: item.Address, Port: dma.DefaultPort}
	if item.Port != nil {
		n.Address.Port = *item.Port
	}
	if err := n.Address.Check(); err != nil {
		return n, fmt.Errorf("for %s: %w", n.Name, err)
	}
	switch n.Role {
	case roleFollower, roleLearner, roleLogger:
	default:
		return n, fmt.Errorf("role of %s must be follower, learner or logger, not %s", n.Name, convert.Describe(item.Role))
	}
	if item.Weight != nil {
		var err error
		if n.Weight, err = convert.Int(item.Weight); err != nil || n.Weight < 0 || n.Weight > 9 {
			return n, fmt.Errorf("weight of %s must be a number from 0 to 9, not %s", n.Name, convert.Describe(item.Weight))
		}
		if n.Role == roleLearner {
			return n, fmt.Errorf("weight of %s cannot be set: it is a learner and has no vote", n.Name)
		}
	}
	for _, place := range []struct{ key, path string }{{"socket", n.Socket}, {"pgdata", n.Pgdata}, {"polardata", n.Polardata}} {
		if place.path != "" && (!path.IsAbs(place.path) || strings.ContainsAny(place.path, "\n\r")) {
			return n, fmt.Errorf("%s of %s must be an absolute path, not %q", place.key, n.Name, place.path)
		}
	}
	if strings.HasPrefix(n.User, "-") {
		return n, fmt.Errorf("user of %s is not the name of an account: %q", n.Name, n.User)
	}
	if name := dma.SocketName(n.Socket, n.Address.Port); len(name) > dma.SocketNameLimit {
		return n, fmt.Errorf("socket of %s is too long for the kernel, which takes %d bytes: %s; give the cluster a shorter name",
			n.Name, dma.SocketNameLimit, name)
	}
	return n, nil
}

// The defaults of defaults/main.yml in the role, repeated here because hostvars do not show what a role sets.
const (
	defaultAccount   = "polardb"
	defaultCluster   = "polardb"
	defaultPgdata    = "/var/lib/polardb/pgdata"
	defaultPolardata = "/var/lib/polardb/polardata"
)

// Filters holds the filters that the built-in playbooks use besides those of Jinja2 and Ansible. Each computes a value from
// the variables of a host, which it gets by name.
var Filters = map[string]func(get func(name string) (value any, defined bool, err error)) (any, error){"cluster_node": listedNode}

// listedNode is the filter cluster_node: it makes an entry of nodes from the variables of a host. It copies the values
// unchecked; Listed checks them.
func listedNode(get func(name string) (value any, defined bool, err error)) (any, error) {
	node := ordered.New(9)
	for _, key := range []struct {
		name  string
		from  []string // variables; the first that is defined
		other any
	}{
		{"name", []string{"inventory_hostname"}, nil},
		{"address", []string{"polardb_address", "ansible_host", "inventory_hostname"}, nil},
		{"port", []string{"polardb_port"}, dma.DefaultPort},
		{"role", []string{"polardb_role"}, roleFollower},
		{"weight", []string{"polardb_weight"}, ""},
		{"user", []string{"polardb_user"}, defaultAccount},
		{"socket", []string{"polardb_cluster"}, defaultCluster},
		{"pgdata", []string{"polardb_pgdata"}, defaultPgdata},
		{"polardata", []string{"polardb_polardata"}, defaultPolardata},
	} {
		node.Set(key.name, key.other)
		for _, name := range key.from {
			value, defined, err := get(name)
			if err != nil {
				return nil, fmt.Errorf("read %s of a node: %w", name, err)
			}
			if defined {
				node.Set(key.name, value)
				break
			}
		}
	}
	text, _ := node.Get("socket")
	cluster, err := convert.Text(text)
	if err != nil {
		return nil, fmt.Errorf("polardb_cluster %w", err)
	}
	node.Set("socket", "/run/polardb-"+cluster)
	return node, nil
}

// NodeNamed returns the node with this name in the inventory. The error is a *tasks.Failure that lists the names that exist.
func NodeNamed(list []WantedNode, name string) (WantedNode, error) {
	var names []string
	for _, n := range list {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return WantedNode{}, &tasks.Failure{Msg: "there is no node " + name, Hint: "the inventory has " + strings.Join(names, ", ")}
}

// glance asks all nodes at once, each for at most lookLimit. To act on the answers, take a survey instead: it waits for
// changes of the members that are under way.
func (c *ClusterArgs) glance(ctx context.Context, h tasks.Host, list []WantedNode) dma.Survey {
	survey := make(dma.Survey, len(list))
	var wg sync.WaitGroup
	for i, n := range list {
		wg.Go(func() { survey[i] = c.look(ctx, h, n) })
	}
	wg.Wait()
	useOwnAddresses(survey)
	return survey
}

// useOwnAddresses sets the address of each view to the one in the node's own meta, where the inventory has another: leader
// and majority are found by the members' own addresses. An address that another view already has is not used, because a
// copied meta holds the address of the node that it was copied from.
func useOwnAddresses(survey dma.Survey) {
	for i, v := range survey {
		own, known := v.Own()
		if !known || own == v.Address {
			continue
		}
		if _, taken := survey.At(own.Consensus()); !taken {
			survey[i].Address = own
		}
	}
}

func (c *ClusterArgs) look(ctx context.Context, h tasks.Host, n WantedNode) dma.View {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	view := dma.View{Node: n.Name, Address: n.Address}
	for range 2 {
		broken := false
		err := c.use(ctx, h, n, false, func(conn *pgx.Conn) error {
			view = dma.Look(ctx, conn, n.Name, n.Address)
			broken = conn.IsClosed()
			return nil
		})
		if err != nil {
			view.Err = err
		}
		if !broken {
			break
		}
	}
	return view
}

// lookLimit limits the wait for the answer of one node: longer than a busy server needs, shorter than a person waits.
const lookLimit = 10 * time.Second

// leader surveys the cluster until a leader can be believed, for at most the given time. An election takes one or two
// election timeouts.
func (c *ClusterArgs) leader(ctx context.Context, h tasks.Host, list []WantedNode, patience time.Duration) (dma.View, dma.Survey, error) {
	deadline := time.Now().Add(patience)
	said := ""
	for {
		survey, err := c.survey(ctx, h, list)
		if err != nil {
			return dma.View{}, survey, err
		}
		leader, err := leads(survey)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) || nobodyWillLead(survey) {
			return leader, survey, err
		}
		if refused := passwordRefused(survey, c.LoginUser); refused != nil {
			return leader, survey, refused
		}
		if err.Error() != said {
			said = err.Error()
			h.Say(said)
		}
		if err := tasks.Sleep(ctx, time.Second); err != nil {
			return leader, survey, err
		}
	}
}

// nobodyWillLead reports that waiting for a leader is useless: no node has a server that runs (bare hosts in check mode, or
// a cluster that was stopped), or all that run lack the views of the consensus (loggers, or a founding that was cut off
// before the views were made).
func nobodyWillLead(survey dma.Survey) bool {
	for _, v := range survey {
		if !v.NoViews && !errors.Is(v.Err, syscall.ECONNREFUSED) {
			return false
		}
	}
	return len(survey) > 0
}

// clusterView is the cluster as its nodes see it. Node is the node that the task is about, if there is one.
type clusterView struct {
	Node   WantedNode
	Leader dma.View
	Survey dma.Survey
	// NoLeader is the reason why no leader can be believed, and Leader is empty then. Without a reason, Leader leads.
	NoLeader string
}

// electionPatience limits the wait for a leader. Two elections with the engine's default timeouts and its weight phase take
// less.
const electionPatience = 40 * time.Second

// view asks who leads, for at most the given time. It returns an error only for a change of the members that does not end:
// until then the answers of the nodes are not reliable.
func (c *ClusterArgs) view(ctx context.Context, h tasks.Host, list []WantedNode, patience time.Duration) (clusterView, error) {
	leader, survey, err := c.leader(ctx, h, list, patience)
	view := clusterView{Leader: leader, Survey: survey}
	var changing *changingError
	if errors.As(err, &changing) {
		return view, err
	}
	if err != nil {
		view.NoLeader = err.Error()
	}
	return view, nil
}

// downPatience limits the wait for a node without a server. A server that only changes its role keeps its port.
const downPatience = 10 * time.Second

// doubtFunc returns what is not as wanted yet, in words for the message of a wait that timed out; empty when nothing is.
type doubtFunc func(survey dma.Survey, leader dma.View) string

// await surveys the cluster until a leader can be believed and doubt returns "". It stops waiting at the limit, and when all
// that is missing is a node whose server is gone; then saw is what is still missing.
func (c *ClusterArgs) await(ctx context.Context, h tasks.Host, list []WantedNode, limit time.Duration, doubt doubtFunc) (
	leader dma.View, survey dma.Survey, saw string, err error,
) {
	deadline := time.Now().Add(limit)
	said := ""
	var down time.Time // when the server was first seen gone
	for {
		if survey, err = c.survey(ctx, h, list); err != nil {
			return leader, survey, saw, err
		}
		if leader, err = leads(survey); err != nil {
			saw = err.Error()
		} else {
			saw = doubt(survey, leader)
		}
		switch {
		case !gone(survey, saw):
			down = time.Time{}
		case down.IsZero():
			down = time.Now()
		case time.Since(down) > downPatience:
			return leader, survey, saw, ctx.Err()
		}
		if saw == "" || time.Now().After(deadline) {
			return leader, survey, saw, ctx.Err()
		}
		if saw != said {
			h.Say(saw)
			said = saw
		}
		if err := tasks.Sleep(ctx, 300*time.Millisecond); err != nil {
			return leader, survey, saw, err
		}
	}
}

// gone reports whether saw is about a node on whose port nobody listens.
func gone(survey dma.Survey, saw string) bool {
	for _, v := range survey {
		if errors.Is(v.Err, syscall.ECONNREFUSED) && saw == v.String() {
			return true
		}
	}
	return false
}

// living returns the members that answer, each with the role that the leader lists for it, whatever the inventory wants.
func living(survey dma.Survey, leader dma.View, list []WantedNode) []WantedNode {
	var alive []WantedNode
	for _, n := range list {
		row, member := leader.Member(n.Address)
		if v, _ := survey.Of(n.Name); !member || v.Err != nil {
			continue
		}
		alive = append(alive, withListedRole(n, row))
	}
	return alive
}

// withListedRole returns the node with the role that the leader lists for it. A logger is listed as a follower.
func withListedRole(n WantedNode, row dma.Member) WantedNode {
	switch {
	case row.Role == dma.Learner:
		n.Role = roleLearner
	case n.Role == roleLearner:
		n.Role = roleFollower
	}
	return n
}

// behind returns how many log entries a member lacks, as the leader sees it.
func behind(leader dma.View, row dma.Member) int64 {
	if row.IPPort == leader.Address.Consensus() {
		return 0
	}
	return max(0, leader.Status.LastLogIndex-row.MatchIndex)
}

// votes returns how many of the voters are alive, as text.
func votes(survey dma.Survey, leader dma.View) string {
	voters, live := survey.Voters(leader)
	return fmt.Sprintf("%d of %d voters alive", len(live), len(voters))
}
