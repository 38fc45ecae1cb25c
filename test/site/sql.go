package site

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// FromOutside is a line of pg_hba.conf that lets this machine in, which Query and Load need: the cluster admits its
// members alone.
const FromOutside = "host all all 0.0.0.0/0 md5"

// SQL runs a statement on a host with the engine's own psql, as the superuser, and returns what it prints.
func (s *Site) SQL(host, statement string) string {
	s.T.Helper()
	home := s.Variable(host, "polardb_home", "/opt/polardb") + "/current"
	return strings.TrimSpace(s.On(host,
		fmt.Sprintf(`cd /; PGPASSWORD=%s LD_LIBRARY_PATH=%s/lib %s/bin/psql -h 127.0.0.1 -p %s -U %s -d postgres -At -c '%s'`,
			s.Password, home, home, s.port(host), s.superuser(host), strings.ReplaceAll(statement, "'", `'\''`))))
}

// Query asks one value of a node, from outside of the cluster.
func (s *Site) Query(host, statement string) string {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := s.Connect(ctx, host)
	if err != nil {
		s.T.Fatal(err)
	}
	defer conn.Close(ctx)
	var value string
	if err := conn.QueryRow(ctx, statement).Scan(&value); err != nil {
		s.T.Fatalf("%s on %s: %v", statement, host, err)
	}
	return value
}

// Writable connects to the node that takes writes. It begins with another one each time: one that keeps silent would take
// all the time there is, every time.
func (s *Site) Writable(ctx context.Context) (*pgx.Conn, error) {
	hosts, last := s.Lab.Hosts(), error(nil)
	for _, i := range rand.Perm(len(hosts)) {
		name := hosts[i].Name
		conn, err := s.Connect(ctx, name)
		if err != nil {
			last = fmt.Errorf("%s: %w", name, err)
			continue
		}
		reading := true
		if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&reading); err == nil && !reading {
			return conn, nil
		}
		last = fmt.Errorf("%s follows", name)
		_ = conn.Close(ctx)
	}
	return nil, fmt.Errorf("no node takes writes: %w", last)
}

// Connect opens a session with a node's server as the superuser, from outside of the cluster.
func (s *Site) Connect(ctx context.Context, host string) (*pgx.Conn, error) {
	return s.ConnectAt(ctx, s.Lab.Host(host).Address, s.port(host), s.superuser(host))
}

// ConnectAt opens one with whatever server answers there.
func (s *Site) ConnectAt(ctx context.Context, address, port, user string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=%s dbname=postgres sslmode=disable connect_timeout=2", address, port, user))
	if err != nil {
		return nil, err
	}
	c.Password = s.Password
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, c)
}

func (s *Site) port(host string) string { return s.Variable(host, "polardb_port", "5432") }

func (s *Site) superuser(host string) string { return s.Variable(host, "polardb_user", "polardb") }
