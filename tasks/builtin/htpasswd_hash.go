package builtin

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/GehirnInc/crypt"
	_ "github.com/GehirnInc/crypt/apr1_crypt"   // each makes its scheme known to package crypt
	_ "github.com/GehirnInc/crypt/md5_crypt"    // likewise
	_ "github.com/GehirnInc/crypt/sha256_crypt" // likewise
	_ "github.com/GehirnInc/crypt/sha512_crypt" // likewise
	"golang.org/x/crypto/bcrypt"
)

// htpasswdSchemes are how a password can be hashed here, by passlib's names.
var htpasswdSchemes = []string{"apr_md5_crypt", "bcrypt", "sha256_crypt", "sha512_crypt", "md5_crypt", "ldap_sha1", "plaintext"}

// saltedSchemes are those of crypt(3): how many signs of salt each takes, and how often it hashes, as passlib has it.
var saltedSchemes = map[string]struct {
	crypt  crypt.Crypt
	mark   string
	salt   int
	rounds string
}{
	"apr_md5_crypt": {crypt.APR1, "$apr1$", 8, ""},
	"md5_crypt":     {crypt.MD5, "$1$", 8, ""},
	"sha256_crypt":  {crypt.SHA256, "$5$", 16, "rounds=535000$"},
	"sha512_crypt":  {crypt.SHA512, "$6$", 16, "rounds=656000$"},
}

// Others than those who run polarbook may write the file: an entry that would take minutes to compute is not known to open.
const (
	mostRounds = 10_000_000
	mostCost   = 16
)

// bcryptCost is passlib's, but in tests.
var bcryptCost = 12

// bcryptSees is how much of a password bcrypt looks at, bcryptLength how long its entries are, in bytes.
const (
	bcryptSees   = 72
	bcryptLength = 60
)

// hashHtpasswd hashes a password with a new salt.
func hashHtpasswd(scheme, password string) (string, error) {
	switch scheme {
	case "plaintext":
		return password, nil
	case "ldap_sha1":
		return sha1Entry(password), nil
	case "bcrypt":
		hash, err := bcrypt.GenerateFromPassword([]byte(password[:min(len(password), bcryptSees)]), bcryptCost)
		if err != nil {
			return "", fmt.Errorf("hash the password: %w", err)
		}
		return "$2y$" + string(hash[len("$2a$"):]), nil
	}
	s := saltedSchemes[scheme]
	return s.crypt.New().Generate([]byte(password), []byte(s.mark+s.rounds+newSalt(s.salt)))
}

// newSalt returns so many random signs.
func newSalt(size int) string {
	const signs = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	salt := make([]byte, size)
	_, _ = rand.Read(salt) // never fails, says its documentation
	for i, b := range salt {
		salt[i] = signs[int(b)%len(signs)]
	}
	return string(salt)
}

func sha1Entry(password string) string {
	sum := sha1.Sum([]byte(password))
	return "{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
}

// schemeOf names the scheme of an entry by its mark.
func schemeOf(hash string) string {
	switch {
	case strings.HasPrefix(hash, "$2a$"), strings.HasPrefix(hash, "$2b$"), strings.HasPrefix(hash, "$2y$"):
		return "bcrypt"
	case strings.HasPrefix(hash, "{SHA}"):
		return "ldap_sha1"
	}
	for name, s := range saltedSchemes {
		if strings.HasPrefix(hash, s.mark) {
			return name
		}
	}
	return "plaintext"
}

// opens reports whether a password opens an entry. As with passlib, text without a mark is the password itself.
func opens(hash, password string) bool {
	switch scheme := schemeOf(hash); scheme {
	case "plaintext":
		return hash == password
	case "ldap_sha1":
		return hash == sha1Entry(password)
	case "bcrypt":
		cost, err := bcrypt.Cost([]byte(hash))
		return err == nil && cost <= mostCost && len(hash) == bcryptLength && bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	default:
		c := saltedSchemes[scheme].crypt.New()
		rounds, err := c.Cost(hash)
		return err == nil && rounds <= mostRounds && c.Verify(hash, []byte(password)) == nil
	}
}
