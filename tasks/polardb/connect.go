package polardb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// connect opens a session with a node's server. While the server is down anybody may listen on its port, so polarbook tells
// the listener nothing before it knows who that is:
//
//   - The socket lies in a directory in which only root and the engine's account can create one. It is used where sshd
//     forwards to sockets.
//   - Otherwise the port on 127.0.0.1 is used, if the listener belongs to the engine's account before and after connecting.
//   - On both, the server has to prove by SCRAM that it knows the password. Another method is used only where the node's own
//     pg_hba.conf names it, and the password is never sent in clear.
func (c *ClusterArgs) connect(ctx context.Context, host tasks.Host, n WantedNode) (*pgx.Conn, error) {
	return c.connectAs(ctx, host, n, "")
}

// connectAs opens a session that pg_stat_activity shows by that name.
func (c *ClusterArgs) connectAs(ctx context.Context, host tasks.Host, n WantedNode, session string) (*pgx.Conn, error) {
	login := dma.Login{
		Address:  dma.Address{Host: "127.0.0.1", Port: n.Address.Port},
		Database: c.LoginDB, User: c.LoginUser, Password: c.LoginPassword,
		Accept: dma.SCRAM, Session: session,
	}
	reached := false
	socket := login
	socket.Socket = n.Socket
	socket.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := host.Dial(ctx, network, address)
		reached = err == nil
		return conn, err
	}
	tcp := login
	tcp.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialListener(ctx, host, n, network, address)
	}
	var conn *pgx.Conn
	var err error
	way := socket
	if n.Socket != "" {
		conn, err = dma.Connect(ctx, socket)
	}
	if !reached && ctx.Err() == nil {
		way = tcp
		conn, err = dma.Connect(ctx, tcp)
	}
	var asked *dma.ProofError
	if errors.As(err, &asked) {
		if err := mayAsk(ctx, host, n, way.Socket != "", c.LoginUser, c.LoginDB, asked); err != nil {
			return nil, err
		}
		way.Accept = asked.Asked
		conn, err = dma.Connect(ctx, way)
	}
	switch dma.Code(err) {
	case "28P01":
		named := otherPassword(c.LoginUser, superuserPassword, fmt.Sprintf("password authentication failed on %s", n.Name))
		named.Err = err
		return nil, named
	case "28000":
		return nil, &tasks.Failure{Msg: fmt.Sprintf("%s refuses the login of the role %s", n.Name, c.LoginUser), Err: err,
			Hint: "check pg_hba.conf and the role on that node"}
	}
	return conn, err
}

// dialListener connects to a port of the host if its listener belongs to the engine's account. It asks the kernel for the
// owner of the listening socket, and again, once connected, for the owner of the other end: another account may have taken
// the port in between.
func dialListener(ctx context.Context, host tasks.Host, n WantedNode, network, address string) (net.Conn, error) {
	if err := checkListener(ctx, host, n, address); err != nil {
		return nil, err
	}
	conn, err := host.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := checkListener(ctx, host, n, address); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// checkListener fails unless every listener on an address of the host, and every connection accepted there, belongs to the
// engine's account. Without a listener the error is a syscall.ECONNREFUSED.
func checkListener(ctx context.Context, host tasks.Host, n WantedNode, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	listener := scripts.Script("polardb_listener", script.Values{"OWNER": n.User, "PORT": fmt.Sprintf("%04X", at.Port())})
	answer, err := host.Shell().Run(ctx, remote.Command{Script: listener})
	if err != nil {
		return err
	}
	first, table, _ := strings.Cut(string(answer.Stdout), "\n")
	list := script.ParseOwned(table)
	if first == "none" {
		if !listens(list, at) {
			return fmt.Errorf("connect to %s: %w", address, syscall.ECONNREFUSED)
		}
		return &tasks.Failure{
			Msg: fmt.Sprintf("%s has no account %s to run the engine, but something listens on %s; nothing was sent to it",
				n.Name, n.User, address),
			Hint: "set polardb_user to the account that runs the engine"}
	}
	uid, err := strconv.Atoi(first)
	if answer.Status != 0 || err != nil {
		return fmt.Errorf("ask %s who listens on %s: exit status %d: %s",
			n.Name, address, answer.Status, strings.TrimSpace(string(answer.Stderr)))
	}
	if other, foreign := foreignListener(list, at, uid); foreign {
		return &tasks.Failure{
			Msg: fmt.Sprintf("on %s the port %d of %s is not the engine's: it belongs to the account with the uid %d, "+
				"not to %s; nothing was sent to it",
				n.Name, at.Port(), at.Addr(), other, n.User),
			Hint: fmt.Sprintf("find the process (ss -ltnp 'sport = :%d'), end it, and start the server: polarbook run start.yml", at.Port())}
	}
	if !listens(list, at) {
		return fmt.Errorf("connect to %s: %w", address, syscall.ECONNREFUSED)
	}
	return nil
}

// ignoreRefused drops an error that only means that nobody listens.
func ignoreRefused(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	return err
}

func listens(list []script.OwnedConnection, at netip.AddrPort) bool {
	for _, c := range list {
		if c.State == "LISTEN" && c.Receives(at) {
			return true
		}
	}
	return false
}

// foreignListener finds a socket of another account that receives connections to an address, and returns its uid. A
// connection that nobody has accepted yet shows as root's, whoever listens; the listener has a line of its own.
func foreignListener(list []script.OwnedConnection, at netip.AddrPort, uid int) (int, bool) {
	for _, c := range list {
		if c.Receives(at) && c.UID != uid && (c.State == "LISTEN" || c.State == "ESTABLISHED" && c.UID != 0) {
			return c.UID, true
		}
	}
	return 0, false
}

// mayAsk fails unless the node's own pg_hba.conf lets the server ask for what it asked for. The file of a cluster of an
// earlier release says md5 until it is written again; once it says scram-sha-256, no server of ours asks for anything else.
func mayAsk(ctx context.Context, host tasks.Host, n WantedNode, local bool, user, database string, asked *dma.ProofError) error {
	refused := &tasks.Failure{Msg: fmt.Sprintf("the server of %s asked for %s; nothing was sent to it", n.Name, asked.Wants()),
		Hint: "polarbook logs in by scram-sha-256 or by the method that the node's pg_hba.conf names, but never sends a password in clear"}
	if asked.Asked != dma.MD5 && asked.Asked != dma.Nothing || n.Pgdata == "" {
		return refused
	}
	root, err := host.As(ctx, "")
	if err != nil {
		return errors.Join(refused, err)
	}
	const limit = 1 << 20
	text, err := root.ReadFile(ctx, n.Pgdata+"/pg_hba.conf", limit)
	if err != nil {
		return errors.Join(refused, err)
	}
	switch method := hbaMethod(string(text), local, user, database); {
	case method == dma.MD5 && asked.Asked == dma.MD5, asked.Asked == dma.Nothing && (method == "trust" || method == "peer" && local):
		return nil
	case method != "":
		refused.Msg += ", though its pg_hba.conf says " + method
	}
	return refused
}
