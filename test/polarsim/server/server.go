package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/consensus"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// phase is what a new connection meets.
type phase int

const (
	startingUp phase = iota
	inRecovery       // the processes are being restarted after a crash
	accepting
	shuttingDown
)

// Server is one running postmaster.
type Server struct {
	settings *settings
	root     string // POLARDATA, or PGDATA without shared storage
	log      *logger
	control  *datadir.Control
	started  time.Time
	logger   bool // polar_datamax_mode = standalone: a consensus member without data
	dma      bool
	timeout  time.Duration // polar_dma_election_timeout

	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup

	state atomic.Pointer[sql.State]
	tls   atomic.Pointer[tls.Config] // nil: it speaks none
	wal   atomic.Int64               // how many records this server wrote or applied; wrote counts
	hba   atomic.Pointer[[]config.HBALine]
	node  *consensus.Node
	walk  chan struct{} // wakes the goroutine that follows the node's role
	turn  chan struct{} // wakes the goroutine that writes the phase into postmaster.pid

	crashed chan chan struct{} // a process died: all others are to be started anew, and the channel to be closed then

	mu        sync.Mutex
	phase     phase         // set by setPhaseLocked
	written   chan struct{} // closed with the next record
	primary   bool          // accepts writes
	sessions  map[int]*session
	nextPID   int
	waiters   map[string]chan applied
	receiver  receiver
	archiver  archiver
	lastReply time.Time // of the last statement applied
	listeners []net.Listener
	sockets   []string
	applyMu   sync.Mutex // state changes one at a time
}

// open loads the data directory's state. It does not listen yet.
func open(s *settings, log *logger) (*Server, error) {
	server := &Server{settings: s, log: log, root: s.root(), started: time.Now(), sessions: map[int]*session{},
		waiters: map[string]chan applied{}, walk: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		written: make(chan struct{}), crashed: make(chan chan struct{})}
	server.ctx, server.cancel = context.WithCancel(context.Background())
	server.nextPID = os.Getpid() + 20
	server.dma = s.on("polar_enable_dma")
	server.timeout = s.milliseconds("polar_dma_election_timeout")
	if _, err := os.Stat(server.root); err != nil {
		return nil, fmt.Errorf("could not access directory \"%s\": No such file or directory", server.root)
	}
	var err error
	if server.control, err = datadir.ReadControl(server.root); err != nil {
		return nil, fmt.Errorf("could not open control file \"%s\": No such file or directory", filepath.Join(server.root, "global/pg_control"))
	}
	state, err := datadir.ReadState(server.root, s.pgdata)
	if err != nil {
		return nil, fmt.Errorf("could not read the data of %s: %w", server.root, err)
	}
	server.state.Store(state)
	server.logger = isLogger(s.pgdata)
	return server, nil
}

// isLogger reports whether recovery.conf asks for a logger.
func isLogger(pgdata string) bool {
	b, err := os.ReadFile(filepath.Join(pgdata, "recovery.conf"))
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(b), "\n") {
		if name, value, ok, _ := config.ParseLine(line); ok && name == "polar_datamax_mode" && value == "standalone" {
			return true
		}
	}
	return false
}

// run starts taking part and follows the node until the server is stopped.
func (s *Server) run() {
	defer s.wait.Done()
	if err := datadir.Fill(s.root, s.settings.number("polarsim_data_size")*1024); err != nil {
		s.log.printf("LOG", "could not fill the data directory: %v", err)
	}
	if s.settings.text("archive_mode") != "off" && !s.logger {
		s.wait.Add(1)
		go s.archive()
	}
	if !s.dma {
		s.mu.Lock()
		s.primary = true
		s.setPhaseLocked(accepting)
		s.mu.Unlock()
		s.writeControl(datadir.InProduction)
		return
	}
	if !s.startConsensus() {
		return
	}
	s.mu.Lock()
	if s.control.Led && !s.hasBackupLabel() || s.logger {
		s.setPhaseLocked(accepting)
	} else {
		s.setPhaseLocked(startingUp)
	}
	s.mu.Unlock()
	s.writeControl(datadir.InRecovery)
	s.wait.Add(3)
	go s.receive()
	go s.checkpoints()
	go s.idle()
	s.follow()
}

// startConsensus tries until it works: a consensus process that cannot start takes all others down with it, over
// and over, while the postmaster lives on and refuses connections.
func (s *Server) startConsensus() bool {
	for {
		err := s.tryConsensus()
		if err == nil {
			return true
		}
		s.setPhase(inRecovery)
		pid := os.Getpid() + 10
		s.log.printf("WARNING", "%v", err)
		s.log.printf("LOG", "consensus process (PID %d) was terminated by signal 6: Aborted", pid)
		s.log.printf("LOG", "terminating any other active server processes")
		s.log.printf("LOG", "all server processes terminated; reinitializing")
		select {
		case <-s.ctx.Done():
			return false
		case <-time.After(s.scaled(1400 * time.Millisecond)):
		}
	}
}

func (s *Server) tryConsensus() error {
	directory := filepath.Join(s.root, "polar_dma")
	if meta, err := consensus.ReadMeta(directory); err == nil && meta.ClusterID != s.settings.number("polar_dma_cluster_id") &&
		meta.ClusterID == 0 {
		meta.ClusterID = s.settings.number("polar_dma_cluster_id")
		if err := consensus.WriteMeta(directory, meta); err != nil {
			return err
		}
	}
	node, err := consensus.Start(consensus.Config{
		Directory:       directory,
		ElectionTimeout: s.timeout,
		ChangeTimeout:   func() time.Duration { return s.settings.milliseconds("polar_dma_config_change_timeout") },
		ElectionDelay: func() time.Duration {
			if !s.settings.on("polar_dma_delay_election") {
				return 0
			}
			return s.settings.milliseconds("polar_dma_delay_election_timeout")
		},
		Applied:    s.state.Load().Applied,
		Apply:      s.apply,
		CanReceive: s.canReceive,
		Changed:    s.wake,
		Logf:       func(format string, arguments ...any) { s.log.printf("LOG", format, arguments...) },
	})
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("consensus meta is not initialized: %w", err)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.node = node
	s.mu.Unlock()
	return nil
}

func (s *Server) consensus() *consensus.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node
}

// wrote counts a record that was written or applied, and returns the count.
func (s *Server) wrote() int64 {
	count := s.wal.Add(1)
	s.mu.Lock()
	close(s.written)
	s.written = make(chan struct{})
	s.mu.Unlock()
	return count
}

// nextRecord returns the channel that is closed with the next record.
func (s *Server) nextRecord() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

func (s *Server) wake() {
	select {
	case s.walk <- struct{}{}:
	default:
	}
}

// scaled brings a delay of the engine at its default election timeout of 5 s to the timeout in force.
func (s *Server) scaled(d time.Duration) time.Duration {
	return max(d*s.timeout/(5*time.Second), 10*time.Millisecond)
}

func (s *Server) pause(d time.Duration) {
	select {
	case <-s.ctx.Done():
	case <-time.After(d):
	}
}

// passLead is a logger's only use of the lead: to give it to somebody with data.
func (s *Server) passLead() {
	for _, member := range s.consensus().Members() {
		if member.Role == consensus.Follower && member.Answering && member.Weight > 0 {
			if s.consensus().ChangeLeader(member.Address) == nil {
				return
			}
		}
	}
}

func (s *Server) writeControl(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control.State = state
	s.control.Led = state == datadir.ShutDown
	if state == datadir.InProduction {
		s.control.MaxConnections = s.settings.number("max_connections")
		s.control.MaxPrepared = s.settings.number("max_prepared_transactions")
		s.control.MaxLocks = s.settings.number("max_locks_per_transaction")
	}
	if s.node != nil {
		s.control.Checkpoint = s.node.LSN(s.state.Load().Applied)
	}
	if err := datadir.WriteControl(s.root, s.control); err != nil {
		s.log.printf("LOG", "could not write the control file: %v", err)
	}
}

func (s *Server) checkpoints() {
	defer s.wait.Done()
	written := s.state.Load().Applied
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(time.Second):
		}
		if state := s.state.Load(); state.Applied != written {
			if err := s.checkpoint(); err != nil {
				s.log.printf("LOG", "checkpoint failed: %v", err)
			}
			written = state.Applied
		}
	}
}

// idle writes a record every polarsim_idle_record, as the engine's background writer does every 15 s.
func (s *Server) idle() {
	defer s.wait.Done()
	last := time.Now()
	for {
		select {
		case <-s.ctx.Done():
			return
		// The setting may change meanwhile.
		case <-time.After(max(min(s.settings.milliseconds("polarsim_idle_record")-time.Since(last), time.Second), 10*time.Millisecond)):
		}
		if time.Since(last) >= s.settings.milliseconds("polarsim_idle_record") {
			last = time.Now()
			s.wrote()
		}
	}
}

func (s *Server) checkpoint() error {
	s.applyMu.Lock()
	defer s.applyMu.Unlock()
	return datadir.WriteState(s.root, s.settings.pgdata, s.state.Load())
}

// isPrimary reports whether statements may write.
func (s *Server) isPrimary() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.primary
}
