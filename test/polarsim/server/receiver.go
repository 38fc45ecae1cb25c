package server

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/test/polarsim/client"
	"github.com/polarbook/polarbook/test/polarsim/consensus"
)

// receiver is the state of the WAL receiver.
type receiver struct {
	from    string // consensus address of the server it streams from, empty when it does not
	aborted bool   // it died while the server was being stopped
}

// canReceive reports whether the write-ahead log of the present leader arrives. Called with the node's lock held.
func (s *Server) canReceive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receiver.from != "" || s.logger
}

// receive keeps one replication connection to whoever leads, with the user and password of polar_dma.conf.
func (s *Server) receive() {
	defer s.wait.Done()
	for s.ctx.Err() == nil {
		status := s.consensus().Status()
		leader := status.LeaderAddress
		if leader == "" || leader == status.Meta.Self {
			s.pause(20 * time.Millisecond)
			continue
		}
		scram, err := s.stream(leader)
		s.mu.Lock()
		s.receiver.from = ""
		s.mu.Unlock()
		if err != nil && s.ctx.Err() == nil {
			s.log.printf("FATAL", "could not connect to the primary server: %v", err)
		}
		if scram {
			s.abortReceiver()
		} else if err != nil {
			s.pause(s.scaled(300 * time.Millisecond))
		}
	}
}

// abortReceiver is how a receiver ends whose connection was made by SCRAM-SHA-256: what libpq frees then was not allocated
// by libpq, for the engine's own pg_saslprep came before libpq's. All of the server starts over, or stops abnormally.
func (s *Server) abortReceiver() {
	s.mu.Lock()
	stopping := s.phase == shuttingDown
	s.receiver.aborted = stopping
	s.mu.Unlock()
	s.log.line("free(): invalid pointer")
	s.log.printf("LOG", "WAL receiver process (PID %d) was terminated by signal 6: Aborted", os.Getpid()+11)
	s.log.printf("LOG", "terminating any other active server processes")
	if stopping {
		return
	}
	over := make(chan struct{})
	select {
	case s.crashed <- over:
	case <-s.ctx.Done():
		return
	}
	select {
	case <-over:
	case <-s.ctx.Done():
	}
}

// stream receives from a leader until that ends, and says whether the connection had been made by SCRAM-SHA-256.
func (s *Server) stream(leader string) (scram bool, err error) {
	host, port, err := consensus.ClientAddress(leader, int(s.settings.number("polar_dma_port_deviation")))
	if err != nil {
		return scram, err
	}
	// The engine quotes nothing here, and cuts at 1023 bytes (engine: xlog.c, polar_signal_recovery_state_change).
	info := fmt.Sprintf("host=%s port=%d", host, port)
	for _, part := range [][2]string{
		{"user", "polar_dma_repl_user"}, {"password", "polar_dma_repl_passwd"}, {"application_name", "polar_dma_repl_appname"},
	} {
		if value := s.settings.text(part[1]); value != "" {
			info += " " + part[0] + "=" + value
		}
	}
	info = info[:min(len(info), 1023)]
	// It really logs this, password and all.
	s.log.printf("LOG", "RequestXLogStreaming, PrimaryConnInfo: %s", info)
	target, err := client.ParseConninfo(info)
	if err != nil {
		return false, fmt.Errorf("invalid connection string syntax: %w", err)
	}
	if target.Application == "" {
		target.Application = "walreceiver"
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	c, err := client.Connect(ctx, target)
	if err != nil {
		return scram, err
	}
	defer c.Close()
	scram = c.SCRAM
	if err := c.StartReplication(ctx, s.lsn(s.consensus().Status().LastIndex)); err != nil {
		return scram, err
	}
	s.log.printf("LOG", "started streaming WAL from primary")
	s.mu.Lock()
	s.receiver.from = leader
	s.mu.Unlock()
	failed := make(chan error, 1)
	// Who copies a follower gets the leader's records by way of it.
	go func() { failed <- c.Drain(func() { s.wrote() }) }()
	ticker := time.NewTicker(max(s.scaled(200*time.Millisecond), 50*time.Millisecond))
	defer ticker.Stop()
	// What did not change is told again only now and then.
	var told consensus.Status
	var when time.Time
	for {
		select {
		case <-s.ctx.Done():
			return scram, nil
		case err := <-failed:
			return scram, err
		case <-ticker.C:
		}
		status := s.consensus().Status()
		// Without a leader it goes on with the last one, which is what a dropped follower does.
		if status.LeaderAddress != "" && status.LeaderAddress != leader {
			return scram, nil
		}
		if status.LastIndex == told.LastIndex && status.Applied == told.Applied && time.Since(when) < time.Second {
			continue
		}
		if err := c.Send(&pgproto3.CopyData{Data: s.standbyStatus(status)}); err != nil {
			return scram, err
		}
		told, when = status, time.Now()
	}
}

// standbyStatus returns the standby status update of the streaming replication protocol.
func (s *Server) standbyStatus(status consensus.Status) []byte {
	b := []byte{'r'}
	for _, index := range []int64{status.LastIndex, status.LastIndex, status.Applied} {
		b = binary.BigEndian.AppendUint64(b, s.lsn(index))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMicro()))
	return append(b, 0)
}

func (s *Server) lsn(index int64) uint64 {
	if node := s.consensus(); node != nil {
		return node.LSN(index)
	}
	return 0x1700000 + uint64(s.state.Load().Applied)*128
}

func splitAddress(address net.Addr) (host string, port int) {
	host, text, err := net.SplitHostPort(address.String())
	if err != nil {
		return "", 0
	}
	port, _ = strconv.Atoi(text)
	return strings.TrimPrefix(host, "::ffff:"), port
}
