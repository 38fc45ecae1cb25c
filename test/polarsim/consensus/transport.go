package consensus

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// message is every request between nodes; answer is every response. One in flight per connection.
type message struct {
	Kind      string // "append", "vote", "lead"
	ClusterID int64
	Term      int64
	From      string
	FromID    int64
	LastIndex int64
	LastTerm  int64
	Force     bool
	PrevIndex int64
	PrevTerm  int64
	Commit    int64
	Entries   []Entry `json:",omitempty"`
}

type answer struct {
	Term      int64
	OK        bool
	Force     bool // the refuser is a leader in office
	LastIndex int64
	Applied   int64
}

var errNoAnswer = errors.New("no answer")

// link is a client connection to one peer, redialled when it breaks.
type link struct {
	mu      sync.Mutex
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

func (k *link) call(ctx context.Context, m *message, timeout time.Duration) (*answer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	deadline := time.Now().Add(timeout)
	if k.conn == nil {
		dialer := net.Dialer{Deadline: deadline}
		conn, err := dialer.DialContext(ctx, "tcp", k.address)
		if err != nil {
			return nil, err
		}
		k.conn, k.reader = conn, bufio.NewReaderSize(conn, 1<<16)
	}
	conn := k.conn // the function below may come late
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	a, err := exchange(conn, k.reader, m)
	if err != nil {
		_ = conn.Close()
		k.conn = nil
		return nil, err
	}
	return a, nil
}

func (k *link) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != nil {
		_ = k.conn.Close()
		k.conn = nil
	}
}

func exchange(w io.Writer, r *bufio.Reader, m *message) (*answer, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return nil, err
	}
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

// serve answers peers until the listener is closed.
func (n *Node) serve(listener net.Listener) {
	defer n.wait.Done()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		n.wait.Add(1)
		go n.serveConn(conn)
	}
}

func (n *Node) serveConn(conn net.Conn) {
	defer n.wait.Done()
	defer conn.Close()
	stop := context.AfterFunc(n.ctx, func() { _ = conn.Close() })
	defer stop()
	reader := bufio.NewReaderSize(conn, 1<<16)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(line, &m) != nil {
			return
		}
		a, err := n.handle(&m)
		if err != nil {
			return
		}
		b, err := json.Marshal(a)
		if err != nil {
			return
		}
		if _, err := conn.Write(append(b, '\n')); err != nil {
			return
		}
	}
}

func (n *Node) handle(m *message) (*answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return nil, ErrStopped
	}
	if m.ClusterID != n.meta.ClusterID {
		n.logf("Server %d : server %d has different cluster id(%d), local cluster id(%d).", n.idLocked(), m.FromID, m.ClusterID, n.meta.ClusterID)
		return nil, errNoAnswer
	}
	switch m.Kind {
	case "append":
		return n.onAppend(m), nil
	case "vote":
		return n.onVote(m), nil
	case "lead":
		return n.onLead(m), nil
	}
	return nil, errNoAnswer
}
