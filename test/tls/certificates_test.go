package tls

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// TestAuthority loses a cluster's CA, puts another in its place, and brings certificates of the user's own. The steps build
// on one another.
func TestAuthority(t *testing.T) {
	s := newSite(t, site.Vars{"polardb_hba": []string{site.FromOutside}}, "node1", "node2", "node3")
	pki := filepath.Join(s.Dir, "pki", "tls")
	step := func(name string, f func()) {
		s.Subtest(t, name, func(*testing.T) { f() })
	}
	// pids are of the servers, which nothing here restarts.
	pids := func() string {
		all := ""
		for _, h := range s.Names() {
			all += s.On(h, "systemctl show -p MainPID "+s.Unit())
		}
		return all
	}
	begun := ""
	step("new cluster", func() {
		s.Run(0, "new-cluster.yml")
		begun = pids()
		streams(s, true)
	})
	step("a control node without the CA", func() {
		if err := os.Rename(pki, pki+".away"); err != nil {
			t.Fatal(err)
		}
		s.Run(2, "reconfigure.yml").Says("the control node has none for the cluster").Unchanged()
		s.Run(2, "rebuild-node.yml", "--yes", "-e", "node="+s.Followers()[0]).Says("the control node has none for the cluster").Unchanged()
		s.Run(2, "add-node.yml", "--limit", s.Followers()[0]).Says("the control node has none for the cluster").Unchanged()
		if _, err := os.Stat(pki); err == nil {
			t.Errorf("%s was made", pki)
		}
		s.Whole()
	})
	step("another CA, the first lost for good", func() {
		s.Run(0, "new-ca.yml").Changed().Says("-e sign=yes")
		s.Run(0, "new-ca.yml").Unchanged()
		s.Run(2, "reconfigure.yml").Says("none signs yet").Unchanged()
		follow(s, true)
		s.Run(0, "new-ca.yml", "-e", "sign=yes").Changed()
		s.Run(0, "new-ca.yml", "-e", "sign=yes").Unchanged()
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
		follow(s, true)
		for _, h := range s.Names() {
			if got := strings.TrimSpace(s.On(h, "grep -c BEGIN /etc/polardb-tls/ca.crt")); got != "1" {
				t.Errorf("%s believes %s CAs", h, got)
			}
		}
	})
	step("clients", func() { clients(t, s, filepath.Join(pki+".away", "ca.crt")) })
	step("another CA, cut off", func() {
		s.Run(0, "new-ca.yml").Changed()
		if !s.KillAt("new-ca.yml", 45, 0, "-e", "sign=yes") {
			t.Log("it was over")
		}
		follow(s, true)
		s.Run(0, "reconfigure.yml")
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
		follow(s, true)
	})
	step("certificates of another CA, all at once", func() {
		s.Run(2, "reconfigure.yml", "-e", `{"polardb_pki": "`+pki+`.away"}`).Says("would be locked out").Unchanged()
	})
	given := func(host string) site.Vars {
		return site.Vars{"polardb_tls": site.Vars{"cert": pki + "/" + host + ".crt", "key": pki + "/" + host + ".key", "ca": pki + "/ca.crt"}}
	}
	step("certificates of the user's own", func() {
		for _, h := range s.Names() {
			s.Set(h, given(h))
		}
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
		s.Set("node3", given("node1"))
		s.Run(2, "reconfigure.yml").Says("but the host is node3").Unchanged()
		s.Set("node3", site.Vars{"polardb_tls": site.Vars{"cert": pki + "/node3.crt", "key": pki + "/node1.key", "ca": pki + "/ca.crt"}})
		s.Run(2, "reconfigure.yml").Says("does not match").Unchanged()
		s.Set("node3", given("node3"))
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
	})
	step("a certificate that ends soon", func() {
		soon := filepath.Join(s.Dir, "soon.crt")
		sign(t, pki, s.Lab.Host("node2").Address, "node2", 10, soon)
		s.Set("node2", site.Vars{"polardb_tls": site.Vars{"cert": soon, "key": pki + "/node2.key", "ca": pki + "/ca.crt"}})
		s.Run(0, "reconfigure.yml").Changed().Says("ends on")
		s.Polarbook(0, "status").Says("the certificate that node2 shows ends on")
		follow(s, true)
		s.Set("node2", given("node2"))
		s.Run(0, "reconfigure.yml").Changed()
		if o := s.Polarbook(0, "status"); strings.Contains(o.Printed(), "ends on") {
			t.Errorf("warned of a certificate that was exchanged: %s", o.Printed())
		}
	})
	step("clients may come without TLS", func() {
		for _, h := range s.Names() {
			s.Set(h, site.Vars{"polardb_tls": site.Vars{"own_ca": true, "clients": "allowed"}})
		}
		s.Run(0, "reconfigure.yml").Changed()
		if got := s.Query("node1", "select 1::text"); got != "1" {
			t.Error(got)
		}
		follow(s, true)
	})
	if after := pids(); after != begun {
		t.Errorf("servers were restarted: %s, now %s", begun, after)
	}
}

// sign makes a certificate for the key of a host that ends in some days.
func sign(t *testing.T, pki, address, host string, days int, file string) {
	t.Helper()
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(pki, name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		return block.Bytes
	}
	ca, err := x509.ParseCertificate(read("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	caKey, err := x509.ParsePKCS8PrivateKey(read("ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(read(host + ".key"))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: address}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, days)}
	der, err := x509.CreateCertificate(rand.Reader, c, ca, key.(crypto.Signer).Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
