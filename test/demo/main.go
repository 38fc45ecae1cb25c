// Command demo brings up three throw-away SSH hosts on this machine, a cluster on them with the built-in playbook, and
// leaves both up to be played with. It uses the stand-in engine unless POLARDB_TARBALL names a real one.
//
//	go run ./test/demo up
//	go run ./test/demo down
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

const (
	name     = "demo"
	dir      = ".cache/demo"
	password = "demo-password"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	err := fmt.Errorf("usage: demo up|down")
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "up":
			err = up(ctx)
		case "down":
			err = errors.Join(lab.Down(ctx, name), os.RemoveAll(dir))
		}
	}
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func up(ctx context.Context) error {
	if missing := lab.Missing(); missing != "" {
		return errors.New(missing)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tarball := os.Getenv("POLARDB_TARBALL")
	if tarball == "" {
		tarball = filepath.Join(dir, "polardb-11.9-stand-in.tar.gz")
		if err := prefix.Pack(ctx, tarball); err != nil {
			return err
		}
		fmt.Println("The engine is the stand-in for tests: no data is safe in it. Set POLARDB_TARBALL to use a real one.")
	}
	tarball, err := filepath.Abs(tarball)
	if err != nil {
		return err
	}
	l, err := hosts(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "inventory.yml"), []byte(inventory(l, tarball)), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{{"run", "new-cluster.yml"}, {"status"}} {
		fmt.Println("\n$ polarbook", strings.Join(args, " "))
		if err := polarbook(ctx, l, args); err != nil {
			return fmt.Errorf("polarbook %s: %w", args[0], err)
		}
	}
	fmt.Printf(`
The cluster is up. To look around:

  cd %s
  export POLARDB_REPLICATION_PASSWORD=%s
  ../../bin/polarbook status --known-hosts %s
  %s

make demo-down removes it all.
`, dir, password, l.KnownHosts(), shell(l))
	return nil
}

// hosts opens the hosts of an earlier demo, or boots new ones.
func hosts(ctx context.Context) (*lab.Lab, error) {
	if l, err := lab.Open(name); err == nil {
		return l, nil
	}
	return lab.Start(ctx, lab.Options{Name: name, Keep: true, Log: os.Stderr, Hosts: []lab.Spec{{Name: "node1"},
		{Name: "node2"}, {Name: "node3"}}})
}

func inventory(l *lab.Lab, tarball string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `polardb:
  vars:
    ansible_user: root
    ansible_ssh_private_key_file: %s
    polardb_cluster: demo
    polardb_package: %s
    polardb_dma_settings: {polar_dma_election_timeout: 1s}
  hosts:
`, l.KeyFile(), tarball)
	for i, h := range l.Hosts() {
		first := ""
		if i == 0 {
			first = ", polardb_weight: 9, polardb_bootstrap: true"
		}
		fmt.Fprintf(&b, "    %s: {ansible_host: %s%s}\n", h.Name, h.Address, first)
	}
	return b.String()
}

func polarbook(ctx context.Context, l *lab.Lab, args []string) error {
	binary, err := filepath.Abs("bin/polarbook")
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, binary, append(args, "--known-hosts", l.KnownHosts())...)
	c.Dir = dir
	c.Env = append(os.Environ(), "POLARDB_REPLICATION_PASSWORD="+password)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c.Run()
}

func shell(l *lab.Lab) string {
	return fmt.Sprintf("ssh -i %s -o UserKnownHostsFile=%s root@%s", l.KeyFile(), l.KnownHosts(), l.Hosts()[0].Address)
}
