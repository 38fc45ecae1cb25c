package remote

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/Microsoft/go-winio"
	sshagent "github.com/xanzy/ssh-agent"
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

// openAgent connects to an agent, until it is closed. Where the service ssh-agent does not run, Pageant is asked, PuTTY's agent.
func openAgent(ctx context.Context, socket string) (agent.Agent, io.Closer, error) {
	var conn net.Conn
	var err error
	if pipe := filepath.FromSlash(socket); strings.HasPrefix(strings.ToLower(pipe), `\\.\pipe\`) {
		conn, err = winio.DialPipeContext(ctx, pipe)
		if pipe == agentPipe && errors.Is(err, fs.ErrNotExist) {
			keys, _, err := sshagent.New()
			if err != nil {
				return nil, nil, errors.New("neither the service ssh-agent runs nor Pageant")
			}
			return keys, io.NopCloser(nil), nil // each request is a message of its own
		}
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	if err != nil {
		return nil, nil, err
	}
	return agent.NewClient(conn), conn, nil
}

// forwardAgent lets the host ask the agent, over one connection to it for all that ask.
func forwardAgent(client *ssh.Client, socket string) error {
	keys, conn, err := openAgent(context.Background(), socket)
	if err != nil {
		return err
	}
	go func() {
		_ = client.Wait()
		conn.Close()
	}()
	return agent.ForwardToAgent(client, keys)
}

func systemKnownHosts() []string {
	dir := os.Getenv("ProgramData")
	if dir == "" {
		return []string{}
	}
	return []string{filepath.Join(dir, "ssh", "ssh_known_hosts"), filepath.Join(dir, "ssh", "ssh_known_hosts2")}
}
