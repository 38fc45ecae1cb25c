package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates/ordered"
	"gopkg.in/yaml.v3"
)

// hostOptions are those of every command that reaches hosts.
type hostOptions struct {
	Inventory     []string `short:"i" aliases:"inventory-file" placeholder:"PATH" sep:"none" help:"Read this inventory file or directory, or take these comma-separated hosts; may be repeated. Default: inventory.yml (or .yaml, .ini, or inventory, hosts) here."`
	Limit         string   `short:"l" complete:"hosts" help:"Limit the run to these hosts (a host pattern)."`
	Cluster       string   `placeholder:"NAME" complete:"cluster" help:"Work on this cluster alone, where the inventory has several (polardb_cluster)."`
	ExtraVars     []string `short:"e" complete:"vars" name:"extra-vars" placeholder:"VARS" sep:"none" help:"Set variables that win over all others: key=value, YAML or JSON, or @FILE."`
	Forks         int      `short:"f" help:"Work on at most this many hosts at once. Default: 50."`
	User          string   `short:"u" help:"Log in as this user where the inventory names none."`
	PrivateKey    []string `name:"private-key" aliases:"key-file" placeholder:"FILE" sep:"none" help:"Log in with this private key; may be repeated."`
	AskPass       bool     `short:"k" name:"ask-pass" help:"Ask for the password to log in with."`
	AskBecomePass bool     `short:"K" name:"ask-become-pass" help:"Ask for the password of sudo."`
	Timeout       int      `short:"T" help:"Give up connecting after this many seconds. Default: 10."`
	Connection    string   `short:"c" placeholder:"KIND" help:"Reach hosts that do not say how by ssh, or by local: on this machine."`
	Become        bool     `short:"b" help:"Become root (or --become-user) where plays do not say whether."`
	BecomeUser    string   `name:"become-user" help:"Become this user where plays do not say whom."`
	BecomeMethod  string   `name:"become-method" placeholder:"METHOD" help:"Become another user by sudo (the default) or su."`
	SSHCommonArgs string   `name:"ssh-common-args" placeholder:"ARGS" help:"Take these arguments of ssh for hosts whose variables have none."`
	SSHExtraArgs  string   `name:"ssh-extra-args" placeholder:"ARGS" help:"Take these as well, after the others."`
	SFTPExtraArgs string   `name:"sftp-extra-args" hidden:"" help:"Accepted, as Ansible has it; polarbook copies files by its own ssh."`
	SCPExtraArgs  string   `name:"scp-extra-args" hidden:"" help:"Accepted, as Ansible has it; polarbook copies files by its own ssh."`

	ConnectionPasswordFile string `name:"connection-password-file" aliases:"conn-pass-file" placeholder:"FILE" help:"Read the password to log in with from this file, or have this program print it."`
	BecomePasswordFile     string `name:"become-password-file" aliases:"become-pass-file" placeholder:"FILE" help:"Read the password of sudo from this file, or have this program print it."`

	SSHConfig  string `name:"ssh-config" placeholder:"FILE" help:"Read this file instead of ~/.ssh/config."`
	KnownHosts string `name:"known-hosts" placeholder:"FILE" help:"Read this file instead of ~/.ssh/known_hosts."`
	vaultOptions
	bundleOptions
}

// inventoryNames are looked for in the working directory, in this order.
var inventoryNames = []string{"inventory.yml", "inventory.yaml", "inventory.ini", "inventory", "hosts.yml", "hosts.yaml", "hosts"}

func (o *hostOptions) sources(s *settings.Settings) ([]string, error) {
	if len(o.Inventory) > 0 {
		return o.Inventory, nil
	}
	if named, err := settingsInventory(s); err != nil || len(named) > 0 {
		return named, err
	}
	for _, name := range inventoryNames {
		if _, err := os.Stat(name); err != nil {
			continue
		}
		if here, err := os.Stat("."); err == nil && here.Mode().Perm()&0o002 != 0 && runtime.GOOS != "windows" {
			return nil, fmt.Errorf("everybody may write to this directory, so its %s is not read unless you name it: -i ./%s", name, name)
		}
		return []string{name}, nil
	}
	return nil, errNoInventory
}

// errNoInventory ends every command but one whose playbook needs no host other than localhost.
var errNoInventory = fmt.Errorf("there is no inventory here (looked for %s); name one with -i, or make one with polarbook init",
	strings.Join(inventoryNames, ", "))

// extraVars reads -e as Ansible does: later ones win. where says what each comes from.
func (o *hostOptions) extraVars(keys *vault.Keyring, warn func(string)) (
	vars map[string]any, where map[string]inventory.Position, err error,
) {
	vars, where = map[string]any{}, map[string]inventory.Position{}
	for _, text := range o.ExtraVars {
		from, mode, encrypted := "-e "+text, fs.FileMode(0), false
		if file, ok := strings.CutPrefix(text, "@"); ok {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, fmt.Errorf("-e %s: %w", text, plainPathError(err))
			}
			if info, err := os.Stat(file); err == nil {
				mode = info.Mode()
			}
			if data, encrypted, err = keys.File(data); err != nil {
				return nil, nil, fmt.Errorf("%s:1:1: %w", file, err)
			}
			text, from = string(data), file
		} else if !strings.HasPrefix(strings.TrimSpace(text), "{") && !strings.HasPrefix(strings.TrimSpace(text), "[") {
			more, err := playbooks.KeyValues(text)
			if err != nil {
				return nil, nil, fmt.Errorf("-e %s: %w", inventory.MaskRest(text), err)
			}
			for k, v := range more {
				vars[k], where[k] = v, inventory.Position{File: "-e"}
			}
			continue
		}
		shown := from
		if mode == 0 {
			shown = inventory.MaskRest(from)
		}
		masked := func(err error) string {
			if encrypted {
				return inventory.MaskQuoted(err.Error())
			}
			return inventory.MaskIn(strings.Split(text, "\n"), 0, err.Error())
		}
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(text), &node); err != nil {
			return nil, nil, fmt.Errorf("read %s: %s", shown, masked(err))
		}
		if _, err := inventory.DecodeYAML(&node); err != nil {
			return nil, nil, fmt.Errorf("read %s: %s", shown, masked(err))
		}
		value, err := inventory.DecodeYAMLIn(shown, &node)
		if err != nil {
			return nil, nil, err
		}
		read, ok := value.(*ordered.Map)
		if !ok && value != nil {
			return nil, nil, fmt.Errorf("%s must hold variables (a dict)", shown)
		}
		more := read.Top()
		if encrypted {
			inventory.TellOf(keys, read)
		} else if w := inventory.Exposed(from, mode, more); w != "" && mode != 0 {
			warn(w)
		}
		for k, v := range more {
			vars[k], where[k] = v, inventory.Position{File: "-e"}
		}
		if len(node.Content) == 1 && mode != 0 {
			for i := 0; i+1 < len(node.Content[0].Content); i += 2 {
				if key := node.Content[0].Content[i]; where[key.Value].File != "" {
					where[key.Value] = inventory.Position{File: from, Line: key.Line, Column: key.Column}
				}
			}
		}
	}
	return vars, where, nil
}

// plainPathError leaves out the file's name where the sentence has it already.
func plainPathError(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// jsonLine prints a value on one line.
func jsonLine(t *terminal, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, string(data))
	return err
}
