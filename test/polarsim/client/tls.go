package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// secured asks a server for TLS as sslmode says; libpq asks no one on a Unix socket.
func secured(conn net.Conn, t Target) (net.Conn, error) {
	mode := t.SSLMode
	if mode == "" {
		mode = os.Getenv("PGSSLMODE")
	}
	if mode == "" {
		mode = "prefer"
	}
	if strings.HasPrefix(t.Host, "/") || mode == "disable" || mode == "allow" {
		return conn, nil
	}
	verify := strings.HasPrefix(mode, "verify-")
	roots := t.SSLRootCert
	if roots == "" {
		roots = os.Getenv("PGSSLROOTCERT")
	}
	var pool *x509.CertPool
	if verify {
		text, err := os.ReadFile(roots)
		if err != nil {
			return nil, fmt.Errorf("root certificate file \"%s\" does not exist\n"+
				"Either provide the file or change sslmode to disable server certificate verification.", roots)
		}
		pool = x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("could not read root certificate file \"%s\": no start line", roots)
		}
	}
	answer := make([]byte, 1)
	_, err := conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47})
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	switch {
	case err != nil:
		return nil, errors.New("could not connect to server: server closed the connection unexpectedly")
	case answer[0] != 'S' && mode != "prefer":
		return nil, errors.New("server does not support SSL, but SSL was required")
	case answer[0] != 'S':
		return conn, nil
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		if !verify {
			return nil
		}
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between}); err != nil {
			return errors.New("certificate verify failed")
		}
		if mode == "verify-full" && s.PeerCertificates[0].Subject.CommonName != t.Host && s.PeerCertificates[0].VerifyHostname(t.Host) != nil {
			return fmt.Errorf("server certificate for \"%s\" does not match host name \"%s\"", s.PeerCertificates[0].Subject.CommonName, t.Host)
		}
		return nil
	}})
	if err := secure.Handshake(); err != nil {
		return nil, fmt.Errorf("SSL error: %w", err)
	}
	return secure, nil
}
