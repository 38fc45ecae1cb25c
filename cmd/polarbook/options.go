package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates"
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
			more, err := keyValues(text)
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

// keyValues reads `a=1 b="two words"`; the values are strings.
func keyValues(text string) (map[string]any, error) {
	vars := map[string]any{}
	rest := strings.TrimSpace(text)
	for rest != "" {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || strings.ContainsAny(name, " \t'\"") || name == "" {
			return nil, errors.New("must be key=value, YAML or JSON in braces, or @FILE")
		}
		var value strings.Builder
		quote := rune(0)
		end := len(after)
		for i, c := range after {
			switch {
			case quote == 0 && (c == '\'' || c == '"'):
				quote = c
			case quote == c:
				quote = 0
			case quote == 0 && (c == ' ' || c == '\t'):
				end = i
			default:
				value.WriteRune(c)
			}
			if end == i {
				break
			}
		}
		if quote != 0 {
			return nil, errors.New("a quote is not closed")
		}
		vars[name] = value.String()
		rest = strings.TrimSpace(after[end:])
	}
	return vars, nil
}

// workplace holds what a run needs of the control node, put together from the options.
type workplace struct {
	options  hostOptions
	settings *settings.Settings
	t        *terminal
	inv      *inventory.Inventory
	keys     *vault.Keyring
	vars     map[string]any
	from     map[string]inventory.Position // where vars were given
	secrets  *inventory.Secrets
	render   *templates.Engine
	warn     func(string) // the same text is printed once
	// noInventory: there is none, and inv is empty.
	noInventory bool
}

// warnOfExposed names the files of the inventory that give secrets away to every account of this machine.
func (w *workplace) warnOfExposed() {
	for _, text := range w.inv.Exposed() {
		w.warn(text)
	}
}

func (o hostOptions) prepare(t *terminal) (*workplace, error) {
	w, err := o.prepareWithout(t)
	if err == nil && w.noInventory {
		return nil, errNoInventory
	}
	return w, err
}

// prepareWithout is prepare where an inventory need not be.
func (o hostOptions) prepareWithout(t *terminal) (*workplace, error) {
	warn := t.warnOnce()
	if err := o.enterBundle(t); err != nil {
		return nil, err
	}
	set, err := o.readSettings(warn)
	if err != nil {
		return nil, err
	}
	sources, err := o.sources(set)
	noInventory := errors.Is(err, errNoInventory)
	if err != nil && !noInventory {
		return nil, err
	}
	for _, source := range sources {
		if !strings.Contains(source, ",") {
			if err := o.inBundle(source); err != nil {
				return nil, err
			}
		}
	}
	reading, err := inventoryOptions(set)
	if err != nil {
		return nil, err
	}
	// What cannot be read may be quoted, but for what stands behind the name of a secret.
	t.secrets = new(inventory.Secrets)
	keys, err := o.keyring(t, set, warn)
	if err != nil {
		return nil, err
	}
	reading.Vault = keys
	vars, from, err := o.extraVars(keys, warn)
	if err != nil {
		return nil, errors.New(inventory.MaskNamed(err.Error()))
	}
	if o.Bundle != "" {
		if online, given := vars[offlineVar]; given && !isTrue(online) {
			return nil, fmt.Errorf("--bundle is for a site without a network, and -e says %s=%v", offlineVar, online)
		}
		vars[offlineVar] = true
	}
	reading.Expressions, reading.ExtraVars = expressions{templates.New(templates.Options{Secrets: t.secrets, Env: os.LookupEnv})}, vars
	inv, err := inventory.LoadWith(reading, sources)
	if err != nil {
		return nil, errors.New(inventory.MaskNamed(err.Error()))
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	builtin := func(name string) (string, bool) { text, err := templates.Builtin(name); return text, err == nil }
	render := templates.New(templates.Options{
		Filters: all.Filters, Secrets: t.secrets, Env: os.LookupEnv, Read: os.ReadFile, Directories: []string{dir},
		Templates: builtin, Vault: keys, Outside: true,
		Hosts: func(patterns []string) ([]string, error) {
			hosts, err := inv.SelectAll(patterns)
			names := make([]string, len(hosts))
			for at, h := range hosts {
				names[at] = h.Name
			}
			return names, err
		},
	})
	w := &workplace{options: o, settings: set, t: t, inv: inv, keys: keys, vars: vars, from: from,
		secrets: t.secrets, render: render, warn: warn, noInventory: noInventory}
	w.warnOfExposed()
	if _, err := w.defaults(); err != nil {
		return nil, err
	}
	if o.Cluster != "" {
		if err := w.choose(o.Cluster); err != nil {
			return nil, err
		}
	}
	return w, w.checkSSHArgs()
}

func (w *workplace) load(name string) (*playbooks.Playbook, error) {
	p, err := playbooks.Load(name, playbooks.Options{
		Templates: templates.Files(), Checker: w.render, ExtraVars: w.vars,
		RolesPath: w.options.within(rolesPath(w.settings)), CollectionsPath: w.options.within(collectionsPath(w.settings)),
		Library: w.options.within(library(w.settings)), Vault: w.keys, Only: w.options.bundleRoot(),
	})
	if err != nil {
		return nil, err
	}
	if p.Builtin {
		if err := w.oneCluster(); err != nil {
			return nil, err
		}
	} else {
		if err := w.inv.AddPlaybookDir(filepath.Dir(p.Path)); err != nil {
			return nil, err
		}
		w.warnOfExposed() // what lies beside the playbook
	}
	return p, nil
}

// engineOptions asks for the passwords that the options want asked.
func (w *workplace) engineOptions(run runContext) (engine.Options, error) {
	o := w.options
	e := engine.Options{
		Inventory: w.inv, Limit: o.Limit, ExtraVars: w.vars, Forks: o.Forks, Stop: run.stop,
		Templates: w.render, Secrets: w.secrets, Vault: w.keys, UnknownKeys: w.unknownKeys, Warn: w.warn,
		Refresh: w.inv.Reread,
		SSH: remote.Config{
			User: o.User, KeyFiles: o.PrivateKey, ConfigFile: o.SSHConfig, Passphrase: w.passphrases(), Warn: w.warn,
			Jumps: remote.NewJumps(), ConnectTimeout: seconds(o.Timeout),
		},
	}
	if o.KnownHosts != "" {
		e.SSH.Keys.Files = []string{o.KnownHosts}
	}
	if w.t.asks() {
		e.Prompt = w.prompt
	}
	var err error
	if e.Defaults, err = w.defaults(); err != nil {
		return e, err
	}
	if e.SSH.Retries, _, err = w.settings.Int(settings.SSHRetries); err != nil {
		return e, err
	}
	if port, ok, err := w.settings.Int(settings.RemotePort); err != nil {
		return e, err
	} else if ok {
		e.SSH.Port = port
	}
	w.verifyKeys(&e.SSH)
	if o.ConnectionPasswordFile != "" {
		if e.SSH.Password, err = passwordFile(o.ConnectionPasswordFile); err != nil {
			return e, err
		}
		w.secrets.Add(e.SSH.Password)
	}
	if o.BecomePasswordFile != "" {
		if e.BecomePassword, err = passwordFile(o.BecomePasswordFile); err != nil {
			return e, err
		}
		w.secrets.Add(e.BecomePassword)
	}
	if o.AskPass {
		if e.SSH.Password, err = w.t.secret("SSH password: "); err != nil {
			return e, fmt.Errorf("--ask-pass: %w", err)
		}
		w.secrets.Add(e.SSH.Password)
	}
	if o.AskBecomePass {
		prompt := "BECOME password: "
		if o.AskPass {
			prompt = "BECOME password [the SSH password]: "
		}
		if e.BecomePassword, err = w.t.secret(prompt); err != nil {
			return e, fmt.Errorf("--ask-become-pass: %w", err)
		}
		if e.BecomePassword == "" {
			e.BecomePassword = e.SSH.Password
		}
		w.secrets.Add(e.BecomePassword)
	}
	return e, nil
}

// warnOnce prints each warning the first time that it is told, whichever host is the first.
func (t *terminal) warnOnce() func(string) {
	var mu sync.Mutex
	told := map[string]bool{}
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if !told[text] {
			told[text] = true
			fmt.Fprintln(t.err, "warning: "+indentAfter(t.masked(text), "  "))
		}
	}
}

// unknownKeys shows all unknown host keys in one table and asks once.
func (w *workplace) unknownKeys(ctx context.Context, unknown []*remote.UnknownHostKeyError) error {
	rows := [][]string{{"HOST", "ADDRESS", "KEY", "FINGERPRINT"}}
	for _, u := range unknown {
		rows = append(rows, []string{u.Host, u.Address, u.Key.Type(), u.Fingerprint()})
	}
	var own []string
	for _, u := range unknown {
		if !slices.Contains(own, u.OwnFile()) {
			own = append(own, u.OwnFile())
		}
	}
	fmt.Fprintf(w.t.err, "These host keys are not known yet:\n\n%s\n\nCompare them with the hosts' own: ssh-keygen -lf %s\n",
		table(rows), strings.Join(own, ", or "))
	if !w.t.asks() {
		return errors.New("no terminal to accept it on: put the key into known_hosts, or pin it in the inventory (ansible_host_key)")
	}
	answer, err := w.t.ask(ctx, "Accept all of them and remember them? Type yes: ")
	if err != nil {
		return err
	}
	if answer != "yes" {
		return errors.New("the key was not accepted")
	}
	return remote.Accept(unknown...)
}

// passphrases asks once for each key, however many hosts want it at once.
func (w *workplace) passphrases() func(context.Context, string) ([]byte, error) {
	if !w.t.asks() {
		return nil
	}
	var mu sync.Mutex
	known := map[string]string{}
	return func(_ context.Context, file string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := known[file]; !ok {
			text, err := w.t.secret("Passphrase of " + file + ": ")
			if err != nil {
				return nil, err
			}
			w.secrets.Add(text)
			known[file] = text
		}
		return []byte(known[file]), nil
	}
}

func (w *workplace) prompt(ctx context.Context, q engine.Question) (string, error) {
	text := q.Text
	if q.Default != "" && !q.Private {
		text += " [" + q.Default + "]"
	}
	if !q.Pause {
		text += ": "
	}
	for {
		ask := func(text string) (string, error) {
			if q.Private {
				return w.t.secret(text)
			}
			return w.t.ask(ctx, text)
		}
		answer, err := ask(text)
		if err != nil {
			return "", err
		}
		if q.Confirm {
			again, err := ask("again, " + text)
			if err != nil {
				return "", err
			}
			if again != answer {
				fmt.Fprintln(w.t.err, "The two entries differ.")
				continue
			}
		}
		if answer == "" {
			answer = q.Default
		}
		return answer, nil
	}
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
