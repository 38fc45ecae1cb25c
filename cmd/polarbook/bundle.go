package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aead.dev/minisign"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks/bundle"
)

type bundleCmd struct {
	Create   bundleCreateCmd   `cmd:"" help:"Put a directory with all that a site needs into one file."`
	Verify   bundleVerifyCmd   `cmd:"" help:"Compare a bundle with its manifest, its signature and its checksums."`
	List     bundleListCmd     `cmd:"" help:"List what a bundle holds."`
	Extract  bundleExtractCmd  `cmd:"" help:"Write a bundle's files to a directory, after it was verified."`
	Diff     bundleDiffCmd     `cmd:"" help:"List the files in which two bundles differ."`
	Packages bundlePackagesCmd `cmd:"" help:"Download, on a host that has repositories, the packages that a minimal installation lacks for the engine."`
	Keygen   bundleKeygenCmd   `cmd:"" help:"Make a pair of keys to sign bundles with, in minisign's form."`
}

// bundleTrust is which bundles are taken.
type bundleTrust struct {
	Key      []string `placeholder:"KEY" sep:"none" complete:"files" help:"Trust this public key of minisign's: a file, or the key itself; may be repeated. Default: the keys in ~/.config/polarbook/keys."`
	KeysFrom []string `name:"keys-from" placeholder:"INVENTORY" sep:"none" complete:"files" help:"Trust the public keys that this inventory names in polarbook_bundle_keys, files or keys themselves; one that is here, and none of the bundle's. May be repeated."`
	Unsigned bool     `help:"Take a bundle that nobody signed, or whose key is not trusted here. Its checksums are compared all the same."`
}

// keys reads the public keys that are trusted.
func (c *bundleTrust) keys() ([]minisign.PublicKey, error) {
	named, err := c.inventoryKeys()
	if err != nil {
		return nil, err
	}
	if named = append(named, c.Key...); len(named) == 0 {
		dir, err := configDir()
		if err != nil {
			return nil, err
		}
		if named, err = filepath.Glob(filepath.Join(dir, "keys", "*.pub")); err != nil {
			return nil, err
		}
	}
	var keys []minisign.PublicKey
	for _, name := range named {
		var key minisign.PublicKey
		if err := key.UnmarshalText([]byte(name)); err != nil {
			if key, err = minisign.PublicKeyFromFile(name); err != nil {
				return nil, fmt.Errorf("read the public key %s: %w", oneLine(name), err)
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// bundleKeysVar names the keys in an inventory.
const bundleKeysVar = "polarbook_bundle_keys"

// inventoryKeys are the keys that inventories name, whichever group or host has them; files are relative to the one that names them.
func (c *bundleTrust) inventoryKeys() ([]string, error) {
	var named []string
	for _, source := range c.KeysFrom {
		inv, err := inventory.Load([]string{source})
		if err != nil {
			return nil, err
		}
		before := len(named)
		var failed error
		inv.Each(func(name string, value any, at inventory.Position) {
			if name != bundleKeysVar {
				return
			}
			values, list := value.([]any)
			if !list {
				values = []any{value}
			}
			for _, v := range values {
				key, isText := v.(string)
				switch {
				case !isText || key == "" || strings.Contains(key, "{{") || strings.Contains(key, "{%"):
					failed = fmt.Errorf("%s: %s: has to be keys or files of them, written out", at, bundleKeysVar)
				case new(minisign.PublicKey).UnmarshalText([]byte(key)) != nil && !filepath.IsAbs(key):
					key = filepath.Join(filepath.Dir(at.File), key)
				}
				named = append(named, key)
			}
		})
		if failed == nil && len(named) == before {
			failed = fmt.Errorf("%s names no keys: %s is not in it", oneLine(source), bundleKeysVar)
		}
		if failed != nil {
			return nil, failed
		}
	}
	return named, nil
}

// configDir is where the user's own files of polarbook's are.
func configDir() (string, error) {
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "polarbook"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".config", "polarbook"), err
}

// open opens a bundle and verifies all of it.
func (c *bundleTrust) open(t *terminal, name string) (*bundle.Bundle, error) {
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(name)
	if err != nil {
		return nil, &exit{code: exitFailed, err: err}
	}
	err = b.Signed(keys)
	if err != nil && c.Unsigned {
		fmt.Fprintf(t.err, "warning: %s: %v\n", oneLine(name), err)
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%s is refused: %w; give the key of who made it with --key or --keys-from, or put it into ~/.config/polarbook/keys",
			name, err)
	} else if err = b.Verify(func(string) {}); err != nil {
		err = fmt.Errorf("%s is refused: %w", name, err)
	}
	if err != nil {
		return nil, errors.Join(&exit{code: exitFailed, err: err}, b.Close())
	}
	return b, nil
}

type bundleVerifyCmd struct {
	Bundle string `arg:"" complete:"files" help:"Verify this bundle."`
	bundleTrust
}

func (c *bundleVerifyCmd) Run(t *terminal) error {
	b, err := c.open(t, c.Bundle)
	if err != nil {
		return err
	}
	defer b.Close()
	signed := "not signed by a key that is trusted here"
	if !c.Unsigned {
		signed = "signed with key " + b.Signer()
	}
	fmt.Fprintf(t.out, "%s: %s, whole, %s, made by %s at %s\n", oneLine(c.Bundle), plural(len(b.Files), "file"), signed, oneLine(b.MadeBy),
		b.MadeAt.UTC().Format("2006-01-02T15:04:05Z"))
	return nil
}

type bundleListCmd struct {
	Bundle string `arg:"" complete:"files" help:"List this bundle's files."`
	Output string `short:"o" enum:"text,json" default:"text" help:"Choose the output: text, or json (the manifest)."`
}

// Run lists what the manifest says; nothing is verified but that it is the archive's.
func (c *bundleListCmd) Run(t *terminal) error {
	b, err := bundle.Open(c.Bundle)
	if err != nil {
		return &exit{code: exitFailed, err: err}
	}
	defer b.Close()
	if c.Output == "json" {
		return jsonLine(t, b.Manifest)
	}
	rows := [][]string{{"KIND", "FOR", "VERSION", "SIZE", "PATH"}}
	for _, f := range b.Files {
		dash := func(s string) string {
			if s == "" {
				return "-"
			}
			return s
		}
		rows = append(rows, []string{f.Kind, dash(strings.Trim(f.OS+" "+f.Architecture, " ")), dash(f.Version), bytesText(f.Size), f.Path})
	}
	fmt.Fprintln(t.out, table(rows))
	return nil
}

type bundleExtractCmd struct {
	Bundle string   `arg:"" complete:"files" help:"Extract this bundle."`
	Paths  []string `arg:"" optional:"" name:"path" help:"Write these files alone, or those below these directories. Default: all but the programs for control nodes."`
	To     string   `short:"C" name:"directory" default:"." complete:"directories" help:"Write below this directory."`
	bundleTrust
}

func (c *bundleExtractCmd) Run(t *terminal) error {
	b, err := c.open(t, c.Bundle)
	if err != nil {
		return err
	}
	defer b.Close()
	missing := slices.Clone(c.Paths)
	wanted := func(f bundle.File) bool {
		if len(c.Paths) == 0 {
			return f.Kind != bundle.Polarbook
		}
		return slices.ContainsFunc(c.Paths, func(p string) bool {
			p = strings.TrimSuffix(filepath.ToSlash(p), "/")
			return f.Path == p || strings.HasPrefix(f.Path, p+"/")
		})
	}
	for _, f := range b.Files {
		missing = slices.DeleteFunc(missing, func(p string) bool {
			p = strings.TrimSuffix(filepath.ToSlash(p), "/")
			return f.Path == p || strings.HasPrefix(f.Path, p+"/")
		})
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s is not in the bundle", missing[0])
	}
	return b.Extract(c.To, wanted, func(name string) { fmt.Fprintln(t.out, oneLine(filepath.Join(c.To, name))) })
}

type bundleDiffCmd struct {
	A string `arg:"" complete:"files" help:"The first bundle."`
	B string `arg:"" complete:"files" help:"The second bundle."`
}

// Run exits with 2 where the two differ, as diff does with 1.
func (c *bundleDiffCmd) Run(t *terminal) error {
	a, err := bundle.Open(c.A)
	if err != nil {
		return &exit{code: exitFailed, err: err}
	}
	defer a.Close()
	b, err := bundle.Open(c.B)
	if err != nil {
		return &exit{code: exitFailed, err: err}
	}
	defer b.Close()
	var rows [][]string
	for _, d := range bundle.Differences(&a.Manifest, &b.Manifest) {
		rows = append(rows, []string{d.Path, d.Says})
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(t.out, table(rows))
	return &exit{code: exitFailed}
}

type bundleKeygenCmd struct {
	Name       string `arg:"" help:"Write NAME.key, which is encrypted, and NAME.pub."`
	Passphrase string `name:"passphrase-file" placeholder:"FILE" help:"Read the passphrase from this file, or have this program print it."`
}

// Run makes the keys, and replaces none.
func (c *bundleKeygenCmd) Run(t *terminal) error {
	// Before a passphrase is thought of and typed twice.
	for _, name := range []string{c.Name + ".key", c.Name + ".pub"} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s: file exists, and is not replaced: choose another name", name)
		}
	}
	if err := os.MkdirAll(filepath.Dir(c.Name), 0o700); err != nil {
		return fmt.Errorf("make the directory of the keys: %w", err)
	}
	pass, err := bundlePassphrase(t, c.Passphrase, true)
	if err != nil {
		return err
	}
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		return err
	}
	encrypted, err := minisign.EncryptKey(pass, private)
	if err != nil {
		return err
	}
	text, err := public.MarshalText()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{{c.Name + ".key", encrypted, 0o600}, {c.Name + ".pub", append(text, '\n'), 0o644}} {
		out, err := os.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if err != nil {
			return fmt.Errorf("write the key: %w", err)
		}
		_, err = out.Write(f.data)
		if err := errors.Join(err, out.Close()); err != nil {
			return fmt.Errorf("write the key: %w", err)
		}
		fmt.Fprintln(t.out, oneLine(f.name))
	}
	return nil
}

// bundlePassphrase asks for the passphrase of a key, twice for a new one.
func bundlePassphrase(t *terminal, file string, fresh bool) (string, error) {
	if file != "" {
		return passwordFile(file)
	}
	pass, err := t.secret("Passphrase of the key: ")
	if err != nil {
		return "", fmt.Errorf("the key's passphrase: %w; --passphrase-file reads it", err)
	}
	if pass == "" {
		return "", errors.New("a key to sign with has a passphrase")
	}
	if fresh {
		again, err := t.secret("again, passphrase of the key: ")
		if err != nil {
			return "", err
		}
		if again != pass {
			return "", errors.New("the two entries differ")
		}
	}
	return pass, nil
}
