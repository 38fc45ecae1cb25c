package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/polarbook/polarbook/playbooks/bundle"
	"github.com/polarbook/polarbook/tasks/convert"
)

// bundleOptions have a command take all that it reads out of a bundle.
type bundleOptions struct {
	Bundle    string `placeholder:"FILE" complete:"files" help:"Take inventories, playbooks, roles, the engine and packages out of this bundle, once it is verified, and nothing from anywhere else. It is as if polarbook ran in the bundle's directory."`
	BundleDir string `name:"bundle-dir" placeholder:"DIR" complete:"directories" help:"Keep the bundle's files in this directory, and what runs write beside them, such as the cluster's CA. Default: this one, where it is empty or a bundle's already."`
	bundleTrust
}

// offlineVar says that the site has no network.
const offlineVar = "polarbook_offline"

func isTrue(v any) bool {
	yes, err := convert.Bool(v)
	return err == nil && yes
}

// enterBundle verifies the bundle that the options name, makes its files those of its directory, and goes there. Files that were named
// on the command line stay the user's own.
func (o *hostOptions) enterBundle(t *terminal) error {
	if o.Bundle == "" {
		if o.BundleDir != "" || len(o.Key)+len(o.KeysFrom) > 0 || o.Unsigned {
			return errors.New("--bundle-dir, --key, --keys-from and --unsigned go with --bundle")
		}
		return nil
	}
	if err := o.anchor(); err != nil {
		return err
	}
	b, err := o.open(t, o.Bundle)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := o.chooseBundleDir(); err != nil {
		return err
	}
	if err := b.Settle(o.BundleDir, func(f bundle.File) bool { return f.Kind != bundle.Polarbook }); err != nil {
		return fmt.Errorf("put the bundle's files into %s: %w", o.BundleDir, err)
	}
	return os.Chdir(o.BundleDir)
}

// chooseBundleDir finds the directory, which nobody else may write to.
func (o *hostOptions) chooseBundleDir() error {
	if o.BundleDir == "" {
		o.BundleDir = "."
		if !bundle.Settled(".") {
			if other := otherThan(o.Bundle); other != "" {
				return fmt.Errorf("this directory holds other files (%s): name the bundle's with --bundle-dir, the same for each run, or run in an "+
					"empty one", other)
			}
		}
	}
	dir, err := filepath.Abs(o.BundleDir)
	if err != nil {
		return err
	}
	o.BundleDir = dir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it will be made
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows": // whose modes say nothing about accounts
		return fmt.Errorf("other accounts may write to %s, where the bundle's files are to be: chmod go-w it, or name another with --bundle-dir",
			dir)
	}
	return nil
}

// otherThan is a file of this directory that is neither hidden nor the bundle; "": there is none.
func otherThan(bundleFile string) string {
	entries, err := os.ReadDir(".")
	if err != nil {
		return "it cannot be read"
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && filepath.Ext(e.Name()) != ".pub" && !sameFile(e.Name(), bundleFile) {
			return oneLine(e.Name())
		}
	}
	return ""
}

// anchor has files that were named on the command line mean the same from another directory.
func (o *hostOptions) anchor() error {
	var failed error
	one := func(name string) string {
		if name == "" || strings.HasPrefix(name, "~") {
			return name
		}
		whole, err := filepath.Abs(name)
		failed = errors.Join(failed, err)
		return whole
	}
	each := func(names []string, of func(string) string) []string {
		whole := make([]string, len(names))
		for i, name := range names {
			whole[i] = of(name)
		}
		return whole
	}
	for _, name := range []*string{&o.Bundle, &o.ConnectionPasswordFile, &o.BecomePasswordFile, &o.SSHConfig, &o.KnownHosts} {
		*name = one(*name)
	}
	o.PrivateKey, o.VaultPasswordFile = each(o.PrivateKey, one), each(o.VaultPasswordFile, one)
	o.VaultID = each(o.VaultID, func(text string) string {
		label, source, labelled := strings.Cut(text, "@")
		if !labelled {
			label, source = "", text
		}
		if _, err := os.Stat(source); err != nil {
			return text // prompt
		}
		if source = one(source); labelled {
			return label + "@" + source
		}
		return source
	})
	o.ExtraVars = each(o.ExtraVars, func(text string) string {
		if file, ok := strings.CutPrefix(text, "@"); ok {
			return "@" + one(file)
		}
		return text
	})
	return failed
}

// inBundle returns an error for what is outside of the bundle's directory.
func (o *hostOptions) inBundle(name string) error {
	if o.Bundle == "" {
		return nil
	}
	whole, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	if below, err := filepath.Rel(o.BundleDir, whole); err == nil && filepath.IsLocal(below) {
		return nil
	}
	return fmt.Errorf("%s is not in the bundle", name)
}

// within leaves those of directories that are the bundle's.
func (o *hostOptions) within(dirs []string) []string {
	if o.Bundle == "" {
		return dirs
	}
	inside := []string{}
	for _, dir := range dirs {
		if o.inBundle(dir) == nil {
			inside = append(inside, dir)
		}
	}
	return inside
}

// bundleRoot is the directory of the bundle's files; "": there is no bundle.
func (o *hostOptions) bundleRoot() string {
	if o.Bundle == "" {
		return ""
	}
	return o.BundleDir
}

// ownFile has a file that a command writes be the user's, not the bundle's.
func (o *hostOptions) ownFile(name string) (string, error) {
	if o.Bundle == "" || name == "" {
		return name, nil
	}
	return filepath.Abs(name)
}
