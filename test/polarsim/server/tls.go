package server

import (
	"crypto/tls"
	"fmt"
	"os"
	"syscall"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// loadTLS reads the certificate and its key as secure_initialize does. At a reload a certificate that cannot be read is
// logged, and the one before is kept (engine: postmaster.c, SIGHUP_handler).
func (s *Server) loadTLS() error {
	if !s.settings.on("ssl") {
		s.tls.Store(nil)
		return nil
	}
	certificate, key := s.settings.text("ssl_cert_file"), s.settings.text("ssl_key_file")
	if _, err := os.ReadFile(certificate); err != nil {
		return fmt.Errorf("could not load server certificate file \"%s\": SSL error code 2147483650", certificate)
	}
	info, err := os.Stat(key)
	if err != nil {
		return fmt.Errorf("could not access private key file \"%s\": No such file or directory", key)
	}
	forbidden := os.FileMode(0o077)
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 {
		forbidden = 0o037
	}
	if info.Mode().Perm()&forbidden != 0 {
		return fmt.Errorf("private key file \"%s\" has group or world access", key)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("could not load server certificate file \"%s\": %w", certificate, err)
	}
	if ca := s.settings.text("ssl_ca_file"); ca != "" {
		if _, err := os.ReadFile(ca); err != nil {
			return fmt.Errorf("could not load root certificate file \"%s\": No such file or directory", ca)
		}
	}
	s.tls.Store(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	return nil
}

func sslStatus(c *session, _ *sql.Context) ([][]sql.Value, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	var out [][]sql.Value
	for _, pid := range sortedPIDs(c.server.sessions) {
		row := []sql.Value{int64(pid), false, nil, nil, nil, nil, nil}
		if secure, ok := c.server.sessions[pid].conn.(*tls.Conn); ok {
			state := secure.ConnectionState()
			version := map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}[state.Version]
			row = []sql.Value{int64(pid), true, version, tls.CipherSuiteName(state.CipherSuite), int64(256), false, ""}
		}
		out = append(out, row)
	}
	return out, nil
}

// disabledTLS marks what pg_hba_file_rules says of hostssl lines on a server without TLS.
func (c *session) disabledTLS(h config.HBALine) string {
	if h.Error == "" && h.Type == "hostssl" && c.server.tls.Load() == nil && !c.server.settings.on("ssl") {
		return "hostssl record cannot match because SSL is disabled"
	}
	return h.Error
}
