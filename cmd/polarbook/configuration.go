package main

import (
	"os"
	"path/filepath"

	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/playbooks/engine"
)

// configuration is what lookup('config') finds: the settings by the names that Ansible has for them, with its defaults. Options of the
// command line have no part in it, as in Ansible.
func configuration(s *settings.Settings) map[string]any {
	home := s.Path(settings.Home)
	if own, err := os.UserHomeDir(); home == "" && err == nil {
		home = filepath.Join(own, ".ansible")
	}
	known := map[string]any{"ANSIBLE_HOME": home, "DEFAULT_EXECUTABLE": "/bin/sh"}
	for name, of := range map[string]settings.Setting{
		"DEFAULT_REMOTE_USER": settings.RemoteUser, "DEFAULT_BECOME_METHOD": settings.BecomeMethod, "DEFAULT_BECOME_USER": settings.BecomeUser,
		"DEFAULT_TRANSPORT": settings.Transport, "DEFAULT_GATHERING": settings.Gathering, "DEFAULT_HASH_BEHAVIOUR": settings.HashBehaviour,
		"DEFAULT_STRATEGY": settings.Strategy, "DEFAULT_MANAGED_STR": settings.Managed,
	} {
		known[name] = nil
		if text := s.Text(of); text != "" {
			known[name] = text
		} else if otherwise, ok := usualSettings[of]; ok {
			known[name] = otherwise
		}
	}
	for name, of := range map[string]settings.Setting{
		"DEFAULT_FORKS": settings.Forks, "DEFAULT_TIMEOUT": settings.Timeout, "DEFAULT_REMOTE_PORT": settings.RemotePort,
		"TASK_TIMEOUT": settings.TaskTimeout,
	} {
		known[name] = usualSettings[of]
		if n, ok, err := s.Int(of); ok && err == nil {
			known[name] = n
		}
	}
	for name, of := range map[string]settings.Setting{
		"DEFAULT_BECOME": settings.Become, "HOST_KEY_CHECKING": settings.HostKeyChecking, "ANY_ERRORS_FATAL": settings.AnyErrorsFatal,
		"DEFAULT_NO_LOG": settings.NoLog, "DEFAULT_FORCE_HANDLERS": settings.ForceHandlers,
	} {
		known[name] = of == settings.HostKeyChecking
		if on, ok := s.Bool(of); ok {
			known[name] = on
		}
	}
	for name, of := range map[string]struct {
		setting   settings.Setting
		separator string
		otherwise []string
	}{
		"DEFAULT_ROLES_PATH": {settings.RolesPath, ":", []string{filepath.Join(home, "roles"), "/usr/share/ansible/roles", "/etc/ansible/roles"}},
		"COLLECTIONS_PATHS":  {settings.CollectionsPath, ":", []string{filepath.Join(home, "collections"), "/usr/share/ansible/collections"}},
		"DEFAULT_HOST_LIST":  {settings.Inventory, ",", []string{"/etc/ansible/hosts"}},
	} {
		paths, ok := s.Paths(of.setting, of.separator)
		if !ok {
			paths = of.otherwise
		}
		list := make([]any, len(paths))
		for i, path := range paths {
			list[i] = path
		}
		known[name] = list
	}
	known["DEFAULT_PRIVATE_KEY_FILE"] = nil
	if path := s.Path(settings.PrivateKeyFile); path != "" {
		known["DEFAULT_PRIVATE_KEY_FILE"] = path
	}
	return known
}

// usualSettings are what Ansible takes where nobody says.
var usualSettings = map[settings.Setting]any{
	settings.BecomeMethod: "sudo", settings.BecomeUser: "root", settings.Transport: "ssh", settings.Gathering: "implicit",
	settings.HashBehaviour: "replace", settings.Strategy: "linear", settings.Managed: "Ansible managed",
	settings.Forks: engine.DefaultForks, settings.Timeout: defaultTimeout, settings.TaskTimeout: 0,
}
