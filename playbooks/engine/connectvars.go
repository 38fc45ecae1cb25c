package engine

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

// config reads the connection variables of a host. Variables win over keywords, as in Ansible, and both over options.
func (r *run) config(v *variables) (c remote.Config, local bool, err error) {
	c = r.o.SSH
	c.Name = v.h.name
	if r.locks != nil {
		c.Run = r.o.RunID
	}
	get := func(names ...string) string {
		for _, name := range names {
			x, ok := v.Get(name)
			if !ok || x == nil || err != nil {
				continue
			}
			out, e := v.render(x)
			if e != nil {
				err = fmt.Errorf("%s: the variable %s: %w", v.h.name, name, e)
				return ""
			}
			if s := text(trusted(out)); s != "" {
				return s
			}
		}
		return ""
	}
	switch kind := get("ansible_connection"); kind {
	case "", "ssh", "smart", "paramiko", "ansible.builtin.ssh":
	case "local", "ansible.builtin.local":
		return c, true, err
	default:
		return c, false, fmt.Errorf("%s: ansible_connection is %q: polarbook reaches hosts by ssh, or local for its own", v.h.name, kind)
	}
	c.Address = get("ansible_host", "ansible_ssh_host")
	if s, e := v.text(v.sc.keyword(remoteUser), ""); e != nil {
		return c, false, e
	} else if s != "" {
		c.User = s
	}
	if s := get("ansible_user", "ansible_ssh_user"); s != "" {
		c.User = s
	}
	if n, e := v.number(v.sc.keyword(portOf), 0); e != nil {
		return c, false, e
	} else if n > 0 {
		c.Port = int(n)
	}
	if s := get("ansible_port", "ansible_ssh_port"); s != "" {
		n, e := number(s)
		if e != nil || n < 1 || n > 65535 || n != float64(int(n)) {
			return c, false, fmt.Errorf("%s: ansible_port is %q, which is no port", v.h.name, s)
		}
		c.Port = int(n)
	}
	if s := get("ansible_password", "ansible_ssh_password", "ansible_ssh_pass"); s != "" {
		r.secret("", s)
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
			if on, e := truth(s); e != nil {
				return c, false, fmt.Errorf("%s: %s: %w", v.h.name, name, e)
			} else if !on {
				c.Keys.Mode = remote.ModeOff
			}
		}
	}
	for _, name := range []string{"ansible_ssh_common_args", "ansible_ssh_extra_args"} {
		if s := get(name); s != "" {
			jump, e := proxyJump(s)
			if e != nil {
				return c, false, fmt.Errorf("%s: %s: %w", v.h.name, name, e)
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
	return "", fmt.Errorf("%q: polarbook is its own ssh and understands -J HOST and -o ProxyJump=HOST only; the rest belongs into ~/.ssh/config", args)
}
