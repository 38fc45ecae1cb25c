// Command labctl brings up real SSH hosts to play with, and takes them down again.
//
//	go run ./test/lab/labctl up demo --hosts 3
//	go run ./test/lab/labctl down demo
//
// It imports nothing of polarbook.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/polarbook/polarbook/test/lab"
)

type commands struct {
	Up    up    `cmd:"" help:"Boot hosts node1, node2 ... and leave them running."`
	Down  down  `cmd:"" help:"End a lab's hosts and remove everything of the lab."`
	Show  show  `cmd:"" help:"Show how a lab's hosts are reached."`
	List  list  `cmd:"" help:"List the labs on this machine."`
	Exec  run   `cmd:"" help:"Run a shell script as root on a host, without SSH."`
	Sweep sweep `cmd:"" help:"Remove labs whose owners died."`
}

type up struct {
	Name     string   `arg:"" help:"The name of the lab."`
	Hosts    int      `default:"3" help:"The number of hosts."`
	Flavour  string   `default:"debian" help:"The kind of Linux: debian, rhel or busybox."`
	Release  string   `default:"bookworm" help:"The release of Debian: bullseye, bookworm or trixie."`
	Python   bool     `help:"Put python3 on the hosts."`
	Packages []string `help:"More Debian packages to put on the hosts."`
}

func (c *up) Run(ctx context.Context) error {
	options := lab.Options{Name: c.Name, Keep: true, Log: os.Stderr}
	for i := range c.Hosts {
		options.Hosts = append(options.Hosts, lab.Spec{
			Name: fmt.Sprintf("node%d", i+1), Flavour: c.Flavour, Release: c.Release, Python: c.Python, Packages: c.Packages,
		})
	}
	started := time.Now()
	l, err := lab.Start(ctx, options)
	if err != nil {
		return err
	}
	fmt.Printf("%d hosts are up after %.1fs.\n\n", c.Hosts, time.Since(started).Seconds())
	printAccess(l)
	return nil
}

type down struct {
	Name string `arg:""`
}

func (c *down) Run(ctx context.Context) error { return lab.Down(ctx, c.Name) }

type show struct {
	Name string `arg:""`
}

func (c *show) Run() error {
	l, err := lab.Open(c.Name)
	if err != nil {
		return err
	}
	printAccess(l)
	return nil
}

type list struct{}

func (c *list) Run() error {
	names, err := lab.List()
	for _, name := range names {
		fmt.Println(name)
	}
	return err
}

type run struct {
	Name   string   `arg:""`
	Host   string   `arg:""`
	Script []string `arg:"" passthrough:""`
}

func (c *run) Run(ctx context.Context) error {
	l, err := lab.Open(c.Name)
	if err != nil {
		return err
	}
	h := l.Host(c.Host)
	if h == nil {
		return fmt.Errorf("lab %s has no host %s", c.Name, c.Host)
	}
	output, err := h.Exec(ctx, strings.TrimPrefix(strings.Join(c.Script, " "), "-- "))
	fmt.Print(output)
	return err
}

type sweep struct{}

func (c *sweep) Run(ctx context.Context) error { return lab.Sweep(ctx) }

func printAccess(l *lab.Lab) {
	for _, h := range l.Hosts() {
		fmt.Printf("%-8s %s\n", h.Name, h.Address)
		fmt.Printf("         ssh -i %s -o UserKnownHostsFile=%s root@%s\n", h.KeyFile, l.KnownHosts(), h.Address)
	}
	fmt.Printf("\nAccounts with that key: root; admin (sudo without a password); dba (sudo with the password %s).\n", l.Password())
	fmt.Printf("Remove it all: go run ./test/lab/labctl down %s\n", l.Name())
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	command := kong.Parse(&commands{}, kong.Description("Real SSH hosts on this machine."), kong.BindTo(ctx, (*context.Context)(nil)))
	command.FatalIfErrorf(command.Run())
}
