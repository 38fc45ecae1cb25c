package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/templates/ordered"
)

type connectCmd struct {
	hostOptions
	Database string `short:"d" default:"postgres" help:"Connect to this database."`
	Role     string `short:"U" name:"username" placeholder:"ROLE" help:"Connect as this role. Without it the client says who it is."`
	SSLMode  string `name:"sslmode" enum:"verify-full,verify-ca" default:"verify-full" help:"What is verified where the cluster has TLS: verify-full, or verify-ca for a libpq before 12."`
	RootCert string `name:"sslrootcert" placeholder:"FILE" help:"Where the application has the CA's certificate. Default: where it is on this machine."`
	Offline  bool   `help:"Take the inventory's word and ask no host."`
	Output   string `short:"o" enum:"text,json" default:"text" help:"Choose the output: text or json."`
}

// clientView is what the inventory says of a cluster to those who connect to it (roles/polardb/tasks/clients.yml).
type clientView struct {
	Cluster string `json:"cluster"`
	Nodes   []struct {
		Name    string `json:"name"`
		Address string `json:"address"`
		Port    int    `json:"port"`
		Role    string `json:"role"`
	} `json:"nodes"`
	// Endpoint is the cluster's virtual address; "": it has none.
	Endpoint string `json:"endpoint"`
	Port     int    `json:"port"`
	// Proxies are the addresses of the hosts whose HAProxy leads clients to members; ReadersPort 0: not to followers.
	Proxies     []string `json:"proxies"`
	ProxyPort   int      `json:"proxy_port"`
	ReadersPort int      `json:"readers_port"`

	TLS     bool   `json:"tls"`
	Clients string `json:"tls_clients"`
	CA      string `json:"ca"`
	Beside  string `json:"beside"`
}

// connection is what connect prints.
type connection struct {
	Cluster  string             `json:"cluster"`
	Leader   string             `json:"leader"` // "": not known
	Endpoint string             `json:"endpoint,omitempty"`
	Proxies  []string           `json:"proxies,omitempty"` // HAProxy's, with the port to write
	Readers  []string           `json:"proxies_to_read,omitempty"`
	Members  []connectionMember `json:"members"`
	Database string             `json:"database"`
	User     string             `json:"user,omitempty"`
	SSLMode  string             `json:"sslmode,omitempty"`
	RootCert string             `json:"sslrootcert,omitempty"`
	Write    clientStrings      `json:"write"`
	Read     clientStrings      `json:"read"`
	Through  *clientStrings     `json:"through_endpoint,omitempty"`
	ByProxy  *clientStrings     `json:"write_through_proxies,omitempty"`
	ReadBy   *clientStrings     `json:"read_through_proxies,omitempty"`
	Notes    []string           `json:"notes"`
}

type connectionMember struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Port    int    `json:"port"`
	Role    string `json:"role"`
	Says    string `json:"says"` // the role that it has now; "": not asked, or no answer
}

func (c *connectCmd) Run(t *terminal, run runContext) error {
	w, err := c.prepare(t)
	if err == nil {
		err = w.oneCluster()
	}
	if err != nil {
		return err
	}
	view, err := w.clients(run)
	if err != nil {
		return err
	}
	var now *statusListener
	if !c.Offline {
		if now, err = w.askStatus(run); err != nil {
			w.warn(fmt.Sprintf("the cluster was not asked, this is what the inventory says: %v", err))
		}
	}
	out, err := c.connection(view, now)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return jsonLine(t, out)
	}
	return t.print([]byte(out.text()))
}

// clients reads what the inventory says, and asks no host.
func (w *workplace) clients(run runContext) (clientView, error) {
	var view clientView
	p, err := w.loadInternal("connect.yml")
	if err != nil {
		return view, err
	}
	o, err := w.engineOptions(run)
	if err != nil {
		return view, err
	}
	vars := map[string]any{"ansible_connection": "local", "ansible_become": false}
	for name, value := range w.vars {
		if _, ours := vars[name]; !ours {
			vars[name] = value
		}
	}
	l := &lastListener{}
	o.Playbooks, o.ExtraVars, o.Limit, o.Listeners = []*playbooks.Playbook{p}, vars, "", []event.Listener{l}
	if _, err := engine.Run(run, o); err != nil {
		if l.failure != "" {
			err = errors.New(l.failure)
		}
		return view, fmt.Errorf("read the inventory: %w", err)
	}
	if l.values == nil {
		return view, errors.New("the inventory has no host in the group polardb")
	}
	data, err := json.Marshal(l.values.Value("msg"))
	if err == nil {
		err = json.Unmarshal(data, &view)
	}
	if err != nil {
		return view, fmt.Errorf("read the inventory: %w", err)
	}
	return view, nil
}

// askStatus asks the nodes what polarbook status shows, once.
func (w *workplace) askStatus(run runContext) (*statusListener, error) {
	return w.askStatusOver(run, nil)
}

// askStatusOver does that over connections that are kept; nil: its own.
func (w *workplace) askStatusOver(run runContext, connections *pool) (*statusListener, error) {
	p, err := playbooks.Load("status.yml", playbooks.Options{Dir: "/nonexistent", Checker: w.render, ExtraVars: w.vars})
	if err != nil {
		return nil, err
	}
	o, err := w.engineOptions(run)
	if err != nil {
		return nil, err
	}
	if connections != nil {
		o.Connect = connections.get
	}
	l := &statusListener{}
	o.Playbooks, o.Listeners = []*playbooks.Playbook{p}, []event.Listener{l}
	_, err = engine.Run(run, o)
	switch {
	case l.values != nil: // that the cluster is not as it should be is no failure here
		return l, nil
	case l.failure != "":
		return nil, &exit{code: max(codeOf(err), exitFailed), err: errors.New(l.failure)}
	case err == nil:
		err = errors.New("no host of the group polardb answered")
	}
	return nil, err
}

func (c *connectCmd) connection(view clientView, now *statusListener) (connection, error) {
	out := connection{Cluster: view.Cluster, Database: c.Database, User: c.Role, Notes: []string{}}
	e := endpoint{Database: c.Database, User: c.Role}
	roles := map[string]string{}
	if now != nil {
		out.Leader = text(now.values.Value("leader"))
		for _, m := range listOf(now.values.Value("members")) {
			name := text(field(m, "node"))
			if field(m, "answers") == true {
				roles[name] = text(field(m, "role"))
			}
			if strings.HasPrefix(name, "(") {
				out.note("%s is a member of the cluster and not in the inventory, so clients are not told of it", text(field(m, "address")))
			}
		}
	}
	var learners []hostPort
	for _, n := range view.Nodes {
		port := n.Port
		if port == 0 {
			port = defaultClientPort
		}
		out.Members = append(out.Members, connectionMember{n.Name, n.Address, port, n.Role, roles[n.Name]})
		switch n.Role {
		case "logger":
			out.note("%s is a logger: it holds no data and takes no clients", n.Name)
		case "learner": // it cannot lead, so it is asked last
			learners = append(learners, hostPort{n.Address, port})
		default:
			e.Hosts = append(e.Hosts, hostPort{n.Address, port})
		}
	}
	e.Hosts = append(e.Hosts, learners...)
	if len(e.Hosts) == 0 {
		return out, errors.New("the inventory has no node that holds data")
	}
	c.tls(view, &e, &out)
	out.SSLMode, out.RootCert = e.SSLMode, e.RootCert
	out.Write, out.Read = e.strings(forWriting), e.strings(forReading)
	if view.Endpoint != "" {
		c.through(view, e, &out)
	}
	if len(view.Proxies) > 0 {
		c.byProxies(view, e, &out)
	}
	out.Notes = append(out.Notes, clientNotes...)
	return out, nil
}

// through adds what those take who know the cluster's virtual address alone.
func (c *connectCmd) through(view clientView, e endpoint, out *connection) {
	e.Hosts = []hostPort{{view.Endpoint, cmp.Or(view.Port, defaultClientPort)}}
	out.Endpoint = e.addresses()[0]
	through := e.strings(forWriting)
	out.Through = &through
	if e.SSLMode == "verify-full" {
		out.note("For verify-full through the endpoint the certificates have to hold it: names in polardb_tls, and reconfigure.yml")
	}
}

// byProxies adds what those take who connect to HAProxy.
func (c *connectCmd) byProxies(view clientView, e endpoint, out *connection) {
	at := func(port int) endpoint {
		e.Hosts = nil
		for _, address := range view.Proxies {
			e.Hosts = append(e.Hosts, hostPort{address, port})
		}
		return e
	}
	writers := at(view.ProxyPort)
	out.Proxies = writers.addresses()
	write := writers.strings(forWriting)
	out.ByProxy = &write
	if view.ReadersPort != 0 {
		readers := at(view.ReadersPort)
		out.Readers = readers.addresses()
		read := readers.strings(forAny)
		out.ReadBy = &read
	}
	if e.SSLMode == "verify-full" {
		out.note("For verify-full through the proxies the certificates have to hold their addresses: names in polardb_tls, and reconfigure.yml")
	}
	out.note("The server sees the proxies' addresses in place of clients': what polardb_hba lets in from clients' networks it has to let in " +
		"from the proxies, too")
}

// defaultClientPort is the engine's.
const defaultClientPort = 5432

func (c *connectCmd) tls(view clientView, e *endpoint, out *connection) {
	if !view.TLS {
		out.note("The cluster has no TLS: what goes over the network can be read there (polardb_tls)")
		return
	}
	e.SSLMode, e.RootCert = c.SSLMode, c.RootCert
	here := view.CA
	if here != "" && !filepath.IsAbs(here) {
		here = filepath.Join(view.Beside, here)
	}
	if absolute, err := filepath.Abs(here); err == nil && here != "" {
		here = absolute
	}
	if e.RootCert == "" {
		e.RootCert = here
	}
	if here != "" {
		out.note("Give the application %s and name it in sslrootcert; --sslrootcert FILE prints another place", here)
	}
	if view.Clients == "allowed" {
		out.note("The cluster lets clients in without TLS too (polardb_tls: clients: allowed)")
	}
	if c.SSLMode == "verify-full" {
		out.note("A libpq before 12 compares no addresses with a certificate: --sslmode verify-ca")
	}
}

func (c *connection) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// clientNotes are what was seen of clients when a member is about to start, as after every change of leader (README, "Connect").
var clientNotes = []string{
	"No password is printed: give it by ~/.pgpass (libpq, psycopg, pgx), PGPASSWORD, or the application's own secrets",
	"libpq before 14 ends at the first host that says \"the database system is starting up\", as a member does after a change of leader: " +
		"have the application try again for 30 s, or take libpq 14 or newer, which goes on to the next host",
	"A leader that lost its majority still says that it takes writes; what it is sent waits and is not applied, and statement_timeout does " +
		"not end the wait for a commit: give the client a limit of its own, and have it connect anew",
	"From libpq 14 and pgx 5 on, target_session_attrs=read-only never takes the leader; libpq 16 spreads sessions with " +
		"load_balance_hosts=random",
}

func (c *connection) text() string {
	rows := [][]string{{"cluster", c.Cluster}}
	var members []string
	for _, m := range c.Members {
		what := m.Role
		if m.Says != "" {
			what = m.Says
		}
		members = append(members, fmt.Sprintf("%s %s:%d (%s)", m.Name, m.Address, m.Port, what))
	}
	rows = append(rows, []string{"members", strings.Join(members, ", ")})
	if c.Leader != "" {
		rows = append(rows, []string{"leader now", c.Leader})
	}
	if c.Endpoint != "" {
		rows = append(rows, []string{"endpoint", c.Endpoint + " (the leader's, polarbook run endpoint.yml)"})
	}
	if len(c.Proxies) > 0 {
		rows = append(rows, []string{"to write", strings.Join(c.Proxies, ", ") + " (HAProxy's, polarbook run endpoint.yml)"})
	}
	if len(c.Readers) > 0 {
		rows = append(rows, []string{"to read", strings.Join(c.Readers, ", ") + " (HAProxy's, to the followers)"})
	}
	var b strings.Builder
	b.WriteString(table(rows) + "\n")
	type purposeText struct {
		head string
		is   clientStrings
	}
	parts := []purposeText{{"to write: the session is with the leader", c.Write}, {"to read: with another member while there is one", c.Read}}
	if c.Through != nil {
		parts = append(parts, purposeText{"to write through the endpoint, for who takes one address", *c.Through})
	}
	if c.ByProxy != nil {
		parts = append(parts, purposeText{"to write through HAProxy", *c.ByProxy})
	}
	if c.ReadBy != nil {
		parts = append(parts, purposeText{"to read through HAProxy: with a follower while there is one", *c.ReadBy})
	}
	for _, part := range parts {
		b.WriteString("\n" + part.head + "\n")
		for _, row := range []struct{ client, is string }{
			{"libpq, as a URI", part.is.URI}, {"libpq before 14", part.is.Older}, {"libpq, as keywords", part.is.Keywords}, {"JDBC", part.is.JDBC},
			{"Go, pgx", part.is.Pgx}, {"Python, psycopg", part.is.Psycopg}, {".NET, Npgsql", part.is.Npgsql},
		} {
			if row.is != "" {
				fmt.Fprintf(&b, "  %s\n    %s\n", row.client, row.is)
			}
		}
	}
	b.WriteString("\n")
	for _, n := range c.Notes {
		b.WriteString("- " + wrap(n, 118, "  ") + "\n")
	}
	return b.String()
}

// lastListener keeps the result of the last task that was done, and why one failed.
type lastListener struct {
	values  *ordered.Map
	failure string
}

func (l *lastListener) Event(e event.Event) {
	d, ok := e.(event.HostDone)
	if !ok {
		return
	}
	switch d.Status {
	case event.OK, event.Changed:
		if d.Values != nil {
			l.values = d.Values
		}
	case event.Failed, event.Unreachable:
		l.failure = whatFailed(d)
	}
}
