package tasks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// authority is a CA of a cluster's own: a directory on the control node, mode 0700, with ca.crt, ca.key and, for each
// host, NAME.crt and NAME.key. Keys have mode 0600.
type authority struct {
	dir     string
	cluster string
}

const (
	authorityYears = 10
	// clockSlack is how far a host's clock may be behind the control node's.
	clockSlack = time.Hour
)

// authorities is held while one of them is read or written: hosts have their turns side by side.
var authorities sync.Mutex

func (c authority) caFile() string              { return filepath.Join(c.dir, "ca.crt") }
func (c authority) caKey() string               { return filepath.Join(c.dir, "ca.key") }
func (c authority) certFile(host string) string { return filepath.Join(c.dir, host+".crt") }
func (c authority) keyFile(host string) string  { return filepath.Join(c.dir, host+".key") }

// read returns the CA; fs.ErrNotExist when there is none yet.
func (c authority) read() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := readPair(c.caFile(), c.caKey())
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, nil, fmt.Errorf("%s is not a CA that polarbook made", c.caFile())
	}
	return pair.Leaf, key, nil
}

// begin makes the CA where there is none. A key without its certificate is what a run left that was killed.
func (c authority) begin(now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if _, err := os.Lstat(c.caFile()); !errors.Is(err, fs.ErrNotExist) {
		return c.read()
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(c.dir, 0o700); err != nil {
		return nil, nil, err
	}
	certificate := &x509.Certificate{
		Subject: pkix.Name{CommonName: "polarbook CA of " + c.cluster}, NotBefore: now.Add(-clockSlack), NotAfter: now.AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if err := issue(certificate, nil, nil, c.caFile(), c.caKey()); err != nil {
		return nil, nil, err
	}
	return c.read()
}

// issue writes a new key and what the CA (or, without one, the key itself) signs for it. The certificate comes last: a
// key that does not fit it is found by the next look.
func issue(certificate, ca *x509.Certificate, caKey *ecdsa.PrivateKey, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if certificate.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return err
	}
	if ca == nil {
		ca, caKey = certificate, key
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeWhole(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return writeWhole(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// writeWhole puts a file in its place as a whole: a run that is killed leaves the old one.
func writeWhole(name string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".polarbook-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}

// readPair reads a certificate and the key that must fit it.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	chain, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		// The key's own text is never part of it.
		return tls.Certificate{}, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return tls.Certificate{}, fmt.Errorf("%s: %w", certFile, err)
		}
	}
	return pair, nil
}

// readCAs reads the certificates that sign others.
func readCAs(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", name)
	}
	return pool, nil
}

// signed says whether the chain of a server leads to one of the CAs. Its names are not looked at: verify-ca does not
// either, and libpq 11 knows no address in a certificate but as its common name.
func signed(pair tls.Certificate, roots *x509.CertPool, now time.Time) error {
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

// certifies says whether a certificate is for these names and addresses and no others.
func certifies(c *x509.Certificate, names []string, addresses []net.IP) bool {
	if !slices.Equal(c.DNSNames, names) || len(c.IPAddresses) != len(addresses) {
		return false
	}
	for i, a := range addresses {
		if !a.Equal(c.IPAddresses[i]) {
			return false
		}
	}
	return true
}
