package polardb

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/pki"
)

// signedBy makes a certificate of a template by a CA, or by itself.
func signedBy(t *testing.T, c, ca *x509.Certificate, key crypto.Signer, caKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	signer := crypto.Signer(caKey)
	if ca == nil {
		ca, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, ca, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestGivenCertificates are a company's: a root, one below it that signs, and whatever a user may put beside them.
func TestGivenCertificates(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, secret, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	write("key", string(secret))
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(5, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	rootKey, _, _ := pki.NewKey()
	root := signedBy(t, ca("root"), nil, rootKey, nil)
	middleKey, _, _ := pki.NewKey()
	middle := signedBy(t, ca("middle"), root, middleKey, rootKey)
	write("root", pki.AsText(root))
	write("middle", pki.AsText(middle))
	write("both", pki.AsText(middle, root))
	leaf := func(change func(c *x509.Certificate), by crypto.Signer) *x509.Certificate {
		c := &x509.Certificate{Subject: pkix.Name{CommonName: "node1"}, NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(1, 0, 0),
			DNSNames: []string{"node1"}, IPAddresses: []net.IP{net.ParseIP("10.0.0.1")}}
		if change != nil {
			change(c)
		}
		return signedBy(t, c, middle, by, middleKey)
	}
	write("chain", pki.AsText(leaf(nil, key), middle))
	write("alone", pki.AsText(leaf(nil, key)))
	write("backwards", pki.AsText(middle, leaf(nil, key)))
	for name, change := range map[string]func(c *x509.Certificate){
		"ended":   func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1).Add(time.Hour) },
		"not yet": func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) },
		"client":  func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"node2": func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "node2", []string{"node2"}, []net.IP{net.ParseIP("10.0.0.2")}
		},
		"service": func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "", []string{"db.example.com"}, nil
		},
		"wildcard": func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "", []string{"*.example.com"}, nil
		},
		"address": func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames, c.IPAddresses = "10.0.0.1", nil, nil },
	} {
		write(name, pki.AsText(leaf(change, key), middle))
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	write("small", pki.AsText(leaf(nil, small), middle))
	write("small key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(small)})))
	write("locked", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})))
	write("locked before",
		string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED",
			"DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("x")})))
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cert, key, ca, want string
		names               []any
	}{
		{cert: "chain", key: "key", ca: "root"},
		{cert: "alone", key: "key", ca: "both"},
		{cert: "address", key: "key", ca: "root"},
		{cert: "service", key: "key", ca: "root", names: []any{"db.example.com"}},
		{cert: "wildcard", key: "key", ca: "root", names: []any{"db.example.com"}},
		{cert: "alone", key: "key", ca: "root", want: "to the same file"},
		{cert: "chain", key: "key", ca: "middle", want: "no self-signed one"},
		{cert: "backwards", key: "key", ca: "root", want: "private key does not match"},
		{cert: "ended", key: "key", ca: "root", want: "expired"},
		{cert: "not yet", key: "key", ca: "root", want: "not yet valid"},
		{cert: "client", key: "key", ca: "root", want: "incompatible key usage"},
		{cert: "node2", key: "key", ca: "root", want: "is for node2, 10.0.0.2, but the host is node1 with the address 10.0.0.1"},
		{cert: "service", key: "key", ca: "root", want: "names in polardb_tls"},
		{cert: "small", key: "small key", ca: "root", want: "has 1024 bits"},
		{cert: "chain", key: "small key", ca: "root", want: "does not match"},
		{cert: "chain", key: "locked", ca: "root", want: "has a passphrase"},
		{cert: "chain", key: "locked before", ca: "root", want: "has a passphrase"},
		{cert: "chain", key: "directory", ca: "root", want: "is a directory"},
		{cert: "chain", key: "none", ca: "root", want: "no such file"},
		{cert: "key", key: "key", ca: "root", want: "key"},
		{cert: "chain", key: "key", ca: "key", want: "holds no certificate"},
	} {
		_, _, _, err := certify(t, map[string]any{"cert": c.cert, "key": c.key, "ca": c.ca, "beside": dir,
			"address": "10.0.0.1", "names": c.names}, "node1")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestEndOfTheCA: no certificate outlives its CA, and one that ends with it is not issued anew on every run.
func TestEndOfTheCA(t *testing.T) {
	from := pki.Authority{Dir: t.TempDir(), Cluster: "x"}
	if _, _, err := from.Begin(time.Now().AddDate(-pki.AuthorityYears, 0, 20)); err != nil {
		t.Fatal(err)
	}
	args := map[string]any{"own_ca": true, "pki": from.Dir, "address": "10.0.0.1", "names": []any{"db.example.com", "10.0.0.1"}}
	if _, r, _, err := certify(t, args, "node1"); err != nil || !r.Changed || !strings.Contains(strings.Join(r.Warnings, "\n"), "new-ca.yml") {
		t.Errorf("%+v %v", r, err)
	}
	if plan, _, _, err := certify(t, args, "node1"); err != nil || plan.Change || len(plan.Warnings) != 2 {
		t.Errorf("%+v %v", plan, err)
	}
}
