package pki

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/tasks"
)

// Authority is a CA of a cluster's own: a directory on the control node, mode 0700, with ca.crt, ca.key and, for each
// host, NAME.crt and NAME.key. Keys have mode 0600.
//
// The CA that signs is the one in ca.crt whose key is ca.key. While another takes its place, ca.crt holds both, and the key
// of the new one is ca-next.key until every member believes it: each step is one file that is renamed, so that a run which
// is killed has taken it or has not.
type Authority struct {
	Dir     string
	Cluster string
}

const (
	// AuthorityYears is for how many years a CA is valid.
	AuthorityYears = 10
	// ClockSlack is the most that a host's clock may be behind the control node's.
	ClockSlack = time.Hour
)

// Authorities must be held while one of them is read or written: tasks run on several hosts at once.
var Authorities sync.Mutex

// CAFile returns the path of the certificates that members believe.
func (c Authority) CAFile() string { return filepath.Join(c.Dir, "ca.crt") }

// CAKey returns the path of the key that signs.
func (c Authority) CAKey() string { return filepath.Join(c.Dir, "ca.key") }

// NextKey returns the path of the key of the CA that is to take over.
func (c Authority) NextKey() string { return filepath.Join(c.Dir, "ca-next.key") }

// CertFile returns the path of a host's certificate.
func (c Authority) CertFile(host string) string { return filepath.Join(c.Dir, host+".crt") }

// KeyFile returns the path of a host's key.
func (c Authority) KeyFile(host string) string { return filepath.Join(c.Dir, host+".key") }

// Takes returns why a host of that name cannot have its files here; nil when it can.
func (c Authority) Takes(host string) error {
	if strings.ContainsAny(host, `/\`) || host == "ca" || host == "ca-next" {
		return &tasks.Failure{Msg: fmt.Sprintf("a host named %q cannot have a file of that name in %s", host, c.Dir)}
	}
	return nil
}

// There reports whether a file exists, a dangling link included.
func There(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// Read returns the CA that signs, with its key, and all that are believed; fs.ErrNotExist when there is none.
func (c Authority) Read() (*x509.Certificate, *ecdsa.PrivateKey, []*x509.Certificate, error) {
	all, err := ReadCertificates(c.CAFile())
	if err != nil {
		return nil, nil, nil, err
	}
	key, err := readKey(c.CAKey())
	if err != nil {
		return nil, nil, all, err
	}
	signer := ownerOf(all, key)
	if signer == nil {
		return nil, nil, all, fmt.Errorf("%s: no CA in it fits the key in %s", c.CAFile(), c.CAKey())
	}
	return signer, key, all, nil
}

func readKey(name string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*ecdsa.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("%s is not a key that polarbook made", name)
}

// ownerOf returns the CA among certificates whose key this is; nil when there is none.
func ownerOf(all []*x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	for _, c := range all {
		if public, ok := c.PublicKey.(*ecdsa.PublicKey); ok && c.IsCA && public.Equal(&key.PublicKey) {
			return c
		}
	}
	return nil
}

// Missing returns what a directory without a signing CA needs; nil when it is simply empty.
func (c Authority) Missing() error {
	switch {
	case There(c.NextKey()):
		return &tasks.Failure{
			Msg:  "a new CA was begun in " + c.Dir + ", and none signs yet",
			Hint: "finish it: polarbook run new-ca.yml, then once more with -e sign=yes",
		}
	case There(c.CAFile()):
		return &tasks.Failure{
			Msg:  c.CAFile() + " exists, but its key does not",
			Hint: "bring " + c.CAKey() + " back; if it is lost for good, polarbook run new-ca.yml goes over to another CA",
		}
	}
	return nil
}

// Begin makes the CA where there is none. A key without its certificate is what a run left that was killed.
func (c Authority) Begin(now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if There(c.CAFile()) {
		signer, key, _, err := c.Read()
		return signer, key, err
	}
	if err := c.directory(); err != nil {
		return nil, nil, err
	}
	if err := Issue(c.template(now), nil, nil, c.CAFile(), c.CAKey()); err != nil {
		return nil, nil, err
	}
	signer, key, _, err := c.Read()
	return signer, key, err
}

func (c Authority) directory() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(c.Dir, 0o700)
}

func (c Authority) name() string { return "polarbook CA of " + c.Cluster }

func (c Authority) template(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: c.name()}, NotBefore: now.Add(-ClockSlack), NotAfter: now.AddDate(AuthorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// Next returns the CA that is to take over; nil when there is none.
func (c Authority) Next() (*x509.Certificate, error) {
	key, err := readKey(c.NextKey())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := ReadCertificates(c.CAFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return ownerOf(all, key), nil
}

// Prepare makes the CA that is to take over, and has it believed beside those that are and those in held. Called again it
// goes on with the key that is there.
func (c Authority) Prepare(held []*x509.Certificate, now time.Time) error {
	if err := c.directory(); err != nil {
		return err
	}
	if !There(c.NextKey()) {
		_, secret, err := NewKey()
		if err != nil {
			return err
		}
		if err := WriteWhole(c.NextKey(), secret, 0o600); err != nil {
			return err
		}
	}
	key, err := readKey(c.NextKey())
	if err != nil {
		return err
	}
	all, err := ReadCertificates(c.CAFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all = WithAll(all, held)
	if ownerOf(all, key) == nil {
		text, err := sign(c.template(now), nil, key, nil)
		if err != nil {
			return err
		}
		made, err := CertificatesIn(text)
		if err != nil {
			return err
		}
		all = append(all, made...)
	}
	return WriteWhole(c.CAFile(), []byte(AsText(all...)), 0o644)
}

// Former returns the CAs that polarbook made and that no longer sign, and all others.
func (c Authority) Former() (former, rest []*x509.Certificate, err error) {
	signer, _, all, err := c.Read()
	if err != nil {
		return nil, nil, err
	}
	for _, ca := range all {
		if !ca.Equal(signer) && strings.HasPrefix(ca.Subject.CommonName, "polarbook CA of ") {
			former = append(former, ca)
		} else {
			rest = append(rest, ca)
		}
	}
	return former, rest, nil
}

// WithAll returns certificates, and those of more that are not among them.
func WithAll(all, more []*x509.Certificate) []*x509.Certificate {
	for _, m := range more {
		if !slices.ContainsFunc(all, m.Equal) {
			all = append(all, m)
		}
	}
	return all
}

func randomSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
