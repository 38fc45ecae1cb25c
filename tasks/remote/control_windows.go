package remote

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/Microsoft/go-winio"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sys/windows"
)

// What follows is of the machine that polarbook runs on.

// ownedByUs is false: access lists say who may read a key, and the mode that Go makes up of them says nothing.
func ownedByUs(fs.FileInfo) bool { return false }

// loginName is an account without its domain.
func loginName(account string) string { return account[strings.LastIndexByte(account, '\\')+1:] }

// isForeignDrop knows what the system calls a dropped connection, where that is not by POSIX's names.
func isForeignDrop(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED)
}

// agentPipe is where the service ssh-agent of Windows listens.
const agentPipe = `\\.\pipe\openssh-ssh-agent`

// loginAgent is the agent that OpenSSH of Windows would ask.
func loginAgent() string {
	if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" {
		return socket
	}
	return agentPipe
}

func dialAgent(ctx context.Context, socket string) (net.Conn, error) {
	pipe := filepath.FromSlash(socket)
	if !strings.HasPrefix(strings.ToLower(pipe), `\\.\pipe\`) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	conn, err := winio.DialPipeContext(ctx, pipe)
	if pipe == agentPipe && errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the service ssh-agent does not run")
	}
	return conn, err
}

// forwardAgent lets the host ask the agent, over one connection to it for all that ask.
func forwardAgent(client *ssh.Client, socket string) error {
	conn, err := dialAgent(context.Background(), socket)
	if err != nil {
		return err
	}
	go func() {
		_ = client.Wait()
		conn.Close()
	}()
	return agent.ForwardToAgent(client, agent.NewClient(conn))
}

func systemKnownHosts() []string {
	dir := os.Getenv("ProgramData")
	if dir == "" {
		return []string{}
	}
	return []string{filepath.Join(dir, "ssh", "ssh_known_hosts"), filepath.Join(dir, "ssh", "ssh_known_hosts2")}
}
