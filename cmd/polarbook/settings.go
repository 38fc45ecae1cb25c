package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// readSettings finds ansible.cfg, and lays what it and the environment say under what the options do not say.
func (o *hostOptions) readSettings(warn func(string)) (*settings.Settings, error) {
	place, err := settings.Here()
	if err != nil {
		return nil, err
	}
	s, err := settings.Load(place)
	if err != nil {
		return nil, err
	}
	for _, text := range s.Warnings {
		warn(text)
	}
	number := func(into *int, name settings.Setting, otherwise int) {
		n, ok, e := s.Int(name)
		switch {
		case *into != 0:
		case ok:
			*into = n
		default:
			*into = otherwise
		}
		err = errors.Join(err, e)
	}
	number(&o.Forks, settings.Forks, engine.DefaultForks)
	number(&o.Timeout, settings.Timeout, defaultTimeout)
	if o.User == "" {
		o.User = s.Text(settings.RemoteUser)
	}
	if key := s.Path(settings.PrivateKeyFile); key != "" && len(o.PrivateKey) == 0 {
		o.PrivateKey = []string{key}
	}
	on := func(into *bool, name settings.Setting) {
		if yes, ok := s.Bool(name); ok && yes {
			*into = true
		}
	}
	if o.ConnectionPasswordFile == "" {
		o.ConnectionPasswordFile = s.Path(settings.PasswordFile)
	}
	if o.BecomePasswordFile == "" {
		o.BecomePasswordFile = s.Path(settings.BecomePasswordFile)
	}
	if o.ConnectionPasswordFile == "" {
		on(&o.AskPass, settings.AskPass)
	}
	if o.BecomePasswordFile == "" {
		on(&o.AskBecomePass, settings.BecomeAskPass)
	}
	return s, err
}

// defaultTimeout is how many seconds connecting may take where nobody says.
const defaultTimeout = 10

// inventoryOptions are those of the settings.
func inventoryOptions(s *settings.Settings) (inventory.Options, error) {
	behaviour, err := s.OneOf(settings.HashBehaviour, "replace", "merge")
	if err != nil {
		return inventory.Options{}, err
	}
	o := inventory.Options{MergeMappings: behaviour == "merge"}
	o.IgnoreExtensions, _ = s.List(settings.IgnoreExtensions)
	patterns, _ := s.List(settings.IgnorePatterns)
	for _, text := range patterns {
		p, err := regexp.Compile(text)
		if err != nil {
			v, _ := s.Value(settings.IgnorePatterns)
			return o, fmt.Errorf("%s: %s: %w", v.From, settings.IgnorePatterns, err)
		}
		o.IgnorePatterns = append(o.IgnorePatterns, p)
	}
	return o, nil
}

// settingsInventory are the inventories that the settings name, as a user would write them here.
func settingsInventory(s *settings.Settings) ([]string, error) {
	v, _ := s.Value(settings.Inventory)
	paths, _ := s.Paths(settings.Inventory, ",")
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s: inventory: read %s: %w", v.From, path, plainPathError(err))
		}
		if below, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(below, "..") {
			paths[i] = below
		}
	}
	return paths, nil
}

// rolesPath are the directories in which roles are looked for; nil: the usual ones.
func rolesPath(s *settings.Settings) []string {
	if paths, ok := s.Paths(settings.RolesPath, ":"); ok {
		return paths
	}
	if home := s.Path(settings.Home); home != "" {
		return []string{filepath.Join(home, "roles"), "/usr/share/ansible/roles", "/etc/ansible/roles"}
	}
	return nil
}

// collectionsPath are the directories that hold ansible_collections; nil: Ansible's own.
func collectionsPath(s *settings.Settings) []string {
	paths, _ := s.Paths(settings.CollectionsPath, ":")
	return paths
}

// library are the directories of modules of the user's own; nil: Ansible's own.
func library(s *settings.Settings) []string {
	paths, _ := s.Paths(settings.Library, ":")
	return paths
}

// defaults are what holds for all plays that do not say otherwise: options of the command line, or else the settings.
func (w *workplace) defaults() (engine.Defaults, error) {
	s, o := w.settings, w.options
	d := engine.Defaults{Keywords: map[session.Keyword]string{}}
	var problems []error
	keyword := func(k session.Keyword, option string, name settings.Setting) {
		if text := cmp.Or(option, s.Text(name)); text != "" {
			d.Keywords[k] = text
		}
	}
	become := ""
	if yes, ok := s.Bool(settings.Become); o.Become || ok && yes {
		become = "true"
	}
	keyword(session.Become, become, settings.Become)
	keyword(session.BecomeUser, o.BecomeUser, settings.BecomeUser)
	keyword(session.BecomeMethod, o.BecomeMethod, settings.BecomeMethod)
	keyword(session.BecomeFlags, "", settings.BecomeFlags)
	keyword(session.ConnectBy, o.Connection, settings.Transport)
	from := func(name settings.Setting, option, flag string) string {
		if v, ok := s.Value(name); ok && option == "" {
			return v.From + ": "
		}
		return flag + ": "
	}
	method := d.Keywords[session.BecomeMethod]
	if method != "" && !slices.Contains(tasks.BecomeMethods, method[strings.LastIndex(method, ".")+1:]) {
		problems = append(problems, fmt.Errorf("%sbecome_method is %q: polarbook becomes another user by %s",
			from(settings.BecomeMethod, o.BecomeMethod, "--become-method"), method, strings.Join(tasks.BecomeMethods, " or ")))
	}
	if kind := d.Keywords[session.ConnectBy]; kind != "" {
		if _, known := session.ConnectionMethod(kind); !known {
			problems = append(problems, fmt.Errorf("%sthe connection %q is not implemented by polarbook: "+
				"it reaches hosts by ssh, and this machine by local",
				from(settings.Transport, o.Connection, "--connection"), kind))
		}
	}
	args := func(into *string, option, flag string, name settings.Setting) {
		*into = cmp.Or(option, s.Text(name))
		if _, err := remote.ParseSSHArgs(*into); err != nil {
			problems = append(problems, fmt.Errorf("%s%w", from(name, option, flag), err))
		}
	}
	args(&d.SSHArgs, "", "", settings.SSHArgs)
	args(&d.SSHCommonArgs, o.SSHCommonArgs, "--ssh-common-args", settings.SSHCommonArgs)
	args(&d.SSHExtraArgs, o.SSHExtraArgs, "--ssh-extra-args", settings.SSHExtraArgs)
	behaviour, err := s.OneOf(settings.HashBehaviour, "replace", "merge")
	problems = append(problems, err)
	d.MergeMappings = behaviour == "merge"
	gathering, err := s.OneOf(settings.Gathering, "implicit", "explicit", "smart")
	problems = append(problems, err)
	d.GatherExplicitly = gathering == "explicit"
	d.GatherSubset, _ = s.List(settings.GatherSubset)
	d.AnyErrorsFatal, _ = s.Bool(settings.AnyErrorsFatal)
	d.NoLog, _ = s.Bool(settings.NoLog)
	d.Managed, d.File = s.Text(settings.Managed), s.File
	d.Timeout, _, err = s.Int(settings.TaskTimeout)
	problems = append(problems, err)
	d.Strategy, err = s.OneOf(settings.Strategy, "linear", "free", "ansible.builtin.linear", "ansible.builtin.free")
	d.Strategy = strings.TrimPrefix(d.Strategy, "ansible.builtin.")
	return d, errors.Join(append(problems, err)...)
}

// verifyKeys has host keys verified, unless the settings say that they are not.
func (w *workplace) verifyKeys(ssh *remote.Config) {
	v, ok := w.settings.Value(settings.HostKeyChecking)
	if on, _ := w.settings.Bool(settings.HostKeyChecking); !ok || on {
		return
	}
	ssh.Keys.Mode = remote.ModeOff
	w.warn(fmt.Sprintf("%s: the keys of hosts are not verified (host_key_checking): whoever answers at an address is believed to be the host",
		v.From))
}

// passwordFile reads a password from a file, or from what it prints when it is a program.
func passwordFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the password file %s: %w", path, plainPathError(err))
	}
	var text []byte
	if info.Mode().Perm()&0o111 != 0 {
		if path, err = filepath.Abs(path); err != nil {
			return "", err
		}
		cmd := exec.Command(path)
		cmd.Stderr = os.Stderr
		if text, err = cmd.Output(); err != nil {
			return "", fmt.Errorf("run the password program %s: %w", path, err)
		}
	} else if text, err = os.ReadFile(path); err != nil {
		return "", fmt.Errorf("read the password file %s: %w", path, plainPathError(err))
	}
	password := strings.TrimSpace(string(text))
	if password == "" {
		return "", fmt.Errorf("the password file %s is empty", path)
	}
	return password, nil
}

// checkSSHArgs reads the arguments of ssh that the inventory and the command line have in variables. Those with templates are
// read when they are known.
func (w *workplace) checkSSHArgs() error {
	var problems []error
	check := func(name string, value any, at inventory.Position) {
		if name != session.SSHArgs && name != session.SSHCommonArgs && name != session.SSHExtraArgs {
			return
		}
		text, ok := value.(string)
		if !ok || strings.Contains(text, "{{") || strings.Contains(text, "{%") {
			return
		}
		if _, err := remote.ParseSSHArgs(text); err != nil {
			problems = append(problems, fmt.Errorf("%s: %s: %w", at, name, err))
		}
	}
	w.inv.Each(check)
	for _, name := range sortedKeys(w.vars) {
		check(name, w.vars[name], w.from[name])
	}
	return errors.Join(problems...)
}

// readSettings lays what the settings say of a run under its options.
func (c *runCmd) readSettings(s *settings.Settings) error {
	run, _ := s.List(settings.RunTags)
	skip, _ := s.List(settings.SkipTags)
	c.Tags, c.SkipTags = append(run, c.Tags...), append(skip, c.SkipTags...)
	if always, _ := s.Bool(settings.AlwaysDiff); always {
		c.Diff = true
	}
	verbose, _, err := s.Int(settings.Verbosity)
	c.Verbose += verbose
	return err
}

// merges reports whether mappings of one name are merged (hash_behaviour).
func (w *workplace) merges() bool { return w.settings.Text(settings.HashBehaviour) == "merge" }
