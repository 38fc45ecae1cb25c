package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates"
)

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
		Templates: builtin, Vault: keys, Outside: true, Settings: configuration(set),
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

// carryOut runs a playbook of polarbook's own, of which a listener hears.
func (w *workplace) carryOut(run runContext, p *playbooks.Playbook, l event.Listener) error {
	o, err := w.engineOptions(run)
	if err != nil {
		return err
	}
	o.Playbooks, o.Listeners = []*playbooks.Playbook{p}, []event.Listener{l}
	_, err = engine.Run(run, o)
	return err
}
