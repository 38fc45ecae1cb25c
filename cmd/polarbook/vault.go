package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/inventory/vault"
)

type vaultCmd struct {
	Encrypt       vaultEncryptCmd `cmd:"" help:"Encrypt files, or standard input."`
	Decrypt       vaultDecryptCmd `cmd:"" help:"Decrypt files, or standard input."`
	View          vaultViewCmd    `cmd:"" help:"Show what encrypted files hold."`
	Create        vaultCreateCmd  `cmd:"" help:"Write a new encrypted file with $EDITOR."`
	Edit          vaultEditCmd    `cmd:"" help:"Change encrypted files with $EDITOR."`
	Rekey         vaultRekeyCmd   `cmd:"" help:"Encrypt files anew, with another password."`
	EncryptString vaultStringCmd  `cmd:"" name:"encrypt-string" aliases:"encrypt_string" help:"Encrypt texts as values for YAML."`
}

// vaultOutput is where a command on one file writes to.
type vaultOutput struct {
	Output string `placeholder:"FILE" help:"Write to this file instead, or to standard output (-)."`
}

// vaultWith says which of several passwords encrypts.
type vaultWith struct {
	EncryptVaultID string `name:"encrypt-vault-id" placeholder:"LABEL" help:"Encrypt with the password of this label, where there are several."`
}

type vaultEncryptCmd struct {
	Files []string `arg:"" optional:"" name:"file" help:"Encrypt these files in place; none, or -, is standard input."`
	vaultOptions
	vaultOutput
	vaultWith
}

// Run encrypts each file. None is touched when one is encrypted already.
func (c *vaultEncryptCmd) Run(t *terminal) error {
	secret, _, err := c.encrypting(t, c.EncryptVaultID)
	if err != nil {
		return err
	}
	return c.each(t, c.Files, func(data []byte) ([]byte, error) {
		if vault.Is(data) {
			return nil, errors.New("it is encrypted already")
		}
		return vault.Seal(data, secret.Password, secret.ID, nil), nil
	})
}

type vaultDecryptCmd struct {
	Files []string `arg:"" optional:"" name:"file" help:"Decrypt these files in place; none, or -, is standard input."`
	vaultOptions
	vaultOutput
}

// Run decrypts each file.
func (c *vaultDecryptCmd) Run(t *terminal) error {
	keys, err := c.decrypting(t)
	if err != nil {
		return err
	}
	return c.each(t, c.Files, func(data []byte) ([]byte, error) {
		plain, _, err := keys.Open(data)
		return plain, err
	})
}

// each turns the content of files into another, first all of them and then in place, or one into the output.
func (o vaultOutput) each(t *terminal, files []string, turn func([]byte) ([]byte, error)) error {
	if len(files) == 0 {
		files = []string{"-"}
	}
	if o.Output != "" && len(files) > 1 {
		return errors.New("--output takes what one file becomes")
	}
	turned := make([][]byte, len(files))
	for i, file := range files {
		data, err := t.contentOf(file)
		if err == nil {
			turned[i], err = turn(data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", nameOf(file), err)
		}
	}
	for i, file := range files {
		to := file
		if o.Output != "" {
			to = o.Output
		}
		if to == "-" {
			if err := t.print(turned[i]); err != nil {
				return err
			}
			continue
		}
		var old *os.File
		if runtime.GOOS != "windows" { // which replaces no file that is open
			old, _ = os.OpenFile(to, os.O_WRONLY, 0) // what cannot be opened is not covered
		}
		err := vault.Write(to, turned[i], false)
		if old != nil {
			if err == nil && vault.Is(turned[i]) {
				vault.Cover(old)
			}
			old.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func nameOf(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

func (t *terminal) contentOf(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(t.in)
	}
	data, err := os.ReadFile(file)
	return data, plainPathError(err)
}

// print writes data as it is, but to a terminal, which might obey it.
func (t *terminal) print(data []byte) error {
	out := t.out
	if l, ok := t.out.(*legible); ok && !t.tty {
		out = l.w
	}
	_, err := out.Write(data)
	return err
}

type vaultViewCmd struct {
	Files []string `arg:"" name:"file" help:"Show these files."`
	vaultOptions
}

// Run prints what the files hold.
func (c *vaultViewCmd) Run(t *terminal) error {
	keys, err := c.decrypting(t)
	if err != nil {
		return err
	}
	return vaultOutput{"-"}.one(t, c.Files, func(data []byte) ([]byte, error) {
		plain, _, err := keys.Open(data)
		return plain, err
	})
}

// one is each for files that become output one after the other.
func (o vaultOutput) one(t *terminal, files []string, turn func([]byte) ([]byte, error)) error {
	for _, file := range files {
		if err := o.each(t, []string{file}, turn); err != nil {
			return err
		}
	}
	return nil
}

type vaultRekeyCmd struct {
	Files                []string `arg:"" name:"file" help:"Encrypt these files anew."`
	NewVaultID           string   `name:"new-vault-id" placeholder:"[LABEL@]SOURCE" help:"Encrypt with the password from this source, under its label."`
	NewVaultPasswordFile string   `name:"new-vault-password-file" placeholder:"FILE" help:"Encrypt with the password from this file or executable."`
	vaultOptions
	vaultWith
}

// Run encrypts the files with another password. None is touched when one cannot be decrypted.
func (c *vaultRekeyCmd) Run(t *terminal) error {
	if c.NewVaultID != "" && c.NewVaultPasswordFile != "" {
		return errors.New("--new-vault-id and --new-vault-password-file exclude each other")
	}
	keys, err := c.decrypting(t)
	if err != nil {
		return err
	}
	set, err := t.vaultSettings()
	if err != nil {
		return err
	}
	fresh := vaultOptions{}
	if c.NewVaultID != "" {
		fresh.VaultID = []string{c.NewVaultID}
	}
	if c.NewVaultPasswordFile != "" {
		fresh.VaultPasswordFile = []string{c.NewVaultPasswordFile}
	}
	s := vaultSettingsOf(set)
	s.ask = false
	if with := c.EncryptVaultID; with == "" && s.encryptWith == "" {
		s.identities = nil
	}
	ring, err := fresh.keyringOf(t, s, true, t.warnOnce())
	if err != nil {
		return err
	}
	secret := ring.Secrets[0]
	if with := firstOf(c.EncryptVaultID, s.encryptWith); with != "" {
		if secret, err = secretOf(ring, with); err != nil {
			return err
		}
	}
	sealed := make([][]byte, len(c.Files))
	for i, file := range c.Files {
		data, err := t.contentOf(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		plain, _, err := keys.Open(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		sealed[i] = vault.Seal(plain, secret.Password, secret.ID, nil)
	}
	for i, file := range c.Files {
		if err := vault.Write(file, sealed[i], true); err != nil {
			return err
		}
	}
	return nil
}

type vaultStringCmd struct {
	Texts     []string `arg:"" optional:"" name:"text" help:"Encrypt these texts; none, or -, is standard input."`
	Prompt    bool     `short:"p" help:"Ask for the text."`
	ShowInput bool     `name:"show-input" help:"Show what is typed where the text is asked for."`
	Name      []string `short:"n" sep:"none" placeholder:"NAME" help:"Call the value so; once for each text."`
	StdinName string   `name:"stdin-name" placeholder:"NAME" help:"Read a text from standard input, and call its value so."`
	vaultOptions
	vaultOutput
	vaultWith
}

// Run prints the texts as YAML values.
func (c *vaultStringCmd) Run(t *terminal, run runContext) error {
	texts := slices.DeleteFunc(slices.Clone(c.Texts), func(s string) bool { return s == "-" })
	reading := len(texts) < len(c.Texts) || c.StdinName != "" || len(c.Texts) == 0 && !c.Prompt
	if c.Prompt && reading {
		return errors.New("--prompt does not go with a text from standard input")
	}
	secret, _, err := c.encrypting(t, c.EncryptVaultID)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	add := func(name, text string) {
		if name != "" {
			out.WriteString(name + ": ")
		}
		out.WriteString("!vault |\n")
		for line := range strings.Lines(string(vault.Seal([]byte(text), secret.Password, secret.ID, nil))) {
			out.WriteString("          " + line)
		}
	}
	if c.Prompt {
		name, text, err := c.asked(t, run)
		if err != nil {
			return err
		}
		add(name, text)
	}
	if reading {
		data, err := io.ReadAll(t.in)
		if err == nil && len(data) == 0 {
			err = errors.New("it is empty")
		}
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		add(c.StdinName, string(data))
	}
	if len(c.Name) > len(texts) {
		return fmt.Errorf("there are %d names and %d texts", len(c.Name), len(texts))
	}
	for i, text := range texts {
		name := ""
		if i < len(c.Name) {
			name = c.Name[i]
		}
		add(name, text)
	}
	if c.Output != "" && c.Output != "-" {
		return vault.Write(c.Output, out.Bytes(), false)
	}
	return t.print(out.Bytes())
}

func (c *vaultStringCmd) asked(t *terminal, run runContext) (name, text string, err error) {
	if name, err = t.ask(run, "Variable name (enter for no name): "); err != nil {
		return "", "", err
	}
	if c.ShowInput {
		text, err = t.ask(run, "String to encrypt: ")
	} else {
		text, err = t.secret("String to encrypt (hidden): ")
	}
	if err == nil && text == "" {
		err = errors.New("the text is empty")
	}
	return name, text, err
}

// vaultSettings are those of ansible.cfg and the environment.
func (t *terminal) vaultSettings() (*settings.Settings, error) {
	if t.secrets == nil {
		t.secrets = new(inventory.Secrets)
	}
	place, err := settings.Here()
	if err != nil {
		return nil, err
	}
	return settings.Load(place)
}

// decrypting are the passwords to decrypt with; where none is named, it is asked for.
func (o vaultOptions) decrypting(t *terminal) (*vault.Keyring, error) {
	set, err := t.vaultSettings()
	if err != nil {
		return nil, err
	}
	return o.keyringOf(t, vaultSettingsOf(set), false, t.warnOnce())
}

// encrypting is the password to encrypt with, of several the one of the label.
func (o vaultOptions) encrypting(t *terminal, with string) (vault.Secret, *vault.Keyring, error) {
	set, err := t.vaultSettings()
	if err != nil {
		return vault.Secret{}, nil, err
	}
	s := vaultSettingsOf(set)
	with = firstOf(with, s.encryptWith)
	ring, err := o.keyringOf(t, s, true, t.warnOnce())
	switch {
	case err != nil:
		return vault.Secret{}, nil, err
	case with != "":
		secret, err := secretOf(ring, with)
		return secret, ring, err
	case len(ring.Secrets) > 1:
		return vault.Secret{}, nil, fmt.Errorf("there are several passwords (%s); say with --encrypt-vault-id which one encrypts", labels(ring))
	}
	return ring.Secrets[0], ring, nil
}

// keyringOf is the keyring of the options; where they name no password, one is asked for, twice when it is new.
func (o vaultOptions) keyringOf(t *terminal, s vaultSettings, fresh bool, warn func(string)) (*vault.Keyring, error) {
	sources, err := o.sources(s)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		sources = []vault.Source{{ID: s.identity, Place: "prompt_ask_vault_pass"}}
	}
	return t.vaultKeyring(sources, s, fresh, warn)
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

func secretOf(ring *vault.Keyring, id string) (vault.Secret, error) {
	for _, secret := range ring.Secrets {
		if secret.ID == id {
			return secret, nil
		}
	}
	return vault.Secret{}, fmt.Errorf("there is no password of the label %q to encrypt with; there are %s", id, labels(ring))
}

func labels(ring *vault.Keyring) string {
	var ids []string
	for _, secret := range ring.Secrets {
		ids = append(ids, secret.ID)
	}
	return strings.Join(ids, ", ")
}
