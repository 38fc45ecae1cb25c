package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/tasks/remote"
)

// clock holds how far a host's clock is ahead of the control node's.
type clock struct {
	Asked         bool
	Offset, Error time.Duration // Offset may be wrong by Error in either direction
}

func (c clock) String() string {
	return fmt.Sprintf("%+.3f s (± %.3f s)", c.Offset.Seconds(), c.Error.Seconds())
}

// measureClock asks three times and takes the fastest answer: the host read its clock at some moment within the round trip, so
// half of that bounds the error.
func measureClock(ctx context.Context, shell tasks.Shell) (clock, error) {
	var best clock
	for range 3 {
		before := time.Now()
		answer, err := shell.Run(ctx, remote.Command{Script: "date +%s.%N"})
		if err != nil {
			return best, err
		}
		// The round trip is measured with the monotonic clock, so that a change of the control node's clock does not enter it.
		c, err := offset(strings.TrimSpace(string(answer.Stdout)), before, time.Since(before))
		if err != nil {
			return best, err
		}
		if !best.Asked || c.Error < best.Error {
			best = c
		}
	}
	return best, nil
}

// offset compares seconds since 1970, with or without a fraction, with the middle of the round trip.
func offset(answer string, before time.Time, trip time.Duration) (clock, error) {
	whole, fraction, _ := strings.Cut(answer, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return clock{}, fmt.Errorf("date +%%s.%%N printed %q", answer)
	}
	c := clock{Asked: true, Error: trip / 2}
	nanos, err := strconv.ParseInt(fraction, 10, 64)
	if err != nil || len(fraction) != 9 {
		// A date without %N cuts off up to a second.
		nanos = int64(time.Second / 2)
		c.Error += time.Second / 2
	}
	c.Offset = time.Unix(seconds, nanos).Sub(before.Add(trip / 2).Round(0))
	return c, nil
}

// outcome is the result of an attempt to connect from a host.
type outcome string

const (
	connected  outcome = "connected"
	refused    outcome = "refused, nothing listens there yet"
	timedOut   outcome = "no answer"
	noRoute    outcome = "unreachable"
	prohibited outcome = "sshd does not forward"
	failedFast outcome = "failed at once, sshd does not say why"
	failedSome outcome = "failed"
)

// reach is one member as seen from the host: its client port and its consensus port.
type reach struct {
	Name    string
	Address dma.Address
	Client  attemptedDial
	Voting  attemptedDial // the consensus port; not tried for the host itself
}

type attemptedDial struct {
	Outcome outcome
	Said    string
}

const (
	dialLimit = 5 * time.Second
	// dialsAtOnce is the number of channels that sshd opens at a time without refusing any.
	dialsAtOnce = 4
)

// tryPeers connects from the host to one of its own ports that has a listener, which shows whether sshd forwards at all, and to
// all other members.
func tryPeers(ctx context.Context, h tasks.Host, port int, listening []int, nodes []polardb.WantedNode) (forward reach, peers []reach) {
	own := port
	for _, p := range append([]int{port, 22}, listening...) {
		if slices.Contains(listening, p) {
			own = p
			break
		}
	}
	forward = reach{Name: h.Name(), Address: dma.Address{Host: "127.0.0.1", Port: own}}
	for _, n := range nodes {
		if n.Name != h.Name() {
			peers = append(peers, reach{Name: n.Name, Address: n.Address})
		}
	}
	room := make(chan struct{}, dialsAtOnce)
	var wg sync.WaitGroup
	try := func(into *attemptedDial, address string) {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			*into = tryDial(ctx, h, address)
		})
	}
	try(&forward.Client, forward.Address.String())
	for i := range peers {
		try(&peers[i].Client, peers[i].Address.String())
		try(&peers[i].Voting, peers[i].Address.Consensus())
	}
	wg.Wait()
	return forward, peers
}

func tryDial(ctx context.Context, h tasks.Host, address string) attemptedDial {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := h.Dial(ctx, "tcp", address)
	if err == nil {
		conn.Close()
		return attemptedDial{Outcome: connected}
	}
	return attemptedDial{Outcome: classify(err), Said: err.Error()}
}

// classify returns why a connection failed. An sshd that could not connect has one code for all causes, so their words have to
// tell them apart: it adds those of the C library when it had to wait for the failure, and "open failed" when it failed at once
// (OpenSSH 9.2, with a route that is "unreachable"). An old one (server_input_channel_open of OpenSSH 7.3) calls the latter
// prohibited.
func classify(err error) outcome {
	said := err.Error()
	if channel := (*ssh.OpenChannelError)(nil); errors.As(err, &channel) {
		if channel.Reason == ssh.Prohibited {
			return prohibited
		}
		if channel.Message == "open failed" {
			return failedFast
		}
		said = channel.Message
	}
	said = strings.ToLower(said)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), strings.Contains(said, "timed out"):
		return timedOut
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), strings.Contains(said, "no route"),
		strings.Contains(said, "unreachable"), strings.Contains(said, "host is down"):
		return noRoute
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(said, "refused"):
		return refused
	}
	return failedSome
}

// reachability adds one line for sshd and one for each other member.
func (r *checkRows) reachability(asked checkAsked, own []string) {
	forwards := asked.Forward.Client.Outcome
	if forwards == "" {
		return
	}
	const fix = "set AllowTcpForwarding to yes (or local) in /etc/ssh/sshd_config, " +
		"see that no PermitOpen or DisableForwarding is in the way, and reload sshd"
	switch {
	case forwards == connected, forwards == refused:
		r.add("SSH forwarding", statusPass, "sshd forwards", "", "")
	case forwards == prohibited:
		r.add("SSH forwarding", statusFail, string(prohibited)+" to "+asked.Forward.Address.String(), "sshd forwards: SQL goes through it",
			fix)
	default:
		r.add("SSH forwarding", statusWarn, asked.Forward.Client.Said, "sshd forwards: SQL goes through it", fix)
	}
	for _, p := range asked.Peers {
		row := judge(p, forwards != prohibited, slices.Contains(own, p.Address.Host))
		if forwards == prohibited {
			row.Status, row.Fix = statusWarn, "let sshd forward, then check again"
		}
		*r = append(*r, row)
	}
}

// judge returns one check for both ports. With local the address is the host's own, where a connection to a port without a
// listener fails at once.
func judge(p reach, forwards, local bool) checkRow {
	row := checkRow{Name: "reach " + p.Name, Status: statusPass, Peer: p.Name, Wanted: "connected or refused"}
	var found []string
	for _, d := range []struct {
		address string
		attemptedDial
	}{{p.Address.String(), p.Client}, {p.Address.Consensus(), p.Voting}} {
		if d.Outcome == failedFast && local {
			d.Outcome = refused
		}
		said := string(d.Outcome)
		status, fix := statusPass, ""
		switch d.Outcome {
		case connected, refused:
		case timedOut, noRoute:
			status = statusFail
			fix = fmt.Sprintf("is %s up? Open %d and %d in its firewall and in those between (nc -vz %s %d shows it)",
				p.Name, p.Address.Port, dma.ConsensusPort(p.Address.Port), p.Address.Host, p.Address.Port)
		case failedFast:
			status, fix = statusFail, "see whether the host has a route there: ip route get "+p.Address.Host
		case prohibited:
			status, fix = statusFail, "let sshd on this host forward to "+d.address+": no PermitOpen that leaves it out"
			if forwards {
				fix += "; an old sshd also says so when it has no route there"
			}
		default:
			status, said = statusWarn, d.Said
			fix = fmt.Sprintf("try it on the host: nc -vz %s %d", p.Address.Host, p.Address.Port)
		}
		found = append(found, d.address+" "+said)
		if status.rank() < row.Status.rank() {
			row.Status, row.Fix = status, fix
		}
	}
	row.Found = strings.Join(found, "; ")
	return row
}
