package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// maxJumps bounds a chain of jump hosts, so that a configuration in which they
// jump through each other is an error and not a hang.
const maxJumps = 8

// Connect reaches a host, through its jump hosts if it has any, verifies its key
// and logs in. Everything that means "could not be reached" is an
// *UnreachableError; it wraps *UnknownHostKeyError or *ChangedHostKeyError where
// that is why. Mistakes in the configuration are errors of no special type.
func Connect(ctx context.Context, c Config) (*Host, error) {
	options := c.options()
	if text, ok := c.SSHArgs.get("connecttimeout"); ok {
		c.ConnectTimeout, _ = seconds(text[0])
	}
	c = c.withDefaults()
	sc, err := loadSSHConfig(cmp.Or(options.file, c.ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	own, err := sc.with(SSHOptions{values: options.values})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	t, err := own.resolve(c.Name, c.Address, 0, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	t = sc.withDefaultKeys(t)
	if t.aliveInterval > 0 {
		c.KeepAlive = t.aliveInterval
	}
	d := &dialer{config: c, ssh: sc}
	client, conn, err := d.connect(ctx, t, 0)
	if err != nil {
		d.close()
		return nil, err
	}
	return newHost(c, t, client, conn, d), nil
}

// options are those of the configuration in the order in which they count: the arguments that come first, what was set
// outside of arguments, and the arguments that come last. It is the order of Ansible's own command line.
func (c Config) options() SSHOptions {
	var set SSHOptions
	add := func(key, value string) {
		set.values = append(set.values, sshValue{key, []string{value}})
	}
	if c.Keys.Mode == ModeOff {
		add("stricthostkeychecking", "no")
	}
	if c.Port != 0 {
		add("port", strconv.Itoa(c.Port))
	}
	for _, f := range c.KeyFiles {
		add("identityfile", f)
	}
	if c.User != "" {
		add("user", c.User)
	}
	if c.ProxyJump != "" {
		add("proxyjump", c.ProxyJump)
	}
	return c.SSHArgs.With(set).With(c.SSHExtraArgs)
}

// dialer makes the connections that lead to one host and holds a share in those to
// its jump hosts.
type dialer struct {
	config Config
	ssh    *sshConfig

	mu         sync.Mutex
	hops       []func() // each gives up the share in a jump host's connection; nearest to us first
	handshakes int64
}

func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.hops) - 1; i >= 0; i-- {
		d.hops[i]()
	}
	d.hops = nil
}

// connect reaches one hop, after those that lead to it. Where one of these was shared and is lost, it is reached anew.
func (d *dialer) connect(ctx context.Context, t target, depth int) (*ssh.Client, *countingConn, error) {
	client, conn, err := d.connectOnce(ctx, t, depth)
	var lost *lostJumpError
	if errors.As(err, &lost) && ctx.Err() == nil {
		return d.connectOnce(ctx, t, depth)
	}
	return client, conn, err
}

func (d *dialer) connectOnce(ctx context.Context, t target, depth int) (*ssh.Client, *countingConn, error) {
	if depth > maxJumps {
		return nil, nil, fmt.Errorf("%s: more than %d jump hosts behind one another: they probably jump through each other",
			d.config.Name, maxJumps)
	}
	dial, err := t.dialer()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.config.Name, err)
	}
	first := true
	way := ""
	for _, j := range t.jumps {
		jt, err := d.jumpTarget(j, t)
		if err != nil {
			return nil, nil, err
		}
		if jt == nil {
			continue
		}
		// What leads to it is part of its name: the same address behind another jump host is another host.
		// So is what is asked of it.
		way += strings.Join(jt.jumps, ",") + " " + jt.user + "@" + jt.address() + " "
		if t.jumpOptions != nil {
			way += fmt.Sprint(*t.jumpOptions)
		}
		ours := false
		from, leave, err := d.config.Jumps.to(ctx, way, func() (*ssh.Client, func(), error) {
			ours = true
			if first { // only the first of a list may have jump hosts of its own
				return d.jump(func(d *dialer) (*ssh.Client, *countingConn, error) { return d.connect(ctx, *jt, depth+1) })
			}
			return d.jump(func(d *dialer) (*ssh.Client, *countingConn, error) { return d.handshake(ctx, *jt, dial, false) })
		})
		if err != nil && !ours {
			err = d.shared(err)
		}
		if err != nil {
			return nil, nil, err
		}
		first = false
		d.mu.Lock()
		d.hops = append(d.hops, leave)
		d.mu.Unlock()
		dial = from
	}
	return d.handshake(ctx, t, dial, depth == 0)
}

// jump connects to a jump host with a dialer of its own, because what leads there has to last as long as the connection
// does, and not only as long as ours.
func (d *dialer) jump(connect func(*dialer) (*ssh.Client, *countingConn, error)) (*ssh.Client, func(), error) {
	own := &dialer{config: d.config, ssh: d.ssh}
	client, _, err := connect(own)
	d.mu.Lock()
	d.handshakes += own.handshakes
	d.mu.Unlock()
	if err != nil {
		own.close()
		return nil, nil, err
	}
	return client, func() {
		client.Close()
		own.close()
	}, nil
}

// shared names our host in the failure of a connection that another host of the run tried to make.
func (d *dialer) shared(err error) error {
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) {
		return err
	}
	own := *unreachable
	own.Host = d.config.Name
	return &own
}

// jumpTarget resolves a jump host with its own settings. nil: it is the host
// itself, as a "Host *" block with ProxyJump makes of every jump host.
func (d *dialer) jumpTarget(jump string, of target) (*target, error) {
	userName, host, port, err := parseJump(jump)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.name, err)
	}
	sc := d.ssh
	if of.jumpOptions != nil {
		if sc, err = sc.with(*of.jumpOptions); err != nil {
			return nil, fmt.Errorf("%s: %w", of.name, err)
		}
	}
	jt, err := sc.resolve(host, "", port, userName)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.name, err)
	}
	if jt.hostName == of.hostName && jt.port == of.port {
		return nil, nil
	}
	jt = d.ssh.withDefaultKeys(jt)
	jt.name = "jump host " + host
	return &jt, nil
}

// dialer returns how the host itself, or the first of its jump hosts, is dialled.
func (t target) dialer() (dialFunc, error) {
	d := &net.Dialer{}
	if t.bindAddress != "" {
		from, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(t.bindAddress, "0"))
		if err != nil {
			return nil, fmt.Errorf("BindAddress: %w", err)
		}
		d.LocalAddr = from
	}
	return d.DialContext, nil
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// handshake dials one hop, verifies its key and logs in. Password and pinned keys
// belong to the last hop only.
func (d *dialer) handshake(ctx context.Context, t target, dial dialFunc, last bool) (*ssh.Client, *countingConn, error) {
	check, gives := d.config.Keys, &login{password: d.config.Password}
	check.Mode = t.keyMode
	if !last {
		check.Pinned, gives.password = nil, ""
	}
	keys, err := newKeyVerifier(check, t, d.ssh.home, d.config.Warn)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.hostName(t, last), err)
	}
	if gives.password != "" {
		key := passwordKey{host: t.way(), service: "ssh", account: t.user, password: gives.password}
		wrong, settle, err := d.config.Passwords.begin(ctx, nil, key)
		if err != nil {
			return nil, nil, d.unreachable(t, last, "connect", nil, err)
		}
		gives.wrong = wrong != nil // a key may still do
		defer func() { settle(gives.right, gives.refused) }()
	}
	// The host's first key is named when none is right.
	var first error
	for _, algorithms := range keys.algorithms() {
		client, conn, err := d.patientShake(ctx, t, dial, last, keys, algorithms, gives)
		if err == nil {
			return client, conn, nil
		}
		if ctx.Err() != nil || !keys.another(err) {
			return nil, nil, err
		}
		if first == nil {
			first = err
		}
		keys.verdict = nil
	}
	return nil, nil, first
}

// patientShake tries again, within the time limit, where the connection was dropped before it showed a key, and as often as
// the configuration says where there was none.
func (d *dialer) patientShake(
	ctx context.Context, t target, dial dialFunc, last bool, keys *keyVerifier, algorithms []string, gives *login,
) (*ssh.Client, *countingConn, error) {
	began, retries := time.Now(), 0
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		client, conn, err := d.shake(ctx, t, dial, last, keys, algorithms, gives)
		var dropped *droppedError
		var undialled *undialledError
		var lost *lostJumpError         // over that connection no later try does better
		wait := pause/2 + rand.N(pause) // or those that were dropped together come back together
		switch {
		case errors.As(err, &lost):
			return client, conn, err
		case errors.As(err, &dropped) && time.Since(began)+wait <= d.config.ConnectTimeout:
		case (errors.As(err, &dropped) || errors.As(err, &undialled)) && retries < d.config.Retries:
			wait = min(time.Second<<min(retries, 5)-time.Second, 30*time.Second)
			began = time.Now().Add(wait)
			retries++
		default:
			return client, conn, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, nil, err
		}
	}
}

// droppedError is the end of a connection before anything was asked of us. sshd ends some so when too many are about to
// log in (MaxStartups, 10:30:100 by default), and takes the next a moment later.
type droppedError struct{ error }

func (e *droppedError) Unwrap() error { return e.error }

// undialledError is a host that does not answer, or that nobody answers for.
type undialledError struct{ error }

func (e *undialledError) Unwrap() error { return e.error }

// refusedError is the answer of a host that lets nobody in with what it was given.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

func isDrop(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || isForeignDrop(err)
}

// shake is one handshake, which asks for a key of one of these algorithms.
func (d *dialer) shake(
	ctx context.Context, t target, dial dialFunc, last bool, keys *keyVerifier, algorithms []string, gives *login,
) (*ssh.Client, *countingConn, error) {
	unreachable := func(doing string, tried []string, err error) error {
		return d.unreachable(t, last, doing, tried, err)
	}

	dialCtx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	raw, err := dial(dialCtx, "tcp"+t.family, t.address())
	cancel()
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", d.config.DialTimeout)
		}
		return nil, nil, unreachable("connect", nil, &undialledError{err})
	}
	conn := &countingConn{Conn: raw}
	stopClosing := context.AfterFunc(ctx, func() { conn.Close() })
	clock := startStopwatch(d.config.ConnectTimeout, func() { conn.Close() })

	auth := &authenticator{ctx: ctx, t: t, login: gives, passphrase: d.config.Passphrase, warn: d.config.Warn, human: clock.pause}
	auth.changed = func() *ChangedHostKeyError { return keys.changed }
	if t.batch {
		auth.passphrase = nil
	}
	defer auth.close()
	sc, chans, requests, err := ssh.NewClientConn(conn, t.address(), &ssh.ClientConfig{
		Config:            ssh.Config{Ciphers: t.ciphers, MACs: t.macs, KeyExchanges: t.keyExchanges},
		User:              t.user,
		Auth:              auth.methods(),
		HostKeyCallback:   keys.verify,
		HostKeyAlgorithms: algorithms,
		ClientVersion:     "SSH-2.0-polarbook",
	})
	timedOut := clock.stop()
	if !stopClosing() && err == nil { // cancelled in the last moment
		sc.Close()
		err = ctx.Err()
	}
	if err == nil {
		d.mu.Lock()
		d.handshakes++
		d.mu.Unlock()
		gives.right = auth.used
		return ssh.NewClient(sc, chans, requests), conn, nil
	}
	conn.Close()
	switch {
	case ctx.Err() != nil:
		return nil, nil, unreachable("connect", nil, ctx.Err())
	case keys.verdict != nil:
		return nil, nil, unreachable("verify the host key", nil, keys.verdict)
	case timedOut:
		err = fmt.Errorf("the SSH handshake did not end within %s: %w", d.config.ConnectTimeout, err)
		return nil, nil, unreachable("connect", nil, err)
	case auth.asked, loginRefused(err):
		err = unreachable("log in as "+t.user, auth.attempts(), &refusedError{err})
		if auth.used {
			gives.refused = err
		}
		return nil, nil, err
	case len(auth.tried) > 0: // an error of ours inside the login, or the server hung up
		return nil, nil, unreachable("log in as "+t.user, auth.attempts(), err)
	}
	if isDrop(err) {
		err = &droppedError{err}
	}
	return nil, nil, unreachable("SSH handshake", nil, err)
}

// hostName names the host that the user knows, even when its jump host is the trouble.
func (d *dialer) hostName(t target, last bool) string {
	if last {
		return d.config.Name
	}
	return d.config.Name + ": " + t.name
}

func (d *dialer) unreachable(t target, last bool, doing string, tried []string, err error) error {
	e := &UnreachableError{Host: d.config.Name, Address: t.address(), Doing: doing, Tried: tried, Err: err}
	if !last {
		e.Jump = t.name
	}
	return e
}

// stopwatch calls expire once it has run for a limit, pauses not counted.
type stopwatch struct {
	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	since   time.Time
	expired bool
}

func startStopwatch(limit time.Duration, expire func()) *stopwatch {
	s := &stopwatch{left: limit, since: time.Now()}
	s.timer = time.AfterFunc(limit, func() {
		s.mu.Lock()
		s.expired = true
		s.mu.Unlock()
		expire()
	})
	return s
}

func (s *stopwatch) pause() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	s.left -= time.Since(s.since)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.since = time.Now()
		s.timer.Reset(max(s.left, 0))
	}
}

// stop reports whether the limit had been reached.
func (s *stopwatch) stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	return s.expired
}
