package remote

import (
	"context"
	"time"
)

// Config holds how one host is reached. The zero value of each field is a sane
// default; only Name or Address has to be set.
type Config struct {
	// Name is the inventory's name of the host. It is used in every message, and
	// as the alias that the Host lines of ssh_config match, before Address.
	Name string
	// Address is a host name or IP. Empty: HostName of ssh_config, else Name.
	Address string
	// Port 0: from ssh_config, else 22.
	Port int
	// User "": from ssh_config, else the local user.
	User string
	// Password answers password authentication and the password prompts of
	// keyboard-interactive, on this host only, never on a jump host, and only
	// after the host key was verified. "": none.
	Password string
	// KeyFiles are private keys to be tried besides ssh_config's IdentityFile and
	// the default ~/.ssh/id_* files.
	KeyFiles []string
	// Passphrase is asked for the passphrase of an encrypted key once the server
	// has said that it would accept that key. nil: encrypted keys are skipped and
	// the error says so. It may be called for several hosts at once.
	Passphrase func(ctx context.Context, keyFile string) ([]byte, error)
	// ConfigFile is an ssh_config(5). "": ~/.ssh/config if there is one; "none": none.
	ConfigFile string
	// ProxyJump as in ssh_config(5): [user@]host[:port], several with commas. "":
	// from ssh_config; "none": none.
	ProxyJump string
	// SSHArgs are arguments of ssh that win over User, Port, KeyFiles, Keys.Mode and ConnectTimeout; ssh_config loses against all of
	// them. Their ConnectTimeout is the one that counts.
	SSHArgs SSHOptions
	// SSHExtraArgs are arguments of ssh that lose against those fields, and win over ssh_config.
	SSHExtraArgs SSHOptions
	// Run is the name of the run, by which what it starts on the host is known when it is gone, see Lock; "": that is
	// nobody's business.
	Run string
	// Jumps are the connections to jump hosts to be shared with other hosts. nil: this host has its own.
	Jumps *Jumps
	// Passwords remember, for all connections of a run, what hosts have refused. nil: this connection has its own.
	Passwords *Passwords
	// Keys is how host keys are verified, those of jump hosts too.
	Keys HostKeyCheck
	// Warn is told what the user should know and what does not stand in the way: a line of known_hosts that cannot be
	// read, a private key that others may read and that is not used therefore. It may be called for several hosts at once, with the
	// same text. nil: nobody is told.
	Warn func(text string)
	// ConnectTimeout bounds connecting and the handshake, without the time that a
	// human takes to answer Passphrase. 0: 10 s.
	ConnectTimeout time.Duration
	// DialTimeout bounds how long a hop may take to answer at all, before the handshake. 0, and at
	// most: ConnectTimeout.
	DialTimeout time.Duration
	// Retries is how often more a hop is called that does not answer, or that nobody answers for, after pauses of 0, 1, 3, 7 … seconds,
	// at most 30 (Ansible's option reconnection_retries). A host that refuses a login or shows a wrong key is not asked again.
	Retries int
	// KeepAlive is the longest silence before the host is asked whether it is
	// still there; after three questions without an answer the connection is
	// given up. 0: 15 s.
	KeepAlive time.Duration
}

const (
	defaultConnectTimeout = 10 * time.Second
	defaultKeepAlive      = 15 * time.Second
	defaultAliveCount     = 3
)

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = c.Address
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.DialTimeout <= 0 || c.DialTimeout > c.ConnectTimeout {
		c.DialTimeout = c.ConnectTimeout
	}
	if c.Passwords == nil {
		c.Passwords = NewPasswords()
	}
	if c.KeepAlive <= 0 {
		c.KeepAlive = defaultKeepAlive
	}
	return c
}
