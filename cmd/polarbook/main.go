// Command polarbook brings up PolarDB for PostgreSQL clusters over SSH and looks after them. This package is the only
// place that prints, prompts or exits: one file a command, and the listeners that show a run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
)

// The exit codes.
const (
	exitDone        = 0
	exitUsage       = 1 // usage, parse or internal error
	exitFailed      = 2 // a host failed
	exitChanges     = 3 // --check --detailed-exitcode, and changes are pending
	exitUnreachable = 4 // a host could not be reached
	exitLocked      = 5 // somebody else is at work on a host
	exitAborted     = 6 // stopped by the user, or nobody reads what is printed
	exitUnwritten   = 7 // done, but what was to be printed or the journal could not be written
)

type cli struct {
	Run        runCmd        `cmd:"" help:"Run a playbook: a file of that name, or else a built-in one."`
	Inventory  inventoryCmd  `cmd:"" help:"Show the inventory as it is read, in ansible-inventory's form."`
	Status     statusCmd     `cmd:"" help:"Show the cluster as its nodes see it."`
	Clusters   clustersCmd   `cmd:"" help:"Show all clusters of the inventory in one table."`
	Metrics    metricsCmd    `cmd:"" help:"Write what status knows as Prometheus metrics."`
	Connect    connectCmd    `cmd:"" help:"Print what applications need to connect to the cluster."`
	Psql       psqlCmd       `cmd:"" help:"Open psql on a node, through the SSH connection."`
	Backups    backupsCmd    `cmd:"" help:"List the backups on all hosts, and tell which are whole."`
	Unlock     unlockCmd     `cmd:"" help:"Show who has locked the hosts, and clear what a dead connection left."`
	Ping       pingCmd       `cmd:"" help:"Connect to the hosts and report how that went."`
	Init       initCmd       `cmd:"" help:"Make a directory with an inventory to fill in."`
	Lint       lintCmd       `cmd:"" help:"Say what can be known of playbooks without a host: mistakes, secrets in clear, old forms."`
	Schema     schemaCmd     `cmd:"" help:"Print a JSON Schema of playbooks, tasks, inventories or variables, for editors."`
	Playbooks  playbooksCmd  `cmd:"" help:"List the built-in playbooks, or export one to change it."`
	Vault      vaultCmd      `cmd:"" help:"Encrypt and decrypt files and values as ansible-vault does."`
	Doc        docCmd        `cmd:"" help:"Explain the modules: arguments, defaults, returns, examples."`
	Completion completionCmd `cmd:"" help:"Print what has a shell complete the commands."`
	Man        manCmd        `cmd:"" help:"Print the manual page, for man."`
	Bundle     bundleCmd     `cmd:"" help:"Put what a site without a network needs into one file, and verify it there."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// terminal is where a command prints and asks: the process's own streams, or a test's.
type terminal struct {
	in       *os.File
	out, err io.Writer
	secrets  *inventory.Secrets
	closed   chan struct{} // closed when nobody reads what is printed any more
	tty      bool          // out is a terminal, wide columns across
	wide     func() int
	rest     []string // what stands after -- and is another program's
}

// exit is an error that carries its exit code. An empty message has been printed already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func main() {
	// A run waits for hosts most of its time: it may as well collect its garbage, and take less memory beside others.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	t := standardTerminal()
	var c cli
	code := -1
	parser, err := kong.New(&c, kong.Name("polarbook"), kong.Writers(t.out, t.err), kong.Exit(func(n int) { code = n }),
		kong.Description("Bare Linux hosts to a running PolarDB for PostgreSQL cluster, over SSH."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(t.err, "polarbook:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if args[0] == completeWord {
		return complete(t, parser.Model, args[1:])
	}
	if at := slices.Index(args, "--"); at > 0 && args[0] == "psql" {
		args, t.rest = args[:at], args[at+1:]
	}
	k, err := parser.Parse(withDashedValues(args))
	if code >= 0 {
		return code
	}
	if err != nil {
		message := err.Error()
		if args[0] == "vault" { // it may be what was to be encrypted
			message, _, _ = strings.Cut(message, " argument ")
		}
		fmt.Fprintf(t.err, "polarbook: %s\n", oneLine(t.masked(message)))
		fmt.Fprintln(t.err, "Run 'polarbook --help' for the commands, 'polarbook COMMAND --help' for one of them.")
		return exitUsage
	}
	ctx, stop, cancel := interrupts(t)
	defer cancel()
	err = k.Run(t, runContext{ctx, stop})
	if code := report(t, err); code != exitDone {
		return code
	}
	if t.written() != nil {
		return exitUnwritten
	}
	return exitDone
}

// takesDashes are options whose values begin with a dash themselves.
var takesDashes = []string{"--ssh-common-args", "--ssh-extra-args", "--sftp-extra-args", "--scp-extra-args"}

// withDashedValues joins the options that take arguments of ssh to what follows them, which is else taken for an option.
func withDashedValues(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if slices.Contains(takesDashes, args[i]) && i+1 < len(args) {
			out = append(out, args[i]+"="+args[i+1])
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out
}

// runContext is a command's context, and what is closed at the first Ctrl-C: finish the step in hand, then stop.
type runContext struct {
	context.Context
	stop <-chan struct{}
}

// interrupts closes stop at the first signal and cancels the context at the second. A hang-up is not a wish to wait.
func interrupts(t *terminal) (context.Context, <-chan struct{}, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := make(chan struct{})
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// Asked for, a pipe that is closed is an error of writing and does not end the process. To ignore it would have the
	// programs that a run starts here ignore it too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		first := true
		closed := t.closed
		for {
			var s os.Signal
			select {
			case <-closed:
				closed = nil
				if first {
					first = false
					close(stop)
					fmt.Fprintln(t.err, "polarbook: nobody reads what is printed: stopping after the steps in hand")
				}
				continue
			case s = <-signals:
			}
			if first && s != syscall.SIGHUP {
				first = false
				close(stop)
				fmt.Fprintln(t.err, "\nStopping after the steps in hand; once more to stop now.")
				continue
			}
			cancel()
			return
		}
	}()
	return ctx, stop, func() { signal.Stop(signals); cancel() }
}

// codeOf is the exit code that an error stands for.
func codeOf(err error) int {
	var e *exit
	var re *engine.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &re):
		switch re.Kind {
		case engine.HostFailed:
			return exitFailed
		case engine.HostUnreachable:
			return exitUnreachable
		case engine.Locked:
			return exitLocked
		case engine.Aborted:
			return exitAborted
		}
	}
	return exitUsage
}

// masked is an error's text as it may be shown: without the secrets that are known.
func (t *terminal) masked(text string) string {
	if t.secrets != nil {
		text = t.secrets.Mask(text)
	}
	return text
}

// report prints an error once and turns it into the exit code.
func report(t *terminal, err error) int {
	var problems playbooks.Errors
	switch {
	case err == nil || err.Error() == "":
	case errors.As(err, &problems):
		fmt.Fprintln(t.err, t.masked(problems.Error()))
	default:
		fmt.Fprintf(t.err, "polarbook: %s\n", indentAfter(t.masked(err.Error()), "  "))
		if codeOf(err) == exitLocked {
			fmt.Fprintln(t.err, "Wait for the other with --lock-wait SECONDS. Should it be dead, see polarbook unlock.")
		}
	}
	return codeOf(err)
}
