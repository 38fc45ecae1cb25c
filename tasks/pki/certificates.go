package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Issue writes a new key and what the CA (or, without one, the key itself) signs for it. The certificate comes last: a
// key that does not fit it is found by the next look.
func Issue(certificate, ca *x509.Certificate, caKey *ecdsa.PrivateKey, certFile, keyFile string) error {
	key, secret, err := NewKey()
	if err != nil {
		return err
	}
	text, err := sign(certificate, ca, key, caKey)
	if err != nil {
		return err
	}
	if err := WriteWhole(keyFile, secret, 0o600); err != nil {
		return err
	}
	return WriteWhole(certFile, text, 0o644)
}

// NewKey makes an ECDSA key on P-256, and returns it with its PEM text.
func NewKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), err
}

// sign makes a certificate for key, signed by the CA, or by the key itself when there is none.
func sign(certificate, ca *x509.Certificate, key, caKey *ecdsa.PrivateKey) ([]byte, error) {
	var err error
	if certificate.SerialNumber, err = randomSerial(); err != nil {
		return nil, err
	}
	if ca == nil {
		ca, caKey = certificate, key
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, ca, &key.PublicKey, caKey)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// WriteWhole puts a file in its place as a whole: a run that is killed leaves the old one.
func WriteWhole(name string, content []byte, mode fs.FileMode) error {
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

// ReadPair reads a certificate, with those between it and its CA, and the key that must fit it.
func ReadPair(certFile, keyFile string) (tls.Certificate, error) {
	chain, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	if locked(key) {
		return tls.Certificate{}, fmt.Errorf(
			"%s has a passphrase, which nobody can type when a server starts: remove it with openssl pkey -in FILE -out FILE", keyFile)
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

// locked reports whether a key is encrypted, in PKCS #8 or in the older format.
func locked(text []byte) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
}

// CertificatesIn reads all certificates of a text, which may hold other things as well.
func CertificatesIn(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return all, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
}

// ReadCertificates reads the certificates of a PEM file, in their order. A file that holds none is an error.
func ReadCertificates(name string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	all, err := CertificatesIn(text)
	if err == nil && len(all) == 0 {
		err = errors.New("it holds no certificate")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// AsText returns certificates as PEM.
func AsText(certificates ...*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range certificates {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.String()
}

// Believed reports whether a server's chain leads to one of the CAs, as OpenSSL 1.1.1 and later see it in the engine and in its
// clients: a chain ends at a certificate that signed itself, others in the file of the CAs only help to get there.
func Believed(chain, cas []*x509.Certificate, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	ends := 0
	for _, c := range cas {
		if bytes.Equal(c.RawSubject, c.RawIssuer) {
			roots.AddCert(c)
			ends++
		} else {
			between.AddCert(c)
		}
	}
	if ends == 0 {
		return errors.New("the file of the CAs has no self-signed one, and a chain has to end at one")
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// Weak returns why OpenSSL would refuse a certificate of the chain, as hosts have it configured today; nil when it would not.
func Weak(chain []*x509.Certificate) error {
	for _, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
			return fmt.Errorf("the RSA key of %s has %d bits, and OpenSSL takes none below 2048", c.Subject, key.N.BitLen())
		}
	}
	return nil
}

// Certifies reports whether a certificate is for these names and addresses and no others.
func Certifies(c *x509.Certificate, names []string, addresses []net.IP) bool {
	return slices.Equal(c.DNSNames, names) && slices.EqualFunc(c.IPAddresses, addresses, net.IP.Equal)
}

// IsFor reports whether a certificate is for one of these names: libpq before 12 knows an address as its common name alone.
func IsFor(c *x509.Certificate, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return c.VerifyHostname(name) == nil || strings.EqualFold(c.Subject.CommonName, name)
	})
}

// WhoseNames lists the names and addresses of a certificate.
func WhoseNames(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if c.Subject.CommonName != "" && !slices.Contains(all, c.Subject.CommonName) {
		all = append(all, c.Subject.CommonName)
	}
	return strings.Join(all, ", ")
}
