package polardb

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
)

func TestTLSPlan(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	days := func(n int) *x509.Certificate { return &x509.Certificate{NotAfter: now.AddDate(0, 0, n)} }
	for name, c := range map[string]struct {
		cert  string
		found tlsFound
		msg   string
		warns string // "": no warning
	}{
		"the wanted one": {"node1.crt", tlsFound{version: "TLS 1.3", shown: days(1)}, "the server speaks TLS 1.3", ""},
		"good for long":  {"", tlsFound{version: "TLS 1.3", shown: days(31)}, "ends on 2026-07-02", ""},
		"to end soon": {"", tlsFound{version: "TLS 1.3", shown: days(29)}, "ends on 2026-06-30",
			"node1 shows ends on 2026-06-30, in 29 days"},
		"ended":             {"", tlsFound{version: "TLS 1.3", shown: days(-1)}, "ends on 2026-05-31", "node1 shows ended on 2026-05-31"},
		"ended this moment": {"", tlsFound{version: "TLS 1.3", shown: days(0)}, "ends on 2026-06-01", "node1 shows ended"},
		"not seen":          {"", tlsFound{unseen: errors.New("refused")}, "no certificate was seen: refused", ""},
	} {
		c.found.host, c.found.now = "node1", now
		p, err := (&tlsAction{&tlsArgs{Cert: c.cert, WarnDays: 30}}).Plan(c.found)
		warned := strings.Join(p.Warnings, "; ")
		if err != nil || p.Change || !strings.Contains(p.Msg, c.msg) {
			t.Errorf("%s: %+v, %v, want %q", name, p, err, c.msg)
		}
		if (warned == "") != (c.warns == "") || !strings.Contains(warned, c.warns) {
			t.Errorf("%s: warned %q, want %q", name, warned, c.warns)
		}
	}
}

// tlsHost dials a server that answers the request for TLS with one letter, and after S speaks it.
type tlsHost struct {
	tasks.Host
	answer byte
	shows  tls.Certificate
}

func (h tlsHost) Name() string { return "node1" }

func (h tlsHost) Dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		if _, err := io.ReadFull(server, make([]byte, len(sslRequest))); err != nil {
			return
		}
		if _, err := server.Write([]byte{h.answer}); err != nil || h.answer != 'S' {
			return
		}
		_ = tls.Server(server, &tls.Config{Certificates: []tls.Certificate{h.shows}}).Handshake()
	}()
	return client, nil
}

func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, of, of, public, private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "server.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: private}, file
}

// TestTLSAsk compares the certificate that a server shows with the one that it must show.
func TestTLSAsk(t *testing.T) {
	own, file := selfSigned(t)
	other, _ := selfSigned(t)
	garbage := filepath.Join(t.TempDir(), "garbage.crt")
	if err := os.WriteFile(garbage, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert   string
		answer byte
		shows  tls.Certificate
		fail   string
		unseen string
	}{
		"its own":            {cert: file, answer: 'S', shows: own},
		"another":            {cert: file, answer: 'S', shows: other, fail: "it shows another certificate"},
		"no TLS":             {cert: file, answer: 'N', fail: "the server does not offer TLS"},
		"any":                {answer: 'S', shows: other},
		"any, without TLS":   {answer: 'N', unseen: "the server does not offer TLS"},
		"a file without one": {cert: garbage, fail: "it is not PEM"},
		"no such file":       {cert: garbage + ".not", fail: "no such file"},
	} {
		h := tlsHost{answer: c.answer, shows: c.shows}
		found, err := (&tlsAction{&tlsArgs{Cert: c.cert, Port: 5432}}).Ask(context.Background(), h, tasks.Found{})
		switch {
		case c.fail != "":
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s: %v, want %q", name, err, c.fail)
			}
		case c.unseen != "":
			if err != nil || found.unseen == nil || !strings.Contains(found.unseen.Error(), c.unseen) {
				t.Errorf("%s: %+v, %v, want %q", name, found, err, c.unseen)
			}
		case err != nil || found.unseen != nil || !strings.HasPrefix(found.version, "TLS 1.") || found.shown == nil:
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}
