package crypto

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"
)

// privateKey is any of the private keys that there are here.
type privateKey interface {
	Public() crypto.PublicKey
	Equal(x crypto.PrivateKey) bool
}

// errPassphrase is a key whose passphrase is another than was given, or that has none where one was given, or the reverse.
var errPassphrase = errors.New("the passphrase is not the key's")

// kindOf returns a key's type and size, and its curve if it has one, by Ansible's names.
func kindOf(key privateKey) (kind string, size int, curve string) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return "RSA", k.N.BitLen(), ""
	case *ecdsa.PrivateKey:
		size = k.Params().BitSize
		return "ECC", size, fmt.Sprintf("secp%dr1", size)
	case ed25519.PrivateKey:
		return "Ed25519", 256, ""
	case *ecdh.PrivateKey:
		return "X25519", 256, ""
	}
	return "", 0, ""
}

// curves are those that Go has.
var curves = map[string]elliptic.Curve{
	"secp224r1": elliptic.P224(), "secp256r1": elliptic.P256(), "secp384r1": elliptic.P384(), "secp521r1": elliptic.P521(),
}

func newKey(kind string, size int, curve string) (privateKey, error) {
	switch kind {
	case "RSA":
		return rsa.GenerateKey(rand.Reader, size)
	case "ECC":
		return ecdsa.GenerateKey(curves[curve], rand.Reader)
	case "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return ecdh.X25519().GenerateKey(rand.Reader)
}

// decodeKey reads a private key's PEM, and returns in which format it is.
func decodeKey(text []byte, passphrase string) (key privateKey, format string, err error) {
	block, _ := pem.Decode(text)
	for block != nil && !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		block, text = pem.Decode(text)
	}
	if block == nil {
		return nil, "", errors.New("it is no private key in PEM")
	}
	der := block.Bytes
	encrypted := false
	format = "pkcs8"
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY":
		encrypted = true
		if passphrase == "" {
			return nil, format, errPassphrase
		}
		if der, err = openPKCS8(der, passphrase); err != nil {
			return nil, format, err
		}
	case block.Type != "PRIVATE KEY":
		format = "pkcs1"
		//nolint:staticcheck // the older format is what such a file has
		if encrypted = x509.IsEncryptedPEMBlock(block); encrypted {
			if der, err = x509.DecryptPEMBlock(block, []byte(passphrase)); err != nil {
				return nil, format, errPassphrase
			}
		}
	}
	if !encrypted && passphrase != "" {
		return nil, format, errPassphrase
	}
	key, err = parseKey(der)
	return key, format, err
}

func parseKey(der []byte) (privateKey, error) {
	var any any
	var err error
	if any, err = x509.ParsePKCS8PrivateKey(der); err != nil {
		if any, err = x509.ParsePKCS1PrivateKey(der); err != nil {
			any, err = x509.ParseECPrivateKey(der)
		}
	}
	if err != nil {
		return nil, errors.New("it is no private key that can be read here: RSA, ECC on a NIST curve, Ed25519 and X25519 can")
	}
	key, ok := any.(privateKey)
	if !ok {
		return nil, errors.New("it is no private key that can be read here")
	}
	return key, nil
}

// encodeKey writes a key: format is pkcs1 (as OpenSSL wrote keys before 1.0) or pkcs8. A passphrase encrypts it with AES-256.
func encodeKey(key privateKey, format, passphrase string) ([]byte, error) {
	block := &pem.Block{}
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
	case *ecdsa.PrivateKey:
		block.Type = "EC PRIVATE KEY"
		block.Bytes, err = x509.MarshalECPrivateKey(k)
	default:
		format = "pkcs8"
	}
	if err != nil {
		return nil, err
	}
	if format == "pkcs1" {
		if passphrase != "" {
			//nolint:staticcheck // it is what the format has
			block, err = x509.EncryptPEMBlock(rand.Reader, block.Type, block.Bytes, []byte(passphrase), x509.PEMCipherAES256)
		}
		return pem.EncodeToMemory(block), err
	}
	block.Type = "PRIVATE KEY"
	if block.Bytes, err = x509.MarshalPKCS8PrivateKey(key); err == nil && passphrase != "" {
		block.Type = "ENCRYPTED PRIVATE KEY"
		block.Bytes, err = sealPKCS8(block.Bytes, passphrase)
	}
	return pem.EncodeToMemory(block), err
}

// What an encrypted key of PKCS #8 is made of (RFC 8018, PBES2).
type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct{ KDF, Cipher pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	Length     int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidHMACSHA512 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}
	oidAES128     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	oidAES192     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}
	oidAES256     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// advised is how often OWASP would have a passphrase hashed by HMAC-SHA256 since 2023; it is more than OpenSSL does.
const advised = 600_000

// iterations is how often the passphrase of a key is hashed: as advised, but in tests.
var iterations = advised

func sealPKCS8(der []byte, passphrase string) ([]byte, error) {
	salt, iv := make([]byte, 16), make([]byte, aes.BlockSize)
	_, _ = rand.Read(salt) // never fails, says its documentation
	_, _ = rand.Read(iv)
	secret, err := pbkdf2.Key(sha256.New, passphrase, salt, iterations, 32)
	if err != nil {
		return nil, err
	}
	padding := aes.BlockSize - len(der)%aes.BlockSize
	data := append(bytes.Clone(der), bytes.Repeat([]byte{byte(padding)}, padding)...)
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	prf := pkix.AlgorithmIdentifier{Algorithm: oidHMACSHA256, Parameters: asn1.NullRawValue}
	kdf, err := asn1.Marshal(pbkdf2Params{Salt: salt, Iterations: iterations, PRF: prf})
	if err != nil {
		return nil, err
	}
	vector, err := asn1.Marshal(iv)
	if err != nil {
		return nil, err
	}
	params, err := asn1.Marshal(pbes2{
		KDF:    pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: kdf}},
		Cipher: pkix.AlgorithmIdentifier{Algorithm: oidAES256, Parameters: asn1.RawValue{FullBytes: vector}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(encryptedKey{pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: params}}, data})
}

func openPKCS8(der []byte, passphrase string) ([]byte, error) {
	unknown := errors.New("the key is encrypted in a way that is not known here: PBKDF2 with AES is")
	var e encryptedKey
	var p pbes2
	var k pbkdf2Params
	var iv []byte
	if _, err := asn1.Unmarshal(der, &e); err != nil || !e.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(e.Algorithm.Parameters.FullBytes, &p); err != nil || !p.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(p.KDF.Parameters.FullBytes, &k); err != nil || k.Iterations < 1 || k.Iterations > 10_000_000 {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(p.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize {
		return nil, unknown
	}
	var prf func() hash.Hash
	switch o := k.PRF.Algorithm; {
	case len(o) == 0, o.Equal(oidHMACSHA1):
		prf = sha1.New
	case o.Equal(oidHMACSHA256):
		prf = sha256.New
	case o.Equal(oidHMACSHA512):
		prf = sha512.New
	default:
		return nil, unknown
	}
	length := 0
	switch o := p.Cipher.Algorithm; {
	case o.Equal(oidAES128):
		length = 16
	case o.Equal(oidAES192):
		length = 24
	case o.Equal(oidAES256):
		length = 32
	default:
		return nil, unknown
	}
	secret, err := pbkdf2.Key(prf, passphrase, k.Salt, k.Iterations, length)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	data := bytes.Clone(e.Data)
	if len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, unknown
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
	padding := int(data[len(data)-1])
	if padding < 1 || padding > aes.BlockSize || padding > len(data) {
		return nil, errPassphrase
	}
	for _, b := range data[len(data)-padding:] {
		if int(b) != padding {
			return nil, errPassphrase
		}
	}
	plain := data[:len(data)-padding]
	if _, err := parseKey(plain); err != nil {
		return nil, errPassphrase
	}
	return plain, nil
}

// fingerprints are the hashes of a public key.
func fingerprints(key privateKey) map[string]any {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return map[string]any{}
	}
	return digests(der)
}

// digests are the hashes of bytes by their names, in hexadecimal digits with colons, as Ansible's modules return them.
func digests(der []byte) map[string]any {
	all := map[string]any{
		"shake_128": colons(sha3.SumSHAKE128(der, 32)), "shake_256": colons(sha3.SumSHAKE256(der, 32)),
	}
	sum := blake2b.Sum512(der)
	small := blake2s.Sum256(der)
	all["blake2b"], all["blake2s"] = colons(sum[:]), colons(small[:])
	for name, h := range map[string]hash.Hash{
		"md5": md5.New(), "sha1": sha1.New(), "sha224": sha256.New224(), "sha256": sha256.New(), "sha384": sha512.New384(),
		"sha512":   sha512.New(),
		"sha3_224": sha3.New224(), "sha3_256": sha3.New256(), "sha3_384": sha3.New384(), "sha3_512": sha3.New512(),
	} {
		h.Write(der)
		all[name] = colons(h.Sum(nil))
	}
	return all
}
