package tool

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/server"
)

// control is one run of pg_ctl.
type control struct {
	*options
	pgdata  string
	wait    bool
	silent  bool
	timeout time.Duration
}

func pgCtl(arguments []string) int {
	if askedVersion("pg_ctl", arguments) {
		return 0
	}
	o := newOptions("pg_ctl")
	o.takes("pgdata", "D")
	o.takes("log", "l")
	o.takes("mode", "m")
	o.takes("options", "o")
	o.takes("timeout", "t")
	o.takes("path", "p")
	o.flag("wait", "w")
	o.flag("no-wait", "W")
	o.flag("silent", "s")
	o.flag("core-files", "c")
	if isRoot() {
		return complain("pg_ctl: cannot be run as root\nPlease log in (using, e.g., \"su\") as the (unprivileged) user that will\n" +
			"own the server process.")
	}
	if err := o.parse(arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return complain("Try \"pg_ctl --help\" for more information.")
	}
	if len(o.rest) == 0 {
		return complain("pg_ctl: no operation specified\nTry \"pg_ctl --help\" for more information.")
	}
	c := &control{options: o, pgdata: o.get("pgdata", os.Getenv("PGDATA")), wait: !o.has("no-wait"),
		silent: o.has("silent"), timeout: 60 * time.Second}
	if n, err := strconv.Atoi(o.get("timeout", environment("PGCTLTIMEOUT", "60"))); err == nil {
		c.timeout = time.Duration(n) * time.Second
	}
	if c.pgdata == "" {
		return complain("pg_ctl: no database directory specified and environment variable PGDATA unset\n" +
			"Try \"pg_ctl --help\" for more information.")
	}
	if _, err := os.Stat(c.pgdata); err != nil {
		fmt.Fprintf(os.Stderr, "pg_ctl: directory \"%s\" does not exist\n", c.pgdata)
		if o.rest[0] == "status" {
			return 4
		}
		return 1
	}
	if _, err := os.Stat(filepath.Join(c.pgdata, "PG_VERSION")); err != nil {
		fmt.Fprintf(os.Stderr, "pg_ctl: directory \"%s\" is not a database cluster directory\n", c.pgdata)
		if o.rest[0] == "status" {
			return 4
		}
		return 1
	}
	switch o.rest[0] {
	case "start":
		return c.start()
	case "stop":
		return c.stop()
	case "restart":
		return c.restart()
	case "reload":
		return c.signal(syscall.SIGHUP, "reload", "server signaled")
	case "status":
		return c.status()
	case "promote":
		return c.promote()
	}
	return complain("pg_ctl: unrecognized operation mode \"%s\"\nTry \"pg_ctl --help\" for more information.", o.rest[0])
}

func (c *control) say(format string, a ...any) {
	if !c.silent {
		fmt.Printf(format, a...)
	}
}

// running returns the pid in postmaster.pid, 0 without one, and whether that process lives.
func (c *control) running() (pid int, alive bool) {
	p, err := datadir.ReadPid(c.pgdata)
	if err != nil {
		return 0, false
	}
	return p.PID, server.Alive(p.PID)
}

func (c *control) start() int {
	old, alive := c.running()
	if old != 0 {
		fmt.Fprintln(os.Stderr, "pg_ctl: another server might be running; trying to start server anyway")
		_ = alive
	}
	arguments := []string{"-D", c.pgdata}
	for _, extra := range c.values["options"] {
		arguments = append(arguments, strings.Fields(extra)...)
	}
	command := exec.Command(sibling("postgres"), arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if name := c.get("log", ""); name != "" {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return complain("pg_ctl: could not open log file \"%s\": %v", name, err)
		}
		defer file.Close()
		command.Stdout, command.Stderr = file, file
	}
	if err := command.Start(); err != nil {
		return complain("pg_ctl: could not start server: %v", err)
	}
	if !c.wait {
		c.say("server starting\n")
		return 0
	}
	c.say("waiting for server to start...")
	exited := make(chan struct{})
	go func() { _ = command.Wait(); close(exited) }()
	deadline := time.Now().Add(c.timeout)
	for time.Now().Before(deadline) {
		select {
		case <-exited:
			c.say(" stopped waiting\n")
			return complain("pg_ctl: could not start server\nExamine the log output.")
		case <-time.After(20 * time.Millisecond):
		}
		p, err := datadir.ReadPid(c.pgdata)
		if err == nil && p.PID == command.Process.Pid && (p.Status == "standby" || p.Status == "ready" || p.Status == "datamax") {
			c.say(". done\nserver started\n")
			return 0
		}
	}
	c.say(" stopped waiting\n")
	return complain("pg_ctl: server did not start in time")
}

func (c *control) stop() int {
	pid, alive := c.running()
	if pid == 0 {
		return complain("pg_ctl: PID file \"%s\" does not exist\nIs server running?", filepath.Join(c.pgdata, "postmaster.pid"))
	}
	sig := syscall.SIGINT
	switch c.get("mode", "fast") {
	case "smart", "s":
		sig = syscall.SIGTERM
	case "immediate", "i":
		sig = syscall.SIGQUIT
	case "fast", "f":
	default:
		return complain("pg_ctl: unrecognized shutdown mode \"%s\"\nTry \"pg_ctl --help\" for more information.", c.get("mode", ""))
	}
	if err := syscall.Kill(pid, sig); err != nil || !alive {
		return complain("pg_ctl: could not send stop signal (PID: %d): No such process", pid)
	}
	if !c.wait {
		c.say("server shutting down\n")
		return 0
	}
	c.say("waiting for server to shut down...")
	for deadline := time.Now().Add(c.timeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := datadir.ReadPid(c.pgdata); err != nil || !server.Alive(pid) {
			if server.Alive(pid) {
				continue
			}
			c.say(" done\nserver stopped\n")
			return 0
		}
	}
	c.say(" failed\n")
	return complain("pg_ctl: server does not shut down\nHINT: The \"-m fast\" option immediately disconnects sessions rather than\n" +
		"waiting for session-initiated disconnection.")
}

func (c *control) restart() int {
	pid, alive := c.running()
	if pid == 0 || !alive {
		if pid == 0 {
			fmt.Fprintf(os.Stderr, "pg_ctl: PID file \"%s\" does not exist\nIs server running?\n", filepath.Join(c.pgdata, "postmaster.pid"))
		} else {
			fmt.Fprintf(os.Stderr, "pg_ctl: old server process (PID: %d) seems to be gone\n", pid)
		}
		fmt.Fprintln(os.Stderr, "starting server anyway")
	} else if code := c.stop(); code != 0 {
		return code
	}
	return c.start()
}

func (c *control) signal(sig syscall.Signal, what, said string) int {
	pid, _ := c.running()
	if pid == 0 {
		return complain("pg_ctl: PID file \"%s\" does not exist\nIs server running?", filepath.Join(c.pgdata, "postmaster.pid"))
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return complain("pg_ctl: could not send %s signal (PID: %d): No such process", what, pid)
	}
	c.say("%s\n", said)
	return 0
}

func (c *control) status() int {
	pid, alive := c.running()
	if !alive {
		fmt.Println("pg_ctl: no server running")
		return 3
	}
	fmt.Printf("pg_ctl: server is running (PID: %d)\n%s \"-D\" \"%s\"\n", pid, sibling("postgres"), c.pgdata)
	return 0
}

func (c *control) promote() int {
	pid, alive := c.running()
	if pid == 0 || !alive {
		return complain("pg_ctl: PID file \"%s\" does not exist\nIs server running?", filepath.Join(c.pgdata, "postmaster.pid"))
	}
	return complain("pg_ctl: cannot promote server; server is not in standby mode")
}
