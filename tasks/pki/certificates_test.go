package pki

import (
	"crypto/ecdsa"
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
)

// made is a certificate and its key, in memory.
func made(t *testing.T, c *x509.Certificate, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, _, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	text, err := sign(c, ca, key, caKey)
	if err != nil {
		t.Fatal(err)
	}
	all, err := CertificatesIn(text)
	if err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	return all[0], key
}

func isCA(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func isServer(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// A chain ends at a CA that signed itself: with one in between, wherever that is given, and not at the one in between.
func TestChainsAreBelievedAsOpenSSLDoes(t *testing.T) {
	now := time.Now()
	root, rootKey := made(t, isCA("root"), nil, nil)
	middle, middleKey := made(t, isCA("middle"), root, rootKey)
	server, _ := made(t, isServer("db1"), middle, middleKey)
	stranger, _ := made(t, isCA("root"), nil, nil)
	client := isServer("db1")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	forClients, _ := made(t, client, root, rootKey)
	for name, c := range map[string]struct {
		chain, cas []*x509.Certificate
		now        time.Time
		want       string
	}{
		"the one between from the server":   {[]*x509.Certificate{server, middle}, []*x509.Certificate{root}, now, ""},
		"the one between among the CAs":     {[]*x509.Certificate{server}, []*x509.Certificate{middle, root}, now, ""},
		"the one between is not there":      {[]*x509.Certificate{server}, []*x509.Certificate{root}, now, "unknown authority"},
		"no CA that signed itself":          {[]*x509.Certificate{server}, []*x509.Certificate{middle}, now, "no self-signed one"},
		"another CA of that name":           {[]*x509.Certificate{server, middle}, []*x509.Certificate{stranger}, now, "unknown authority"},
		"too late":                          {[]*x509.Certificate{server, middle}, []*x509.Certificate{root}, now.Add(2 * time.Hour), "expired"},
		"a certificate that is for clients": {[]*x509.Certificate{forClients}, []*x509.Certificate{root}, now, "key usage"},
	} {
		err := Believed(c.chain, c.cas, c.now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestSmallRSAKeysAreWeak(t *testing.T) {
	for bits, weak := range map[int]bool{1024: true, 2048: false} {
		key := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), uint(bits-1)), E: 65537}
		if err := Weak([]*x509.Certificate{{PublicKey: key}}); (err != nil) != weak {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
	good, _ := made(t, isServer("db1"), nil, nil)
	if err := Weak([]*x509.Certificate{good}); err != nil {
		t.Errorf("P-256: %v", err)
	}
}

func TestWhoACertificateIsFor(t *testing.T) {
	template := isServer("db1")
	template.IPAddresses = []net.IP{net.ParseIP("10.0.0.1"), net.ParseIP("::1")}
	template.Subject.CommonName = "10.0.0.7"
	c, _ := made(t, template, nil, nil)
	if got := WhoseNames(c); got != "db1, 10.0.0.1, ::1, 10.0.0.7" {
		t.Errorf("for %s", got)
	}
	for name, want := range map[string]bool{
		"db1": true, "DB1": true, "10.0.0.1": true, "::1": true, "10.0.0.7": true, "db2": false, "10.0.0.2": false,
	} {
		if IsFor(c, []string{"nobody", name}) != want {
			t.Errorf("for %s: %v", name, !want)
		}
	}
	four, six := net.ParseIP("10.0.0.1").To4(), net.ParseIP("::1")
	if !Certifies(c, []string{"db1"}, []net.IP{four, six}) {
		t.Error("its own names and addresses are not those")
	}
	for _, more := range [][]net.IP{{four}, {four, six, six}, {six, four}} {
		if Certifies(c, []string{"db1"}, more) {
			t.Errorf("%v are its addresses", more)
		}
	}
}

func TestPairsAreReadTogether(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	if err := Issue(&x509.Certificate{NotAfter: time.Now().Add(time.Hour)}, nil, nil, certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	pair, err := ReadPair(certFile, keyFile)
	if err != nil || pair.Leaf == nil {
		t.Fatal(err)
	}
	_, secret, _ := NewKey()
	for name, c := range map[string]struct{ key, want string }{
		"another key":     {string(secret), "private key does not match"},
		"with passphrase": {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "has a passphrase"},
		"the older format": {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n" +
			"-----END RSA PRIVATE KEY-----\n", "has a passphrase"},
		"no key": {"hunter2", "a.crt and "},
	} {
		if err := os.WriteFile(keyFile, []byte(c.key), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadPair(certFile, keyFile)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the message has the key's text: %v", name, err)
		}
	}
}

func TestCertificatesAmongOtherThings(t *testing.T) {
	a, _ := made(t, isCA("a"), nil, nil)
	b, _ := made(t, isCA("b"), nil, nil)
	_, key, _ := NewKey()
	all, err := CertificatesIn([]byte("words\n" + AsText(a) + string(key) + AsText(b) + "more\n"))
	if err != nil || len(all) != 2 || !all[0].Equal(a) || !all[1].Equal(b) {
		t.Errorf("read %d, %v", len(all), err)
	}
	if more := WithAll([]*x509.Certificate{a}, []*x509.Certificate{a, b, b}); len(more) != 2 {
		t.Errorf("%d of two", len(more))
	}
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	if _, err := CertificatesIn(broken); err == nil {
		t.Error("a broken certificate is read")
	}
	name := filepath.Join(t.TempDir(), "none.crt")
	if err := os.WriteFile(name, key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCertificates(name); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Error(err)
	}
}

// A file that cannot be written whole leaves the one that was there, and nothing beside it.
func TestWriteWholeLeavesNothingBeside(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(name, "in"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteWhole(name, []byte("x"), 0o600); err == nil {
		t.Error("a directory is overwritten")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left %v", left)
	}
	name = filepath.Join(dir, "b")
	for _, mode := range []os.FileMode{0o600, 0o644} {
		if err := WriteWhole(name, []byte("y"), mode); err != nil {
			t.Fatal(err)
		}
		if info, _ := os.Stat(name); info.Mode().Perm() != mode {
			t.Errorf("mode %o, want %o", info.Mode().Perm(), mode)
		}
	}
}
