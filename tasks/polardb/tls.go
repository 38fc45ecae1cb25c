package polardb

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/polarbook/polarbook/tasks"
)

type tlsArgs struct {
	Port     int    `arg:"port" default:"5432" doc:"the client port"`
	Cert     string `arg:"cert" doc:"the control node's file of the certificate to be shown; empty: any, with a warning when it ends soon"`
	WarnDays int    `arg:"warn_days" default:"30" doc:"without cert: warn this many days before the certificate ends"`
	Timeout  int    `arg:"timeout" default:"15" doc:"seconds that a server may take to read its files after a reload"`
}

var tlsModule = tasks.Define(tasks.Module{
	Name:    "polardb_tls",
	Summary: "Prove that a node's server speaks TLS with its certificate, or look at the one that it shows",
	Notes: []string{
		"Connects to the client port through the host, as a client would, and ends after the handshake: " +
			"no password is asked for or sent. A server that cannot read its certificate on a reload goes on with the old one, " +
			"and only its log says so.",
	},
	Returns: []tasks.Return{
		{Name: "version", Type: "str", Doc: "the negotiated version of TLS"},
		{Name: "not_after", Type: "str", Doc: "when the certificate ends"},
	},
	Examples: `- polardb_tls:
    cert: "{{ certificate.cert }}"
`,
}, func(a *tlsArgs, _ tasks.Local) (tasks.Action, error) { return tasks.Ask(&tlsAction{a}), nil })

type tlsAction struct{ args *tlsArgs }

// tlsFound holds the certificate that the server shows; unseen is the error when it shows none.
type tlsFound struct {
	host    string
	now     time.Time
	version string
	shown   *x509.Certificate
	unseen  error
}

func (t *tlsAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (tlsFound, error) {
	found := tlsFound{host: h.Name(), now: time.Now()}
	if t.args.Cert == "" {
		state, err := handshake(ctx, h, t.args.Port)
		if found.unseen = err; err == nil {
			found.version, found.shown = tls.VersionName(state.Version), state.PeerCertificates[0]
		}
		return found, nil
	}
	text, err := os.ReadFile(t.args.Cert)
	if err != nil {
		return found, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return found, fmt.Errorf("read the certificate in %s: it is not PEM", t.args.Cert)
	}
	wanted, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return found, fmt.Errorf("read the certificate in %s: %w", t.args.Cert, err)
	}
	deadline := time.Now().Add(time.Duration(t.args.Timeout) * time.Second)
	for {
		state, err := handshake(ctx, h, t.args.Port)
		if err == nil && !bytes.Equal(state.PeerCertificates[0].Raw, wanted.Raw) {
			err = fmt.Errorf("it shows another certificate, which ends on %s", state.PeerCertificates[0].NotAfter.Format(time.DateOnly))
		}
		if err == nil {
			found.version, found.shown = tls.VersionName(state.Version), wanted
			return found, nil
		}
		if time.Now().After(deadline) {
			return found, &tasks.Failure{
				Msg:  "the server of " + h.Name() + " does not speak TLS with its certificate",
				Err:  err,
				Hint: "see its server log",
			}
		}
		if err := tasks.Sleep(ctx, 300*time.Millisecond); err != nil {
			return found, err
		}
	}
}

func (t *tlsAction) Plan(found tlsFound) (tasks.Plan, error) {
	if found.unseen != nil { // other modules report a server that does not answer
		return tasks.Plan{
			Msg:    "no certificate was seen: " + found.unseen.Error(),
			Values: map[string]any{"version": "", "not_after": ""},
		}, nil
	}
	shown := found.shown
	p := tasks.Plan{
		Msg:    "the server speaks " + found.version,
		Values: map[string]any{"version": found.version, "not_after": shown.NotAfter.UTC().Format(time.RFC3339)},
	}
	if t.args.Cert != "" {
		return p, nil
	}
	p.Msg = "the server shows a certificate that ends on " + shown.NotAfter.Format(time.DateOnly)
	switch left := shown.NotAfter.Sub(found.now); {
	case left <= 0:
		p.Warnings = []string{fmt.Sprintf("the certificate that %s shows ended on %s; members and clients do not trust it: run reconfigure.yml",
			found.host, shown.NotAfter.Format(time.DateOnly))}
	case found.now.AddDate(0, 0, t.args.WarnDays).After(shown.NotAfter):
		p.Warnings = []string{fmt.Sprintf("the certificate that %s shows ends on %s, in %d days: "+
			"reconfigure.yml renews one of the own CA, and installs another that was put in its place",
			found.host, shown.NotAfter.Format(time.DateOnly), int(left.Hours()/24))}
	}
	return p, nil
}

// sslRequest asks a server of PostgreSQL's protocol whether it speaks TLS; it answers with one letter.
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

func handshake(ctx context.Context, h tasks.Host, port int) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := h.Dial(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	answer := make([]byte, 1)
	if _, err = conn.Write(sslRequest); err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	switch {
	case err != nil:
		return tls.ConnectionState{}, err
	case answer[0] != 'S':
		return tls.ConnectionState{}, errors.New("the server does not offer TLS")
	}
	// Ask compares the certificate itself afterwards, which proves more than a verified chain.
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec
	if err := client.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	return client.ConnectionState(), nil
}
