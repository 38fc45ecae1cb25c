package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks/remote"
)

// config reads the connection variables of a host. Variables win over keywords, as in Ansible, and both over options.
func (ss *Sessions) config(v Variables) (c remote.Config, local bool, err error) {
	c = ss.o.SSH
	c.Name = v.HostName()
	if ss.locks != nil {
		c.Run = ss.o.Run
	}
	get := func(names ...string) string {
		for _, name := range names {
			if err != nil {
				return ""
			}
			text, _, e := v.Text(name)
			if e != nil {
				err = fmt.Errorf("%s: the variable %s: %w", c.Name, name, e)
				return ""
			}
			if text != "" {
				return text
			}
		}
		return ""
	}
	kind := get("ansible_connection")
	if kind == "" {
		if kind, _, err = ss.keyword(v, ConnectBy); err != nil {
			return c, false, err
		}
	}
	switch method, known := ConnectionMethod(kind); {
	case err != nil:
		return c, false, err
	case !known:
		return c, false, fmt.Errorf("%s: the connection %q is not implemented by polarbook: it reaches hosts by ssh, and this machine by local",
			c.Name, kind)
	case method == "local":
		return c, true, err
	}
	// Of several names for one thing Ansible takes the last that it lists, which is the older one.
	c.Address = get("ansible_ssh_host", "ansible_host")
	if name, _, e := v.Keyword(RemoteUser); e != nil {
		return c, false, e
	} else if name != "" {
		c.User = name
	}
	if s := get("ansible_ssh_user", "ansible_user"); s != "" {
		c.User = s
	}
	if port, _, e := v.Keyword(Port); e != nil {
		return c, false, e
	} else if n, e := strconv.ParseFloat(port, 64); e == nil && n > 0 {
		c.Port = int(n)
	}
	if s := get("ansible_ssh_port", "ansible_port"); s != "" {
		n, e := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if e != nil || n < 1 || n > 65535 || n != float64(int(n)) {
			return c, false, fmt.Errorf("%s: ansible_port is %q, which is not a port", c.Name, s)
		}
		c.Port = int(n)
	}
	if s := get("ansible_ssh_password", "ansible_ssh_pass", "ansible_password"); s != "" {
		ss.secret(s)
		c.Password = s
	}
	if get("ansible_ssh_password_mechanism") == "disable" {
		c.Password = ""
	}
	for _, r := range refusedVariables {
		if s := get(r.names...); s != "" && !r.without(s) {
			return c, false, fmt.Errorf("%s: the variable %s is not supported: %s", c.Name, r.names[0], r.why)
		}
	}
	if s := get("ansible_ssh_private_key_file", "ansible_private_key_file"); s != "" {
		c.KeyFiles = append([]string{expandHome(s)}, c.KeyFiles...)
	}
	if s := get("ansible_host_key"); s != "" {
		c.Keys.Pinned = append(append([]string{}, c.Keys.Pinned...), s)
	}
	for _, name := range []string{"ansible_host_key_checking", "ansible_ssh_host_key_checking"} {
		if s := get(name); s != "" {
			on, e := Truth(s)
			if e != nil {
				return c, false, fmt.Errorf("%s: %s: %w", c.Name, name, e)
			}
			c.Keys.Mode = remote.ModeStrict
			if !on {
				c.Keys.Mode = remote.ModeOff
			}
		}
	}
	for _, name := range []string{"ansible_timeout", "ansible_ssh_timeout"} {
		if s := get(name); s != "" {
			n, e := strconv.Atoi(strings.TrimSpace(s))
			if e != nil || n < 0 {
				return c, false, fmt.Errorf("%s: %s is %q, which is not a number of seconds", c.Name, name, s)
			}
			c.ConnectTimeout = time.Duration(n) * time.Second
		}
	}
	if s := get("ansible_ssh_retries"); s != "" {
		n, e := strconv.Atoi(strings.TrimSpace(s))
		if e != nil || n < 0 {
			return c, false, fmt.Errorf("%s: ansible_ssh_retries is %q, which is not a number of tries", c.Name, s)
		}
		c.Retries = n
	}
	if err != nil {
		return c, false, err
	}
	return c, false, ss.sshArgs(v, &c)
}

// refusedVariables are those of Ansible's connection ssh that would change how a host is reached and are left out. Those for scp, sftp,
// sshpass, control sockets, pipelining and terminals are without meaning here: there is one connection, which all of it goes through.
var refusedVariables = []struct {
	names   []string
	why     string
	without func(value string) bool // it changes nothing
}{
	{
		[]string{"ansible_ssh_private_key", "ansible_private_key"},
		"a key comes from a file, which ansible_ssh_private_key_file names, or from ssh-agent", never,
	},
	{
		[]string{"ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"},
		"give the key to ssh-agent with ssh-add, which asks for its passphrase once", never,
	},
	{[]string{"ansible_ssh_pkcs11_provider"}, "give the card's keys to ssh-agent with ssh-add -s", never},
	{
		[]string{"ansible_ssh_executable"}, "polarbook has an SSH client of its own, which reads ssh's configuration",
		func(value string) bool { return filepath.Base(value) == "ssh" },
	},
}

func never(string) bool { return false }

// sshArgs reads the arguments of ssh: a variable, or else what holds for all hosts.
func (ss *Sessions) sshArgs(v Variables, c *remote.Config) error {
	parsed := map[string]remote.SSHOptions{}
	for _, kind := range []struct{ variable, otherwise string }{
		{SSHArgs, ss.o.SSHArgs}, {SSHCommonArgs, ss.o.SSHCommonArgs}, {SSHExtraArgs, ss.o.SSHExtraArgs},
	} {
		text, ok, err := v.Text(kind.variable)
		if err != nil {
			return fmt.Errorf("%s: the variable %s: %w", c.Name, kind.variable, err)
		}
		if !ok {
			text = kind.otherwise
		}
		if parsed[kind.variable], err = ss.parseSSHArgs(text); err != nil {
			return fmt.Errorf("%s: %s: %w", c.Name, kind.variable, err)
		}
	}
	c.SSHArgs = parsed[SSHArgs]
	c.SSHExtraArgs = parsed[SSHCommonArgs].With(parsed[SSHExtraArgs])
	return nil
}

// The variables that hold arguments of ssh, in the order in which ssh gets them.
const (
	SSHArgs       = "ansible_ssh_args"
	SSHCommonArgs = "ansible_ssh_common_args"
	SSHExtraArgs  = "ansible_ssh_extra_args"
)

// parseSSHArgs reads arguments once, however many hosts have them.
func (ss *Sessions) parseSSHArgs(text string) (remote.SSHOptions, error) {
	if text == "" {
		return remote.SSHOptions{}, nil
	}
	if o, ok := ss.args.Load(text); ok {
		return o.(remote.SSHOptions), nil
	}
	o, err := remote.ParseSSHArgs(text)
	if err == nil {
		ss.args.Store(text, o)
	}
	return o, err
}

// ConnectionMethod returns how a host is reached by what Ansible calls it: "ssh", which other ways of Ansible to the same come to as
// well, or "local". known is false for those that there are not here.
func ConnectionMethod(name string) (method string, known bool) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "ansible.builtin."), "ansible.legacy.")
	switch name {
	case "", "ssh", "smart", "paramiko", "paramiko_ssh", "ansible.netcommon.libssh":
		return "ssh", true
	case "local":
		return "local", true
	}
	return "", false
}

// keyword returns a keyword, or else what holds for all plays.
func (ss *Sessions) keyword(v Variables, k Keyword) (string, bool, error) {
	text, ok, err := v.Keyword(k)
	if err != nil || ok {
		return text, ok, err
	}
	text, ok = ss.o.Keywords[k]
	return text, ok, nil
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}
