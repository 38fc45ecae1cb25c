package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
	switch kind := get("ansible_connection"); kind {
	case "", "ssh", "smart", "paramiko", "ansible.builtin.ssh":
	case "local", "ansible.builtin.local":
		return c, true, err
	default:
		return c, false, fmt.Errorf("%s: ansible_connection is %q: polarbook reaches hosts by ssh, or local for its own", c.Name, kind)
	}
	c.Address = get("ansible_host", "ansible_ssh_host")
	if name, _, e := v.Keyword(RemoteUser); e != nil {
		return c, false, e
	} else if name != "" {
		c.User = name
	}
	if s := get("ansible_user", "ansible_ssh_user"); s != "" {
		c.User = s
	}
	if port, _, e := v.Keyword(Port); e != nil {
		return c, false, e
	} else if n, e := strconv.ParseFloat(port, 64); e == nil && n > 0 {
		c.Port = int(n)
	}
	if s := get("ansible_port", "ansible_ssh_port"); s != "" {
		n, e := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if e != nil || n < 1 || n > 65535 || n != float64(int(n)) {
			return c, false, fmt.Errorf("%s: ansible_port is %q, which is not a port", c.Name, s)
		}
		c.Port = int(n)
	}
	if s := get("ansible_password", "ansible_ssh_password", "ansible_ssh_pass"); s != "" {
		ss.secret(s)
		c.Password = s
	}
	if s := get("ansible_ssh_private_key_file", "ansible_private_key_file"); s != "" {
		c.KeyFiles = append([]string{expandHome(s)}, c.KeyFiles...)
	}
	if s := get("ansible_host_key"); s != "" {
		c.Keys.Pinned = append(append([]string{}, c.Keys.Pinned...), s)
	}
	for _, name := range []string{"ansible_host_key_checking", "ansible_ssh_host_key_checking"} {
		if s := get(name); s != "" {
			if on, e := Truth(s); e != nil {
				return c, false, fmt.Errorf("%s: %s: %w", c.Name, name, e)
			} else if !on {
				c.Keys.Mode = remote.ModeOff
			}
		}
	}
	for _, name := range []string{"ansible_ssh_common_args", "ansible_ssh_extra_args"} {
		if s := get(name); s != "" {
			jump, e := proxyJump(s)
			if e != nil {
				return c, false, fmt.Errorf("%s: %s: %w", c.Name, name, e)
			}
			c.ProxyJump = jump
		}
	}
	return c, false, err
}

// proxyJump understands the one thing that ssh's arguments are mostly there for.
func proxyJump(args string) (string, error) {
	words := strings.Fields(strings.NewReplacer(`"`, "", `'`, "").Replace(args))
	switch {
	case len(words) == 2 && words[0] == "-J":
		return words[1], nil
	case len(words) == 1 && strings.HasPrefix(words[0], "-J"):
		return words[0][2:], nil
	case len(words) == 2 && words[0] == "-o" && strings.HasPrefix(words[1], "ProxyJump="):
		return strings.TrimPrefix(words[1], "ProxyJump="), nil
	case len(words) == 1 && strings.HasPrefix(words[0], "-oProxyJump="):
		return strings.TrimPrefix(words[0], "-oProxyJump="), nil
	}
	return "", fmt.Errorf("%q: polarbook is its own ssh and understands -J HOST and -o ProxyJump=HOST only; "+
		"the rest belongs into ~/.ssh/config", args)
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}
