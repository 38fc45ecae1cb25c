package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/consensus"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
)

// Main is `postgres -D pgdata`. It returns the exit code.
func Main(pgdata string, overrides []config.Override) int {
	log := &logger{}
	if os.Geteuid() == 0 {
		fmt.Fprint(os.Stderr, "\"root\" execution of the PostgreSQL server is not permitted.\n"+
			"The server must be started under an unprivileged user ID to prevent\npossible system security compromise. "+
			" See the documentation for\nmore information on how to properly start the server.\n")
		return 1
	}
	info, err := os.Stat(pgdata)
	if err != nil {
		fmt.Fprintf(os.Stderr, "postgres: could not access directory \"%s\": No such file or directory\n"+
			"Run initdb or pg_basebackup to initialize a PostgreSQL data directory.\n", pgdata)
		return 2
	}
	pgdata, err = filepath.Abs(pgdata)
	if err != nil {
		log.printf("FATAL", "%v", err)
		return 1
	}
	settings, notices, err := loadSettings(pgdata, overrides)
	if err != nil {
		return log.badConfiguration(pgdata, overrides, err)
	}
	if _, err := os.Stat(filepath.Join(pgdata, "PG_VERSION")); err != nil {
		return log.fatal("\"%s\" is not a valid data directory", pgdata)
	}
	if info.Mode().Perm()&0o027 != 0 {
		return log.fatal("data directory \"%s\" has invalid permissions\n"+
			"DETAIL:  Permissions should be u=rwx (0700) or u=rwx,g=rx (0750).", pgdata)
	}
	for _, notice := range notices {
		log.printf("NOTICE", "%s", notice)
	}
	// The engine works in its data directory; tools recognise a postmaster by that.
	if filepath.IsAbs(pgdata) {
		if err := os.Chdir(pgdata); err != nil {
			return log.fatal("could not change directory to \"%s\": %v", pgdata, err)
		}
	}
	if code := settings.together(log); code != 0 {
		return code
	}
	lock, err := lockDirectory(pgdata, settings)
	if err != nil {
		return log.fatal("%v", err)
	}
	defer os.Remove(filepath.Join(pgdata, "postmaster.pid"))
	early := &Server{settings: settings, log: log}
	if err := early.loadTLS(); err != nil {
		return log.fatal("%v", err)
	}
	settings.preload(log)
	if err := early.listen(); err != nil {
		return log.fatal("%v", err)
	}
	defer early.unlisten()
	if err := settings.sharedMemory(); err != nil {
		return log.fatal("%v", err)
	}
	if settings.on("logging_collector") {
		log.printf("LOG", "redirecting log output to logging collector process\n"+
			"HINT:  Future log output will appear in directory \"%s\".", settings.text("log_directory"))
		if err := log.collect(pgdata, settings.text("log_directory")); err != nil {
			return log.fatal("%v", err)
		}
	}
	if err := early.loadHBA(); err != nil {
		return log.fatal("%v", err)
	}
	if code := settings.controlFile(log); code != 0 {
		return code
	}
	if (settings.on("polar_dma_init_meta") || settings.on("polar_dma_sync_meta")) && settings.on("polar_enable_dma") {
		return initMeta(settings, log)
	}
	server, err := open(settings, log)
	if err != nil {
		return log.fatal("%v", err)
	}
	server.hba.Store(early.hba.Load())
	server.tls.Store(early.tls.Load())
	server.listeners, server.sockets = early.listeners, early.sockets
	early.listeners, early.sockets = nil, nil
	return server.serveUntilSignal(lock)
}

// Setting prints one parameter: postgres -C.
func Setting(pgdata, name string, overrides []config.Override) int {
	settings, _, err := loadSettings(pgdata, overrides)
	if err != nil {
		return (&logger{}).badConfiguration(pgdata, overrides, err)
	}
	fmt.Println(config.Display(name, settings.text(name)))
	return 0
}

// lockDirectory writes postmaster.pid unless a living postmaster has one there; a stale one is taken over.
func lockDirectory(pgdata string, settings *settings) (*datadir.PidFile, error) {
	if old, err := datadir.ReadPid(pgdata); err == nil && old.PID != os.Getpid() && Alive(old.PID) {
		return nil, fmt.Errorf("lock file \"postmaster.pid\" already exists\n"+
			"HINT:  Is another postmaster (PID %d) running in data directory \"%s\"?", old.PID, pgdata)
	}
	socket, _, _ := strings.Cut(settings.text("unix_socket_directories"), ",")
	listen, _, _ := strings.Cut(settings.text("listen_addresses"), ",")
	lock := &datadir.PidFile{PID: os.Getpid(), Directory: pgdata, Start: time.Now().Unix(), Port: int(settings.number("port")),
		Socket: strings.TrimSpace(socket), Listen: strings.TrimSpace(listen), Status: "starting"}
	return lock, writePid(lock)
}

// writePid replaces the file whole: pg_ctl and others read it at any moment.
func writePid(lock *datadir.PidFile) error {
	name := filepath.Join(lock.Directory, "postmaster.pid")
	if err := os.WriteFile(name+".tmp", []byte(lock.Text()), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}

// Alive reports whether a process is there; one that is merely not reaped yet is not.
func Alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// startPoint is where a logger's log is to begin: index, timeline and LSN.
var startPoint = regexp.MustCompile(`^[0-9]+:[0-9]+:[0-9A-Fa-f]+/[0-9A-Fa-f]+$`)

// initMeta is a start with polar_dma_init_meta on, or with polar_dma_sync_meta, which keeps the learners. A good value
// makes it end by itself; a bad one sends it round in circles until somebody kills it.
func initMeta(settings *settings, log *logger) int {
	deviation := int(settings.number("polar_dma_port_deviation"))
	directory := filepath.Join(settings.root(), "polar_dma")
	members, learners := settings.text("polar_dma_members_info"), settings.text("polar_dma_learners_info")
	if _, err := os.Stat(settings.root()); err != nil {
		log.printf("FATAL", "could not access directory \"%s\": No such file or directory", settings.root())
		return 1
	}
	var meta *consensus.Meta
	var err error
	info := members
	if members != "" {
		meta, err = consensus.InitMembers(directory, members, deviation, settings.on("polar_dma_sync_meta"))
	} else {
		info = learners
		meta, err = consensus.InitLearner(directory, learners, deviation)
	}
	if point := settings.text("polar_dma_logger_start_point"); err == nil && point != "" && !startPoint.MatchString(point) {
		err = fmt.Errorf("invalid start index specified in start point address: %s", point)
	}
	if err == nil {
		node := meta.Self
		if meta.SelfIndex > 0 {
			node += fmt.Sprintf("@%d", meta.SelfIndex)
		}
		log.printf("LOG", "cluster_info: %s, node_info: %s", info, node)
		// The engine needs 1.1 to 2 s for this at its default election timeout.
		time.Sleep(min(time.Second, settings.milliseconds("polar_dma_election_timeout")/5))
		log.printf("LOG", "consensus process normal shutdown after force change or intialize meta")
		log.printf("LOG", "received immediate shutdown request")
		log.printf("LOG", "database system is shut down")
		return 0
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	for {
		log.printf("FATAL", "%v", err)
		log.printf("LOG", "consensus process (PID %d) exited with exit code 1", os.Getpid()+10)
		log.printf("LOG", "all server processes terminated; reinitializing")
		select {
		case <-signals:
			return 0
		case <-time.After(1100 * time.Millisecond):
		}
	}
}

// listen opens the client port on the listen addresses and the sockets. An address that is taken is a warning as
// long as one works.
func (s *Server) listen() error {
	port := int(s.settings.number("port"))
	opened := 0
	for _, address := range strings.Split(s.settings.text("listen_addresses"), ",") {
		address = strings.TrimSpace(address)
		if address == "" {
			continue
		}
		host := address
		if host == "*" {
			host = ""
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			reason := "Address already in use"
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				reason = "Cannot assign requested address"
			}
			s.log.printf("LOG", "could not bind IPv4 address \"%s\": %s\nHINT:  Is another postmaster already running on port %d? If not, "+
				"wait a few seconds and retry.", map[bool]string{true: "0.0.0.0", false: address}[host == ""], reason, port)
			s.log.printf("WARNING", "could not create listen socket for \"%s\"", address)
			continue
		}
		opened++
		s.listeners = append(s.listeners, listener)
		s.log.printf("LOG", "listening on address \"%s\", port %d", address, port)
	}
	if opened == 0 && s.settings.text("listen_addresses") != "" {
		return errors.New("could not create any TCP/IP sockets")
	}
	for _, directory := range strings.Split(s.settings.text("unix_socket_directories"), ",") {
		directory = strings.TrimSpace(directory)
		if directory == "" {
			continue
		}
		name := filepath.Join(directory, fmt.Sprintf(".s.PGSQL.%d", port))
		if b, err := os.ReadFile(name + ".lock"); err == nil {
			first, _, _ := strings.Cut(string(b), "\n")
			if pid, _ := strconv.Atoi(first); pid != os.Getpid() && pid > 0 && Alive(pid) {
				return fmt.Errorf("lock file \"%s.lock\" already exists", name)
			}
		}
		_ = os.Remove(name)
		listener, err := net.Listen("unix", name)
		if err != nil {
			return fmt.Errorf("could not create lock file \"%s.lock\": No such file or directory", name)
		}
		_ = os.Chmod(name, 0o777)
		_ = os.WriteFile(name+".lock", []byte(fmt.Sprintf("%d\n%s\n", os.Getpid(), s.settings.pgdata)), 0o600)
		s.sockets = append(s.sockets, name+".lock")
		s.listeners = append(s.listeners, listener)
	}
	return nil
}

// serveUntilSignal runs the server. SIGTERM waits for clients, SIGINT does not, SIGQUIT does not even tidy up.
func (s *Server) serveUntilSignal(lock *datadir.PidFile) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1)
	s.wait.Add(1)
	go s.run()
	for _, listener := range s.listeners {
		s.wait.Add(1)
		go s.accept(listener)
	}
	s.wait.Add(1)
	go s.tellStatus(lock)
	var smart <-chan time.Time
	for {
		select {
		case sig := <-signals:
			switch sig {
			case syscall.SIGHUP:
				s.reload()
			case syscall.SIGTERM:
				s.log.printf("LOG", "received smart shutdown request")
				smart = time.After(10 * time.Millisecond)
			case syscall.SIGINT:
				s.log.printf("LOG", "received fast shutdown request")
				crashing := s.consensus() == nil && s.dma
				code := s.shutDown(true)
				if crashing {
					return 1
				}
				return code
			case syscall.SIGQUIT:
				s.log.printf("LOG", "received immediate shutdown request")
				return s.shutDown(false)
			}
		case <-smart:
			s.mu.Lock()
			clients := 0
			for _, c := range s.sessions {
				if !c.replication {
					clients++
				}
			}
			if s.phase == accepting || s.phase == startingUp || s.phase == inRecovery {
				s.setPhaseLocked(shuttingDown)
			}
			s.mu.Unlock()
			if clients == 0 {
				return s.shutDown(true)
			}
			smart = time.After(20 * time.Millisecond)
		}
	}
}

// tellStatus keeps the last line of postmaster.pid true: ready once connections are taken, standby before.
func (s *Server) tellStatus(lock *datadir.PidFile) {
	defer s.wait.Done()
	for {
		s.mu.Lock()
		current := s.phase
		s.mu.Unlock()
		status := "standby"
		switch {
		case s.logger:
			status = "datamax"
		case current == accepting:
			status = "ready"
		case current == shuttingDown:
			status = "stopping"
		}
		if status != lock.Status {
			lock.Status = status
			if err := writePid(lock); err != nil {
				s.log.printf("LOG", "could not write lock file \"postmaster.pid\": %v", err)
			}
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.turn:
		}
	}
}

// shutDown stops the server and returns its exit code.
func (s *Server) shutDown(clean bool) int {
	s.mu.Lock()
	s.setPhaseLocked(shuttingDown)
	primary := s.primary
	s.mu.Unlock()
	for _, listener := range s.listeners {
		_ = listener.Close()
	}
	for _, lock := range s.sockets {
		_ = os.Remove(lock)
	}
	if clean {
		s.killSessions(fatal("57P01", "terminating connection due to administrator command"))
	} else {
		s.killSessions(fatal("57P02", "terminating connection because of crash of another server process"))
	}
	s.cancel()
	if node := s.consensus(); node != nil {
		node.Stop()
	}
	s.wait.Wait()
	if node := s.consensus(); node != nil {
		node.Stop() // it may have been started anew meanwhile
	}
	code := 0
	if clean && s.receiver.aborted {
		clean, code = false, 1
		s.log.printf("LOG", "abnormal database system shutdown")
	}
	if clean {
		if err := s.checkpoint(); err != nil {
			s.log.printf("LOG", "could not write the shutdown checkpoint: %v", err)
		}
		state := datadir.ShutDownInRecovery
		if primary {
			state = datadir.ShutDown
		}
		s.writeControl(state)
	}
	s.log.printf("LOG", "database system is shut down")
	return code
}
