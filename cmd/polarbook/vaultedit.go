package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/polarbook/polarbook/inventory/vault"
)

type vaultEditCmd struct {
	Files []string `arg:"" name:"file" help:"Change these files."`
	vaultOptions
}

// Run has each file changed, and encrypts it with the password and under the id that it had. What was not changed is not written.
func (c *vaultEditCmd) Run(t *terminal) error {
	keys, err := c.decrypting(t)
	if err != nil {
		return err
	}
	for _, file := range c.Files {
		data, err := t.contentOf(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		plain, secret, err := keys.Open(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		sealed, err := vault.Parse(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		edited, err := t.edit(plain, filepath.Ext(file))
		if err != nil {
			return fmt.Errorf("%s was left as it was: %w", file, err)
		}
		if bytes.Equal(edited, plain) {
			continue
		}
		if err := vault.Write(file, vault.Seal(edited, secret.Password, sealed.ID, nil), true); err != nil {
			return err
		}
	}
	return nil
}

type vaultCreateCmd struct {
	File         string `arg:"" help:"Write this file."`
	SkipTTYCheck bool   `name:"skip-tty-check" help:"Open the editor where there is no terminal, too."`
	vaultOptions
	vaultWith
}

// Run writes a file that is not there yet.
func (c *vaultCreateCmd) Run(t *terminal) error {
	if _, err := os.Lstat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; change it with polarbook vault edit", c.File)
	}
	if !t.tty && !c.SkipTTYCheck {
		return errors.New("there is no terminal for the editor; encrypt reads what to encrypt from standard input")
	}
	secret, _, err := c.encrypting(t, c.EncryptVaultID)
	if err != nil {
		return err
	}
	text, err := t.edit(nil, filepath.Ext(c.File))
	if err != nil {
		return err
	}
	return vault.Write(c.File, vault.Seal(text, secret.Password, secret.ID, nil), false)
}

// edit has a text changed by $EDITOR, in a directory that nobody else can look into and that is removed whatever happens.
func (t *terminal) edit(text []byte, extension string) (edited []byte, err error) {
	scratch, err := vault.NewScratch()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, scratch.Remove()) }()
	file := filepath.Join(scratch.Dir, "text"+extension)
	if err := os.WriteFile(file, text, vault.Private); err != nil {
		return nil, fmt.Errorf("write what is to be edited: %w", err)
	}
	command := editor(file)
	command.Stdin, command.Stdout, command.Stderr = t.in, os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("the editor did not end well: %w", err)
	}
	if edited, err = os.ReadFile(file); err != nil {
		return nil, fmt.Errorf("read what was edited: %w", plainPathError(err))
	}
	return edited, nil
}
