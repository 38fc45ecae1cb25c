// Package sshkey makes key pairs as ssh-keygen makes them, and reads their public halves. It knows neither hosts nor modules.
package sshkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Pair is a key pair: the private key in OpenSSH's format, and the line of the public key.
type Pair struct {
	Private []byte
	Public  string
}

// Bits returns how many bits a key of a type has, where 0 is asked for what ssh-keygen takes. A type or size that there is not is an
// error.
func Bits(kind string, bits int) (int, error) {
	switch {
	case kind == "ed25519":
		return 256, nil // whatever is asked for, as with ssh-keygen
	case kind == "rsa" && bits == 0:
		return 3072, nil
	case kind == "rsa" && bits >= 1024 && bits <= 16384:
		return bits, nil
	case kind == "rsa":
		return 0, fmt.Errorf("an RSA key has 1024 to 16384 bits, not %d", bits)
	case kind == "ecdsa" && bits == 0:
		return 256, nil
	case kind == "ecdsa" && (bits == 256 || bits == 384 || bits == 521):
		return bits, nil
	case kind == "ecdsa":
		return 0, fmt.Errorf("an ECDSA key has 256, 384 or 521 bits, not %d", bits)
	}
	return 0, fmt.Errorf("keys of the type %s are not made: take ed25519, rsa or ecdsa", kind)
}

// Make makes a key pair. The private key is encrypted where there is a passphrase.
func Make(kind string, bits int, comment, passphrase string) (Pair, error) {
	bits, err := Bits(kind, bits)
	if err != nil {
		return Pair{}, err
	}
	var key crypto.Signer
	switch kind {
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, bits)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}[bits], rand.Reader)
	default:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return Pair{}, fmt.Errorf("make a key: %w", err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, comment)
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, comment, []byte(passphrase))
	}
	if err != nil {
		return Pair{}, fmt.Errorf("write a key: %w", err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return Pair{}, fmt.Errorf("write a public key: %w", err)
	}
	line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(public)), "\n")
	if comment != "" {
		line += " " + comment
	}
	return Pair{Private: pem.EncodeToMemory(block), Public: line}, nil
}

// Public is what a line of a public key says.
type Public struct {
	Kind        string // as ssh-keygen -t takes it
	Bits        int
	Comment     string
	Key         string // TYPE KEY, without the comment
	Fingerprint string // SHA256:…
}

// String is what ssh-keygen -l says of the key.
func (p Public) String() string {
	comment := p.Comment
	if comment == "" {
		comment = "no comment"
	}
	return fmt.Sprintf("%d %s %s (%s)", p.Bits, p.Fingerprint, comment, strings.ToUpper(p.Kind))
}

// ReadPublic reads the first key of a text, which a host may have written: false where there is none that is known.
func ReadPublic(text []byte) (Public, bool) {
	key, comment, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return Public{}, false
	}
	return described(key, comment)
}

func described(key ssh.PublicKey, comment string) (Public, bool) {
	p := Public{
		Comment: comment, Fingerprint: ssh.FingerprintSHA256(key), Key: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))),
	}
	has, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return Public{}, false
	}
	switch k := has.CryptoPublicKey().(type) {
	case *rsa.PublicKey:
		p.Kind, p.Bits = "rsa", k.N.BitLen()
	case *ecdsa.PublicKey:
		p.Kind, p.Bits = "ecdsa", k.Params().BitSize
	case ed25519.PublicKey:
		p.Kind, p.Bits = "ed25519", 256
	default:
		return Public{}, false
	}
	return p, true
}
