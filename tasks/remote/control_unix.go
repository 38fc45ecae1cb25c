//go:build unix

package remote

import (
	"context"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// What follows is of the machine that polarbook runs on.

func ownedByUs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}

func loginName(account string) string { return account }

// isForeignDrop knows what the system calls a dropped connection, where that is not by POSIX's names.
func isForeignDrop(error) bool { return false }

// loginAgent is the agent of the login; "": it has none.
func loginAgent() string { return os.Getenv("SSH_AUTH_SOCK") }

// openAgent connects to an agent, until it is closed.
func openAgent(ctx context.Context, socket string) (agent.Agent, io.Closer, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nil, err
	}
	return agent.NewClient(conn), conn, nil
}

func forwardAgent(client *ssh.Client, socket string) error {
	return agent.ForwardToRemote(client, socket)
}

func systemKnownHosts() []string {
	return []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}
}
