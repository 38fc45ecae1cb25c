package polardb

import (
	"context"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

const (
	passwordLimit = 1024 // bytes of a password that SCRAM can check (engine: saslprep.c)
	passFileLimit = 318  // bytes of a line in a password file; libpq cuts a longer one in two (engine: fe-connect.c)
	roleNameLimit = 63   // bytes of a role's name: NAMEDATALEN less one
)

// PasswordProblem returns why the engine cannot hold a role's password; "" when it can. With copies the password also goes
// through a password file, which has one line for each password.
func PasswordProblem(role, password string, copies bool) string {
	switch line := passLine(role, password); {
	case password == "":
		return "is empty"
	case strings.Contains(password, "\x00"):
		return "holds a zero byte"
	case len(password) > passwordLimit:
		return fmt.Sprintf("has %d bytes, more than the %d that the engine takes", len(password), passwordLimit)
	case copies && strings.ContainsAny(password, "\n\r"):
		return "holds a line break, which does not fit into a file with one password a line"
	case copies && len(line)-1 > passFileLimit:
		return fmt.Sprintf("makes a line of %d bytes in a password file, together with the role's name and a backslash before "+
			"each colon and backslash, and the engine's programs read %d",
			len(line)-1, passFileLimit)
	}
	return ""
}

// RoleProblem returns why the engine cannot have a replication role of that name; "" when it can.
func RoleProblem(role string) string {
	switch {
	case role == "":
		return "is empty"
	case strings.ContainsAny(role, "\x00\n\r"):
		return "holds a line break or a zero byte, which does not fit into a file with one role a line"
	case len(role) > roleNameLimit:
		return fmt.Sprintf("has %d bytes, more than the %d that the engine takes", len(role), roleNameLimit)
	case strings.HasPrefix(role, "pg_"):
		return "begins with pg_, which the engine keeps for itself"
	}
	return ""
}

// passLine returns a line of a password file that is good for every server.
func passLine(role, password string) string {
	return "*:*:*:" + pgpass(role) + ":" + pgpass(password) + "\n"
}

// checkReplication refuses what the engine's programs could not log in with.
func checkReplication(module, role, password string) error {
	if problem := RoleProblem(role); problem != "" {
		return &tasks.ArgError{Module: module, Arg: "replication_user", Problem: problem}
	}
	if problem := PasswordProblem(role, password, true); problem != "" {
		return &tasks.ArgError{Module: module, Arg: "replication_password", Problem: problem}
	}
	return nil
}

// checkSource fails when another account listens on the port of the node to copy: libpq would prove its password to it.
func (c *ClusterArgs) checkSource(ctx context.Context, h tasks.Host, list []WantedNode, from dma.View) error {
	n, err := NodeNamed(list, from.Node)
	if err != nil {
		return err
	}
	host, err := h.Peer(ctx, n.Name)
	if err != nil {
		return err
	}
	return ignoreRefused(checkListener(ctx, host, n, n.Address.String()))
}

// streamRefused returns the leader's refusal of a node that cannot log in to stream from it; "" when the node's log shows none.
// The node logs it every few seconds as long as it lasts.
func streamRefused(ctx context.Context, h tasks.Host, n WantedNode) string {
	if n.Pgdata == "" {
		return ""
	}
	host, err := h.Peer(ctx, n.Name)
	if err != nil {
		return ""
	}
	root, err := host.As(ctx, "")
	if err != nil {
		return ""
	}
	answer, err := root.Run(ctx, remote.Command{Script: scripts.Script("polardb_stream_log", script.Values{"PGDATA": n.Pgdata})})
	if err != nil {
		return ""
	}
	var found struct {
		Line string `answer:"stream"`
	}
	if script.Decode(answer.Stdout, &found) != nil {
		return ""
	}
	at := strings.Index(found.Line, "could not connect to the primary server")
	login := strings.Contains(found.Line, "authentication failed") || strings.Contains(found.Line, "pg_hba.conf")
	if at < 0 || !login {
		return ""
	}
	return found.Line[at:]
}

// streamFailure returns a failed login as the cause when waiting for a node was in vain; nil when the node's log shows none.
func streamFailure(ctx context.Context, h tasks.Host, n WantedNode, waited string) *tasks.Failure {
	said := streamRefused(ctx, h, n)
	if said == "" {
		return nil
	}
	return &tasks.Failure{
		Msg: fmt.Sprintf("%s cannot log in to the leader to stream from it: %s; %s", n.Name, said, waited),
		Hint: "are polardb_replication_user and polardb_replication_password those of the cluster, " +
			"and does pg_hba.conf on the leader name the node's address? polarbook run rotate-password.yml gives the cluster the " +
			"inventory's password, and restarts what runs with another",
	}
}
