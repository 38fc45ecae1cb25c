package tls

import (
	"context"
	cryptotls "crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/polarbook/polarbook/test/site"
)

// connection is what polarbook connect tells applications.
type connection struct {
	SSLMode, SSLRootCert string
	Write, Read          struct {
		LibpqURI      string `json:"libpq_uri"`
		LibpqKeywords string `json:"libpq"`
	}
}

// clients come as polarbook connect tells them to, from outside of the cluster and with the engine's own psql, and by polarbook psql.
// Without TLS, and with another CA, they are not let in.
func clients(t *testing.T, s *site.Site, otherCA string) {
	told := func(args ...string) (c connection) {
		t.Helper()
		o := s.Polarbook(0, append([]string{"connect", "-d", "postgres", "-U", "polardb", "--output", "json"}, args...)...)
		if err := json.Unmarshal([]byte(o.Stdout), &c); err != nil {
			t.Fatalf("%v: %s", err, o.Stdout)
		}
		return c
	}
	here := told()
	if here.SSLMode != "verify-full" || here.SSLRootCert == "" {
		t.Errorf("connect tells %+v", here)
	}
	for what, uri := range map[string]string{"write": here.Write.LibpqURI, "read": here.Read.LibpqURI,
		"verify-ca": told("--sslmode", "verify-ca").Write.LibpqURI} {
		follows, encrypted, err := comes(t.Context(), s, uri)
		if err != nil || !encrypted || follows && what != "read" {
			t.Errorf("%s, with %s: follows %v, encrypted %v, %v", what, uri, follows, encrypted, err)
		}
	}
	if _, _, err := comes(t.Context(), s, told("--sslrootcert", otherCA).Write.LibpqURI); err == nil {
		t.Error("a client that trusts another CA alone has come in")
	}
	if conn, err := s.Connect(t.Context(), s.Leader()); err == nil {
		_ = conn.Close(t.Context())
		t.Error("a client without TLS was let in")
	}
	if site.RealEngine() { // the stand-in's psql takes no URI
		c := told("--sslmode", "verify-ca", "--sslrootcert", "/etc/polardb-tls/ca.crt")
		for _, to := range []string{c.Write.LibpqURI, c.Write.LibpqKeywords} {
			got := s.On("node2", fmt.Sprintf(`cd /; export LD_LIBRARY_PATH=/opt/polardb/current/lib PGPASSWORD=%s; /opt/polardb/current/bin/psql -At "%s" -c 'select pg_is_in_recovery()'`,
				s.Password, to))
			if got != "f\n" {
				t.Errorf("psql with %s says %q", to, got)
			}
		}
	}
	for node, follows := range map[string]string{"leader": "f\n", "follower": "t\n"} {
		if o := s.Polarbook(0, "psql", node, "--", "-Atc", "select pg_is_in_recovery()"); o.Stdout != follows {
			t.Errorf("psql on the %s says %q", node, o.Stdout)
		}
	}
}

// comes connects as an application does, with nothing but what it was told and the password.
func comes(ctx context.Context, s *site.Site, uri string) (follows, encrypted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	config, err := pgx.ParseConfig(uri)
	if err != nil {
		return false, false, err
	}
	config.Password, config.DefaultQueryExecMode = s.Password, pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, false, err
	}
	_, encrypted = conn.PgConn().Conn().(*cryptotls.Conn)
	err = conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&follows)
	return follows, encrypted, errors.Join(err, conn.Close(ctx))
}
