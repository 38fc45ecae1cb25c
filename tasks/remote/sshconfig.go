package remote

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kevinburke/ssh_config"
)

// target is one hop, with everything that ssh_config and the defaults had to say
// already worked in.
type target struct {
	name           string // for messages
	hostName       string
	port           int
	user           string
	keyFiles       []string // explicit ones first
	explicitKeys   int      // how many of keyFiles somebody named
	identitiesOnly bool
	agentSocket    string // "": no agent
	knownHosts     []string
	jumps          []string    // [user@]host[:port], nearest to us first
	jumpOptions    *SSHOptions // of the one jump host, where a ProxyCommand has it

	sshWay
}

// sshWay is what ssh_config and ssh's arguments say of the way to a host beyond where it is and who logs in. The zero value is
// what holds when they say nothing.
type sshWay struct {
	namedKnownHosts                   bool     // knownHosts come from arguments, which win over other options
	globalKnownHosts                  []string // nil: the system's
	keyMode                           KeyMode
	keyAlias                          string // the name under which known_hosts has the key; "": the host's
	family                            string // "4" or "6"; "": any
	bindAddress                       string
	aliveInterval                     time.Duration // 0: as for all hosts
	aliveCount                        int           // 0: as for all hosts
	methods                           []string      // of logging in, best first; nil: all
	noKeys, noPassword, noInteractive bool
	forwardAgent                      bool
	batch                             bool // nobody is asked for a passphrase

	ciphers, macs, keyExchanges, hostKeys []string // nil: the library's
}

func (t target) address() string { return net.JoinHostPort(t.hostName, strconv.Itoa(t.port)) }

// defaultKeyNames are tried as OpenSSH does when nobody named a key.
var defaultKeyNames = []string{"id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"}

// sshConfig is what ssh's arguments and one ssh_config(5) say. Only the user's file is read: the system's
// one often has Match blocks that the library cannot read and that say nothing
// about where hosts are.
type sshConfig struct {
	options SSHOptions // they win over the file
	file    string
	config  *ssh_config.Config // nil: no file
	home    string
	local   string // the local user
}

func loadSSHConfig(file string) (*sshConfig, error) {
	c := &sshConfig{file: file, home: homeDirectory(), local: localUser()}
	if file == "none" {
		return c, nil
	}
	optional := file == ""
	if optional {
		if c.home == "" {
			return c, nil
		}
		c.file = filepath.Join(c.home, ".ssh", "config")
	}
	text, err := os.ReadFile(c.file)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the SSH configuration: %w", err)
	}
	c.config, err = ssh_config.DecodeBytes(text)
	if err != nil {
		what := strings.TrimPrefix(err.Error(), "ssh_config: ")
		if strings.Contains(what, "Match") {
			return nil, fmt.Errorf("%s: %s: polarbook reads Host blocks and \"Match host\" and \"Match all\" only; "+
				"rewrite the block as Host, or let polarbook read another file", c.file, what)
		}
		return nil, fmt.Errorf("%s: %s", c.file, what)
	}
	return c, nil
}

// with returns the configuration with arguments of ssh that win over the file, and over which the file of -F is read.
func (c *sshConfig) with(o SSHOptions) (*sshConfig, error) {
	out := *c
	if o.file != "" {
		other, err := loadSSHConfig(expandHome(o.file, c.home))
		if err != nil {
			return nil, err
		}
		out = *other
	}
	out.options = o
	return &out, nil
}

// resolve works out one hop. The alias is what Host lines match; the other
// arguments win over the options and the file where they are not zero.
func (c *sshConfig) resolve(alias, address string, port int, userName string) (target, error) {
	t := target{name: alias, user: userName, port: port, hostName: address}
	if t.user == "" {
		t.user = c.get(alias, "User")
	}
	if t.user == "" {
		t.user = c.local
	}
	if named, ok := c.options.get("hostname"); ok {
		t.hostName = strings.ReplaceAll(named[0], "%h", cmp.Or(address, alias))
	} else if t.hostName == "" {
		t.hostName = strings.ReplaceAll(c.get(alias, "HostName"), "%h", alias)
	}
	if t.hostName == "" {
		t.hostName = alias
	}
	if t.port == 0 {
		t.port = 22
		if p := c.get(alias, "Port"); p != "" {
			n, err := strconv.Atoi(p)
			if err != nil || n < 1 || n > 65535 {
				return t, fmt.Errorf("%s: Port %q of host %s is not a port number", c.file, p, alias)
			}
			t.port = n
		}
	}
	for _, f := range c.all(alias, "IdentityFile") {
		if strings.EqualFold(f, "none") {
			continue
		}
		t.keyFiles = append(t.keyFiles, c.expand(f, alias, t))
	}
	t.explicitKeys = len(t.keyFiles)
	t.identitiesOnly = says(c.get(alias, "IdentitiesOnly"), "yes", "true")
	t.agentSocket = c.agent(alias, t)
	for _, f := range c.files(alias, "UserKnownHostsFile") {
		if strings.EqualFold(f, "none") {
			f = os.DevNull
		}
		t.knownHosts = append(t.knownHosts, c.expand(f, alias, t))
	}
	if err := c.jumps(alias, &t); err != nil {
		return t, err
	}
	t.sshWay = c.way(alias, t)
	return t, nil
}

// jumps works out the hosts that lead to one. Of ProxyJump and ProxyCommand the arguments' win over the file's; in the file
// ProxyJump counts.
func (c *sshConfig) jumps(alias string, t *target) error {
	for _, v := range c.options.values {
		switch v.key {
		case "proxyjump":
			if !strings.EqualFold(v.args[0], "none") {
				t.jumps = splitJumps(v.args[0])
			}
			return nil
		case "proxycommand":
			return c.proxyCommand(v.args[0], t)
		}
	}
	if j := c.get(alias, "ProxyJump"); j != "" && !strings.EqualFold(j, "none") {
		t.jumps = splitJumps(j)
	}
	if p := c.get(alias, "ProxyCommand"); p != "" && len(t.jumps) == 0 {
		if err := c.proxyCommand(p, t); err != nil {
			return fmt.Errorf("%s: host %s: %w", c.file, alias, err)
		}
	}
	return nil
}

func (c *sshConfig) proxyCommand(command string, t *target) error {
	if strings.EqualFold(command, "none") {
		return nil
	}
	p, err := parseProxyCommand(command)
	if err != nil {
		return err
	}
	t.jumps, t.jumpOptions = []string{p.jump}, &p.options
	return nil
}

// way reads what else there is. A value that cannot be read is one of the file, as those of arguments have been checked: it
// counts for nothing.
func (c *sshConfig) way(alias string, t target) sshWay {
	var w sshWay
	_, w.namedKnownHosts = c.options.get("userknownhostsfile")
	for _, f := range c.files(alias, "GlobalKnownHostsFile") {
		if f = c.expand(f, alias, t); !strings.EqualFold(f, "none") {
			w.globalKnownHosts = append(w.globalKnownHosts, f)
		}
	}
	switch strings.ToLower(c.get(alias, "StrictHostKeyChecking")) {
	case "yes", "true":
		w.keyMode = ModeKnown
	case "no", "false", "off":
		w.keyMode = ModeOff
	case "accept-new":
		w.keyMode = ModeAcceptNew
	}
	w.keyAlias = c.get(alias, "HostKeyAlias")
	switch strings.ToLower(c.get(alias, "AddressFamily")) {
	case "inet":
		w.family = "4"
	case "inet6":
		w.family = "6"
	}
	w.bindAddress = c.get(alias, "BindAddress")
	w.aliveInterval, _ = seconds(c.get(alias, "ServerAliveInterval"))
	w.aliveCount, _ = strconv.Atoi(c.get(alias, "ServerAliveCountMax"))
	if list := c.get(alias, "PreferredAuthentications"); list != "" {
		w.methods = strings.Split(strings.ToLower(strings.ReplaceAll(list, " ", "")), ",")
	}
	no := func(key string) bool { return says(c.get(alias, key), "no", "false") }
	w.noKeys, w.noPassword = no("PubkeyAuthentication"), no("PasswordAuthentication")
	w.noInteractive = no("KbdInteractiveAuthentication") || no("ChallengeResponseAuthentication")
	w.forwardAgent = says(c.get(alias, "ForwardAgent"), "yes", "true")
	w.batch = says(c.get(alias, "BatchMode"), "yes", "true")
	choose := func(key string) []string {
		if text := c.get(alias, key); text != "" {
			list, _ := chooseAlgorithms(strings.ToLower(key), text)
			return list
		}
		return nil
	}
	w.ciphers, w.macs = choose("Ciphers"), choose("MACs")
	w.keyExchanges, w.hostKeys = choose("KexAlgorithms"), choose("HostKeyAlgorithms")
	return w
}

// says reports whether a value is one of these, whatever its case.
func says(value string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, value) })
}

// files are those of an option that names several on one line: the first line counts.
func (c *sshConfig) files(alias, key string) []string {
	if args, ok := c.options.get(strings.ToLower(key)); ok {
		return args
	}
	if lists := c.all(alias, key); len(lists) > 0 {
		return strings.Fields(lists[0])
	}
	return nil
}

// withDefaultKeys adds the keys that are tried when nobody forbade it.
func (c *sshConfig) withDefaultKeys(t target) target {
	if c.home == "" || (t.identitiesOnly && t.explicitKeys > 0) {
		return t
	}
	for _, name := range defaultKeyNames {
		t.keyFiles = append(t.keyFiles, filepath.Join(c.home, ".ssh", name))
	}
	return t
}

func (c *sshConfig) agent(alias string, t target) string {
	switch a := c.get(alias, "IdentityAgent"); {
	case strings.EqualFold(a, "none"):
		return ""
	case a == "", a == "SSH_AUTH_SOCK":
		return loginAgent()
	case strings.HasPrefix(a, "$"):
		return os.Getenv(strings.Trim(a[1:], "{}"))
	default:
		return c.expand(a, alias, t)
	}
}

func (c *sshConfig) get(alias, key string) string {
	if args, ok := c.options.get(strings.ToLower(key)); ok {
		return args[0]
	}
	if c.config == nil {
		return ""
	}
	v, err := c.config.Get(alias, key)
	if err != nil {
		return ""
	}
	return v
}

// all returns every value of an option that may be given several times.
func (c *sshConfig) all(alias, key string) []string {
	values := c.options.all(strings.ToLower(key))
	if c.config == nil {
		return values
	}
	v, err := c.config.GetAll(alias, key)
	if err != nil {
		return values
	}
	return append(values, v...)
}

// expand replaces "~", ${VARIABLES} and the %-tokens of ssh_config(5) that name
// a file may have.
func (c *sshConfig) expand(s, alias string, t target) string {
	s = expandHome(s, c.home)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '$' && strings.HasPrefix(s[i:], "${") {
			if end := strings.IndexByte(s[i:], '}'); end > 0 {
				b.WriteString(os.Getenv(s[i+2 : i+end]))
				i += end
				continue
			}
		}
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case '%':
			b.WriteByte('%')
		case 'h':
			b.WriteString(t.hostName)
		case 'n':
			b.WriteString(alias)
		case 'p':
			b.WriteString(strconv.Itoa(t.port))
		case 'r':
			b.WriteString(t.user)
		case 'u':
			b.WriteString(c.local)
		case 'd':
			b.WriteString(c.home)
		default:
			b.WriteByte('%')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func expandHome(s, home string) string {
	if s == "~" {
		return home
	}
	if rest, ok := strings.CutPrefix(filepath.ToSlash(s), "~/"); ok {
		return filepath.Join(home, rest)
	}
	return s
}

func splitJumps(s string) []string {
	var jumps []string
	for _, j := range strings.Split(s, ",") {
		if j = strings.TrimSpace(j); j != "" {
			jumps = append(jumps, j)
		}
	}
	return jumps
}

// parseJump takes [user@]host[:port] or an ssh:// URI apart.
func parseJump(s string) (userName, host string, port int, err error) {
	bad := fmt.Errorf("jump host %q is not [user@]host[:port]", s)
	rest := s
	if strings.HasPrefix(s, "ssh://") {
		u, uerr := url.Parse(s)
		if uerr != nil || u.Host == "" {
			return "", "", 0, bad
		}
		if u.User != nil {
			userName = u.User.Username()
		}
		rest = u.Host
	} else if i := strings.LastIndexByte(s, '@'); i >= 0 {
		userName, rest = s[:i], s[i+1:]
	}
	if h, p, serr := net.SplitHostPort(rest); serr == nil {
		host = h
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return "", "", 0, bad
		}
	} else {
		host = strings.Trim(rest, "[]")
	}
	if host == "" {
		return "", "", 0, bad
	}
	return userName, host, port, nil
}

func homeDirectory() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}

func localUser() string {
	if u, err := user.Current(); err == nil {
		return loginName(u.Username)
	}
	return os.Getenv("USER")
}
