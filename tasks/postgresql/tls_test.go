package postgresql

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// TestTLS has the server use TLS for a while, with a certificate for localhost.
func TestTLS(t *testing.T) {
	s := mustServe(t)
	on := &target{server: s, host: &taskstest.LocalHost{Words: taskstest.ShellsFor(t)[0]}, local: &taskstest.FakeLocal{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(s.dir, "data")
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"server.crt": {Type: "CERTIFICATE", Bytes: der},
		"server.key": {Type: "PRIVATE KEY", Bytes: secret}} {
		file := filepath.Join(data, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = os.Chown(file, int(owner.Uid), int(owner.Gid))
		}
	}
	on.login = map[string]any{"login_unix_socket": s.dir, "login_port": s.port}
	taskstest.MustChange(t, on.host, "postgresql_set", on.with("name", "ssl", "value", "on"), on.local)
	t.Cleanup(func() {
		on.login = map[string]any{"login_unix_socket": s.dir, "login_port": s.port}
		taskstest.MustChange(t, on.host, "postgresql_set", on.with("name", "ssl", "reset", true), on.local)
	})
	on.login = map[string]any{"login_host": "localhost", "login_port": s.port, "login_password": s.password}
	ca := filepath.Join(data, "server.crt")
	for _, way := range []struct {
		mode, ca, host string
		want           string // whether it is encrypted, or why it is refused
	}{
		{"disable", "", "localhost", "false"}, {"allow", "", "localhost", "false"}, {"prefer", "", "localhost", "true"},
		{"require", "", "localhost", "true"}, {"require", ca, "localhost", "true"}, {"verify-ca", ca, "127.0.0.1", "true"},
		{"verify-full", ca, "localhost", "true"}, {"verify-full", ca, "127.0.0.1", "127.0.0.1"}, {"verify-ca", "", "localhost", "ca_cert"},
		{"require", "/etc/ssl/certs/ca-certificates.crt", "localhost", "unknown authority"},
	} {
		args := on.with("ssl_mode", way.mode, "login_host", way.host, "query",
			"select ssl::text as ssl from pg_stat_ssl where pid = pg_backend_pid()")
		if way.ca != "" {
			args["ca_cert"] = way.ca
		}
		action := taskstest.NewAction(t, "postgresql_query", args, on.local)
		p, err := taskstest.PlanOn(t, on.host, action)
		switch {
		case err != nil && !strings.Contains(err.Error(), way.want), err == nil && len(way.want) > len("false"):
			t.Errorf("%+v: %v", way, err)
		case err == nil:
			rows, _ := p.Values["query_result"].([]any)
			if len(rows) != 1 || !strings.Contains(strings.TrimSpace(jsonOf(t, rows[0])), way.want) {
				t.Errorf("%+v: %v", way, rows)
			}
		}
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
