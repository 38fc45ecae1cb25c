package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/inventory/vault"
)

// vaultOptions say where the passwords of Ansible Vault come from.
type vaultOptions struct {
	VaultID           []string `name:"vault-id" placeholder:"[LABEL@]SOURCE" sep:"none" help:"Decrypt with the password from this source: prompt, a file, or an executable that prints it; may be repeated."`
	VaultPasswordFile []string `name:"vault-password-file" aliases:"vault-pass-file" placeholder:"FILE" sep:"none" help:"Decrypt with the password from this file or executable; may be repeated."`
	AskVaultPass      bool     `short:"J" name:"ask-vault-pass" aliases:"ask-vault-password" help:"Ask for the password to decrypt with."`
}

// vaultSettings are what Ansible's configuration says of passwords, besides the options.
type vaultSettings struct {
	identities   []string // label@source each, before those of --vault-id
	passwordFile string   // after those of --vault-password-file
	identity     string   // the label of what is given none
	encryptWith  string   // the label of the password to encrypt with
	onlyMatching bool
	ask          bool
}

// vaultSettingsOf reads what the configuration says, in ansible.cfg and in Ansible's environment variables.
func vaultSettingsOf(set *settings.Settings) vaultSettings {
	s := vaultSettings{
		passwordFile: set.Path(settings.VaultPasswordFile), identity: set.Text(settings.VaultIdentity),
		encryptWith: set.Text(settings.VaultEncryptIdentity),
	}
	s.identities, _ = set.List(settings.VaultIdentityList)
	s.onlyMatching, _ = set.Bool(settings.VaultIDMatch)
	s.ask, _ = set.Bool(settings.AskVaultPass)
	if s.identity == "" {
		s.identity = vault.DefaultID
	}
	return s
}

// sources are where the passwords come from, in the order in which they are tried.
func (o vaultOptions) sources(s vaultSettings) ([]vault.Source, error) {
	if o.AskVaultPass && len(o.VaultPasswordFile) > 0 {
		return nil, errors.New("--ask-vault-pass and --vault-password-file exclude each other; --vault-id can be given several times")
	}
	var sources []vault.Source
	for i, text := range append(s.identities, o.VaultID...) {
		source, err := vault.ParseSource(text)
		if err != nil {
			option := "--vault-id"
			if i < len(s.identities) {
				option = "vault_identity_list"
			}
			return nil, fmt.Errorf("%s %s: %w", option, text, err)
		}
		sources = append(sources, source)
	}
	files := o.VaultPasswordFile
	if s.passwordFile != "" {
		files = append(files[:len(files):len(files)], s.passwordFile)
	}
	for _, file := range files {
		sources = append(sources, vault.Source{ID: s.identity, Place: file})
	}
	if o.AskVaultPass || s.ask {
		sources = append(sources, vault.Source{ID: s.identity, Place: "prompt_ask_vault_pass"})
	}
	return sources, nil
}

// keyring reads and asks for the passwords that the options name. As in Ansible a source that cannot be read is a warning while
// there is another.
func (o vaultOptions) keyring(t *terminal, set *settings.Settings, warn func(string)) (*vault.Keyring, error) {
	s := vaultSettingsOf(set)
	sources, err := o.sources(s)
	if err != nil {
		return nil, err
	}
	return t.vaultKeyring(sources, s, false, warn)
}

// vaultKeyring reads and asks for passwords; a fresh one is asked for twice.
func (t *terminal) vaultKeyring(sources []vault.Source, s vaultSettings, fresh bool, warn func(string)) (*vault.Keyring, error) {
	keys := &vault.Keyring{OnlyMatching: s.onlyMatching, Tell: func(secret string) {
		if inventory.SecretValue("", secret) {
			t.secrets.Add(secret)
		}
	}}
	var last error
	for _, source := range sources {
		password, err := t.vaultPassword(source, fresh, keys)
		if err != nil && source.Asked() {
			return nil, err
		}
		if err != nil {
			warn(err.Error())
			last = err
			continue
		}
		t.secrets.Add(string(password))
		keys.Secrets = append(keys.Secrets, vault.Secret{ID: label(source, s), Password: password})
	}
	if len(keys.Secrets) == 0 && last != nil {
		return nil, last
	}
	return keys, nil
}

// label is what the password of a source goes by.
func label(source vault.Source, s vaultSettings) string {
	if source.ID == "" {
		return s.identity
	}
	return source.ID
}

func (t *terminal) vaultPassword(source vault.Source, fresh bool, keys *vault.Keyring) ([]byte, error) {
	if !source.Asked() {
		return source.Read(context.Background(), keys)
	}
	text, err := t.secret(source.Question(fresh, false))
	if err == nil && fresh {
		again, e := t.secret(source.Question(true, true))
		if e == nil && again != text {
			e = errors.New("the two entries differ")
		}
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the vault password of %s: %w", source.Label(), err)
	}
	password := bytes.TrimSpace([]byte(text))
	if len(password) == 0 {
		return nil, fmt.Errorf("the vault password of %s is empty", source.Label())
	}
	return password, nil
}
