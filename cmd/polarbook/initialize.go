package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type initCmd struct {
	Dir string `arg:"" complete:"directories" help:"Make this directory; its name becomes the cluster's."`
}

//go:embed inventory.yml.example
var exampleInventory string

var clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// Run makes the directory with one file in it and touches nothing that is there.
func (c *initCmd) Run(t *terminal) error {
	name := filepath.Base(filepath.Clean(c.Dir))
	if !clusterName.MatchString(name) {
		return fmt.Errorf("%q cannot be a cluster's name: letters, digits, dots, dashes and underlines only, "+
			"because it names a systemd unit", name)
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(c.Dir, "inventory.yml")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and was left as it is", file)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.ReplaceAll(exampleInventory, "CLUSTER", name))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(t.out, `Wrote %s. Fill it in, then:

  cd %s
  %s
  polarbook run check.yml
  polarbook run new-cluster.yml
`, oneLine(file), oneLine(c.Dir), setVariable("POLARDB_REPLICATION_PASSWORD", "..."))
	return nil
}
