package tasks

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/polarbook/polarbook/tasks/dma"
)

// clusterArgs are the arguments of the modules that ask the whole cluster.
type clusterArgs struct {
	Nodes         []any  `arg:"nodes,required" doc:"the members that the cluster should have: dicts with name (of the host in the inventory), address (IPv4), port, role (follower, learner or logger), weight, user (the account that runs the engine; default login_user), socket (the directory of its socket, if only that account and root can write there), pgdata and polardata"`
	LoginUser     string `arg:"login_user" default:"polardb" doc:"a superuser of the database"`
	LoginPassword string `arg:"login_password,secret" doc:"its password"`
	LoginDB       string `arg:"login_db" default:"postgres" doc:"the database to connect to; polar_monitor must be created in it"`
}

// wantedNode is one of the nodes that the inventory wants.
type wantedNode struct {
	Name      string
	Address   dma.Address
	Role      string // follower, learner, logger
	Weight    int    // -1: as it is
	User      string // the account that runs the engine
	Socket    string // the directory of the server's socket, which only root and that account can write; "": not known
	Pgdata    string // "": not known
	Polardata string // "": not known
}

// voter says that the node is to have a vote.
func (n wantedNode) voter() bool { return n.Role != "learner" }

var nodeKeys = map[string]bool{"name": true, "address": true, "port": true, "role": true, "weight": true, "user": true, "socket": true, "pgdata": true, "polardata": true}

// nodes reads the list, and refuses what no cluster can be made of: two nodes with one address, a weight that the
// engine does not take, a host name where it needs an IPv4 address.
func (c *clusterArgs) nodes() ([]wantedNode, error) {
	var list []wantedNode
	seen := map[string]string{}
	for _, item := range c.Nodes {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, &ArgError{Arg: "nodes", Problem: "must be a list of dicts, not of " + describe(item)}
		}
		for k := range m {
			if !nodeKeys[k] {
				return nil, &ArgError{Arg: "nodes", Problem: fmt.Sprintf("holds a node with the unknown key %q", k)}
			}
		}
		n, err := readNode(m)
		if n.User == "" {
			n.User = c.LoginUser
		}
		if err != nil {
			return nil, &ArgError{Arg: "nodes", Problem: err.Error()}
		}
		if other, twice := seen[n.Address.String()]; twice {
			return nil, &ArgError{Arg: "nodes", Problem: fmt.Sprintf("gives %s the address %s, which %s has", n.Name, n.Address, other)}
		}
		seen[n.Address.String()] = n.Name
		list = append(list, n)
	}
	if len(list) == 0 {
		return nil, &ArgError{Arg: "nodes", Problem: "is empty: which hosts make up the cluster?"}
	}
	return list, nil
}

func readNode(m map[string]any) (wantedNode, error) {
	n := wantedNode{Weight: -1, Role: "follower"}
	var err error
	if n.Name, err = toString(m["name"]); err != nil || n.Name == "" {
		return n, fmt.Errorf("holds a node without a name")
	}
	if n.Address.Host, err = toString(m["address"]); err != nil {
		return n, fmt.Errorf("has no address for %s", n.Name)
	}
	n.Address.Port = 5432
	if p, ok := m["port"]; ok && p != nil && p != "" {
		if n.Address.Port, err = toInt(p); err != nil {
			return n, fmt.Errorf("port of %s %w", n.Name, err)
		}
	}
	if err := n.Address.Check(); err != nil {
		return n, fmt.Errorf("for %s: %w", n.Name, err)
	}
	if r, ok := m["role"]; ok && r != nil && r != "" {
		n.Role, _ = r.(string)
	}
	switch n.Role {
	case "follower", "learner", "logger":
	default:
		return n, fmt.Errorf("role of %s must be follower, learner or logger, not %s", n.Name, describe(m["role"]))
	}
	if w, ok := m["weight"]; ok && w != nil && w != "" {
		if n.Weight, err = toInt(w); err != nil || n.Weight < 0 || n.Weight > 9 {
			return n, fmt.Errorf("weight of %s must be a number from 0 to 9, not %s", n.Name, describe(w))
		}
		if n.Role == "learner" {
			return n, fmt.Errorf("weight of %s cannot be set: it is a learner and has no vote", n.Name)
		}
	}
	for key, to := range map[string]*string{"user": &n.User, "socket": &n.Socket, "pgdata": &n.Pgdata, "polardata": &n.Polardata} {
		if v, ok := m[key]; ok && v != nil {
			if *to, err = toString(v); err != nil {
				return n, fmt.Errorf("%s of %s %w", key, n.Name, err)
			}
		}
		if key != "user" && *to != "" && (!path.IsAbs(*to) || strings.ContainsAny(*to, "\n\r")) {
			return n, fmt.Errorf("%s of %s must be an absolute path, not %q", key, n.Name, *to)
		}
	}
	if strings.HasPrefix(n.User, "-") {
		return n, fmt.Errorf("user of %s is not the name of an account: %q", n.Name, n.User)
	}
	if name := dma.SocketName(n.Socket, n.Address.Port); len(name) > dma.SocketNameLimit {
		return n, fmt.Errorf("socket of %s is too long for the kernel, which takes %d bytes: %s; give the cluster a shorter name", n.Name, dma.SocketNameLimit, name)
	}
	return n, nil
}

func nodeNamed(list []wantedNode, name string) (wantedNode, error) {
	for _, n := range list {
		if n.Name == name {
			return n, nil
		}
	}
	var names []string
	for _, n := range list {
		names = append(names, n.Name)
	}
	return wantedNode{}, &ArgError{Arg: "nodes", Problem: fmt.Sprintf("does not hold %s, only %v", name, names)}
}

// use lends f the run's connection to the node's server, which goes through the SSH connection of the node's own host.
// One caller has it at a time. It may have broken since it was last used (a change of leader ends all of the old
// leader's): with sure, that is found out first, at the price of a round trip, for an f that must not be called twice.
// With sure, too, a server that is starting up is waited for, within startPatience and ctx: who is sure needs the answer.
func (c *clusterArgs) use(ctx context.Context, h Host, n wantedNode, sure bool, f func(*pgx.Conn) error) error {
	host, err := h.Peer(ctx, n.Name)
	if err != nil {
		return err
	}
	kept, err := host.Keep(fmt.Sprintf("sql %s@%d/%s", c.LoginUser, n.Address.Port, c.LoginDB), func() (any, error) { return &session{}, nil })
	if err != nil {
		return err
	}
	s := kept.(*session)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.IsClosed() {
		s.conn = nil
	}
	if sure && s.conn != nil && s.conn.Ping(ctx) != nil {
		s.conn = nil
	}
	if s.conn == nil {
		patience := time.Duration(0)
		if sure {
			patience = startPatience
		}
		err := awaitStart(ctx, host, n, patience, func() (err error) {
			s.conn, err = c.connect(ctx, host, n)
			return err
		})
		if err != nil {
			return err
		}
	}
	return f(s.conn)
}

// startPatience bounds the wait for a server that says that it is starting up: longer than a recovery after a crash
// takes on a busy host. A node that was never added says so for ever.
const startPatience = 30 * time.Second

// awaitStart connects, and connects again for as long as the server says that it is starting up, shutting down or
// recovering. A port that refuses counts as the same once the server was heard: it starts over. The error is the last
// one, and says how long was waited for it.
func awaitStart(ctx context.Context, h Host, n wantedNode, patience time.Duration, connect func() error) error {
	began := time.Now()
	heard, said := false, ""
	for {
		err := connect()
		heard = heard || dma.StartingUp(err)
		if again := heard && (dma.StartingUp(err) || errors.Is(err, syscall.ECONNREFUSED)); !again || patience == 0 {
			return err
		}
		if said == "" {
			said = fmt.Sprintf("waiting for the server of %s: %v", n.Name, err)
			h.Say(said)
		}
		if time.Since(began) >= patience || sleep(ctx, startPause) != nil {
			return fmt.Errorf("%s has not let anybody in for %s: %w", n.Name, time.Since(began).Round(time.Second), err)
		}
	}
}

// startPause is between two tries of awaitStart.
const startPause = 500 * time.Millisecond

// own opens a session with a node's server that nobody else uses. Whoever asks for it closes it.
func (c *clusterArgs) own(ctx context.Context, h Host, node string) (*pgx.Conn, error) {
	return c.ownAs(ctx, h, node, "")
}

func (c *clusterArgs) ownAs(ctx context.Context, h Host, node, session string) (*pgx.Conn, error) {
	list, err := c.nodes()
	if err != nil {
		return nil, err
	}
	n, err := nodeNamed(list, node)
	if err != nil {
		return nil, err
	}
	host, err := h.Peer(ctx, node)
	if err != nil {
		return nil, err
	}
	return c.connectAs(ctx, host, n, session)
}

// session is a connection kept for the run, used by one at a time.
type session struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// Close leaves a connection that is in use to its user. The one who closes may be that user: connecting to a host whose
// SSH connection was lost closes all that was kept on the old one, and what goes through that ends with it anyway.
func (s *session) Close() error {
	if !s.mu.TryLock() {
		return nil
	}
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}

// glance asks all nodes at once, each within lookLimit. Whoever acts on what they say asks for a survey instead.
func (c *clusterArgs) glance(ctx context.Context, h Host, list []wantedNode) dma.Survey {
	survey := make(dma.Survey, len(list))
	var wg sync.WaitGroup
	for i, n := range list {
		wg.Go(func() { survey[i] = c.look(ctx, h, n) })
	}
	wg.Wait()
	byTheirWord(survey)
	return survey
}

// byTheirWord gives each view the address that its node has in the cluster, by the node's own word, where the inventory has
// another for it: who leads, and who agrees, is said by those. A copy of another node's meta claims what that one has.
func byTheirWord(survey dma.Survey) {
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

func (c *clusterArgs) look(ctx context.Context, h Host, n wantedNode) dma.View {
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

// lookLimit is how long one node may take to answer: longer than a busy server needs, shorter than a person waits.
const lookLimit = 10 * time.Second

// leader surveys the cluster until a leader can be believed, for at most the given time; an election takes one or two
// election timeouts.
func (c *clusterArgs) leader(ctx context.Context, h Host, list []wantedNode, patience time.Duration) (dma.View, dma.Survey, error) {
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
		if err := sleep(ctx, time.Second); err != nil {
			return leader, survey, err
		}
	}
}

// nobodyWillLead says that no wait makes a leader: no server runs on any of the nodes (bare hosts in check mode, or a
// cluster that was stopped), or only such that have no views of the consensus (a founding that was cut off before they
// were made, or loggers).
func nobodyWillLead(survey dma.Survey) bool {
	for _, v := range survey {
		if !v.NoViews && !errors.Is(v.Err, syscall.ECONNREFUSED) {
			return false
		}
	}
	return len(survey) > 0
}

// passwordRefused says that nodes answer and none of them takes the password: no wait will help.
func passwordRefused(survey dma.Survey, user string) error {
	var refusing []string
	what := ""
	for _, v := range survey {
		switch code := dma.Code(v.Err); {
		case code == "28P01" || code == "28000":
			if refusing = append(refusing, v.Node); code == "28000" {
				what = v.Err.Error()
			}
		case v.Err == nil || code != "":
			return nil // somebody may yet say more
		}
	}
	if len(refusing) == 0 {
		return nil
	}
	if what == "" {
		return otherPassword(user, superuserPassword, "password authentication failed on "+strings.Join(refusing, ", "))
	}
	return &Failure{Msg: fmt.Sprintf("%s refuse the password of the database user %s: %s", strings.Join(refusing, ", "), user, what)}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
