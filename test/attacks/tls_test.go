package attacks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/polarbook/polarbook/test/site"
)

// TestTLS eavesdrops on the network and impersonates a member: what is sent is encrypted, and a server without a certificate
// of the cluster's CA is not followed.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "tls", User: "dba", Specs: site.Hosts("node1", "node2", "node3"), Group: site.Vars{
		"polardb_tls": site.Vars{"own_ca": true}, "polardb_hba": []string{site.FromOutside}}})
	ca := filepath.Join(s.Dir, "pki", "tls", "ca.crt")
	connect := func(host, options string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=5432 user=polardb dbname=postgres connect_timeout=5 %s",
			s.Lab.Host(host).Address, options))
		if err != nil {
			t.Fatal(err)
		}
		c.Password = s.Password
		conn, err := pgx.ConnectConfig(ctx, c)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	// streams checks whether the followers' connections to the leader are encrypted.
	streams := func(want string) {
		t.Helper()
		s.Eventually("replication with ssl="+want, func() error {
			got := s.SQL(s.Leader(), "select s.ssl from pg_stat_replication r join pg_stat_ssl s on s.pid = r.pid order by 1")
			if got != want+"\n"+want {
				return fmt.Errorf("the leader's replication connections have ssl=%q", got)
			}
			return nil
		})
	}
	on := func() {
		t.Helper()
		for _, host := range s.Names() {
			if err := connect(host, "sslmode=disable"); err == nil || !strings.Contains(err.Error(), "pg_hba.conf rejects") {
				t.Errorf("a client without TLS on %s: %v", host, err)
			}
			if err := connect(host, "sslmode=verify-full sslrootcert="+ca); err != nil {
				t.Errorf("a client with TLS on %s: %v", host, err)
			}
		}
		streams("t")
	}

	s.Case(t, "a new cluster", func(t *testing.T) {
		s.Run(0, "new-cluster.yml")
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
		on()
		for _, host := range s.Names() {
			got := strings.TrimSpace(s.On(host, "cd /etc/polardb-tls && stat -c '%n %U %G %a' . *"))
			if got != ". root polardb 750\nca.crt root polardb 640\nserver.pem root polardb 640" {
				t.Errorf("%s: %s", host, got)
			}
			if got := s.On(host, "grep -rl 'PRIVATE KEY' /var/lib/polardb || true"); got != "" {
				t.Errorf("%s: a key in the data, which base backups copy: %s", host, got)
			}
		}
		info, err := os.Stat(filepath.Join(filepath.Dir(ca), "ca.key"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the CA's key: %v %v", info, err)
		}
	})

	s.Case(t, "a certificate is renewed without a restart", func(t *testing.T) {
		host := s.Followers()[0]
		key, err := os.ReadFile(filepath.Join(filepath.Dir(ca), host+".key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(filepath.Dir(ca), host+".crt")); err != nil {
			t.Fatal(err)
		}
		pid := s.On(host, "systemctl show -p MainPID "+s.Unit())
		o := s.Run(0, "reconfigure.yml", "--diff")
		if line := strings.Split(string(key), "\n")[1]; strings.Contains(o.Printed(), line) || strings.Contains(o.Printed(), "BEGIN PRIVATE") {
			t.Error("a key was printed")
		}
		if again := s.On(host, "systemctl show -p MainPID "+s.Unit()); again != pid {
			t.Errorf("the server was restarted: %s, %s", pid, again)
		}
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
		on()
	})

	s.Case(t, "a leader whose certificate no CA of the cluster signed is not followed", func(t *testing.T) {
		leader, follower := s.Leader(), s.Followers()[0]
		s.On(follower, "cp -p /etc/polardb-tls/ca.crt /root/ca.crt; cat >/etc/polardb-tls/ca.crt <<'E'\n"+strangeCA+
			"E\nsystemctl restart "+s.Unit())
		s.Eventually("a refusal", func() error {
			if got := s.On(follower, "cat "+s.Pgdata(follower)+"/pg_log/*_error.log | grep -c 'certificate verify failed' || true"); got == "0" {
				return fmt.Errorf("%s follows %s", follower, leader)
			}
			return nil
		})
		s.On(follower, "cp -p /root/ca.crt /etc/polardb-tls/ca.crt")
		s.Settles()
		on()
	})

	s.Case(t, "switched off and on again while it runs", func(t *testing.T) {
		site.Long(t)
		s.SetAll(site.Vars{"polardb_tls": site.Vars{}})
		s.Refused("Run reconfigure.yml to switch TLS off", "new-cluster.yml")
		s.Refused("leave --limit out", "reconfigure.yml", "--limit", "node2")
		s.Run(0, "reconfigure.yml")
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
		for _, host := range s.Names() {
			if got := s.SQL(host, "show ssl"); got != "off" {
				t.Errorf("%s: ssl=%s", host, got)
			}
		}
		if got := s.On("node1", "ls -d /etc/polardb-tls 2>/dev/null || true"); got != "" {
			t.Errorf("left: %s", got)
		}
		if err := connect("node1", "sslmode=disable"); err != nil {
			t.Error(err)
		}
		s.SetAll(site.Vars{"polardb_tls": site.Vars{"own_ca": true}})
		s.Run(0, "reconfigure.yml")
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
		on()
		s.Whole()
	})
}

// strangeCA is a CA whose key was thrown away.
const strangeCA = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUXa0SQAAAqP8+yr6mVTI4G7v6H50wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHc3RyYW5nZTAgFw0yNjExMjcwMjIzNDNaGA8yMTI2MTEwMzAy
MjM0M1owEjEQMA4GA1UEAwwHc3RyYW5nZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABCjVWwyboEK/SmTo17LkX842HLGLrzFOUInIzPEzRjOzlNREPXuIWATuFZpa
Yn3eLy8/S/ZWKD/0Cy0TzuENstOjUzBRMB0GA1UdDgQWBBSR8QjaWvPhV59SKWSO
Ruin3cobGDAfBgNVHSMEGDAWgBSR8QjaWvPhV59SKWSORuin3cobGDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIHnGD4uy0Jscrd3sZp2GFXc9rE9G
tZ1lDObS2BiEIifmAiEA4LkBx68yi5iGxk18Z+cdLI70XT6PyOaosSOaTisxm4Y=
-----END CERTIFICATE-----
`
