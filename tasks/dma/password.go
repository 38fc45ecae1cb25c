package dma

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
	"golang.org/x/text/unicode/norm"
)

// The two values of password_encryption, which are also methods of pg_hba.conf.
const (
	SCRAM = "scram-sha-256"
	MD5   = "md5"
)

// SCRAMIterations and the salt's length are what the engine uses for a verifier that it makes itself (engine:
// scram-common.h).
const (
	SCRAMIterations = 4096
	scramSaltLength = 16
	scramPrefix     = "SCRAM-SHA-256$"
)

// PasswordHash returns the value of pg_authid.rolpassword for a password: a SCRAM verifier with a salt of its own, or the hash
// of the password and the role's name.
func PasswordHash(encryption, role, password string) (string, error) {
	switch encryption {
	case MD5:
		return md5Hash(role, password), nil
	case SCRAM, "":
		var salt [scramSaltLength]byte
		if _, err := rand.Read(salt[:]); err != nil {
			return "", fmt.Errorf("make the salt of a SCRAM verifier: %w", err)
		}
		return SCRAMVerifier(password, salt[:], SCRAMIterations)
	}
	return "", fmt.Errorf("password_encryption is %q; only %s and %s are known", encryption, SCRAM, MD5)
}

// PasswordEncryption tells by which of the two a stored password was made; "" when there is none.
func PasswordEncryption(stored string) string {
	switch {
	case strings.HasPrefix(stored, scramPrefix):
		return SCRAM
	case strings.HasPrefix(stored, "md5") && len(stored) == 35:
		return MD5
	}
	return ""
}

// PasswordFits reports whether a stored hash is this password's: a verifier is made again with the stored salt and count.
func PasswordFits(stored, role, password string) bool {
	again := ""
	switch PasswordEncryption(stored) {
	case MD5:
		again = md5Hash(role, password)
	case SCRAM:
		count, rest, _ := strings.Cut(strings.TrimPrefix(stored, scramPrefix), ":")
		encoded, _, _ := strings.Cut(rest, "$")
		iterations, err := strconv.Atoi(count)
		salt, errSalt := base64.StdEncoding.DecodeString(encoded)
		if err != nil || errSalt != nil || iterations < 1 || iterations > 1_000_000 {
			return false
		}
		if again, err = SCRAMVerifier(password, salt, iterations); err != nil {
			return false
		}
	}
	return again != "" && subtle.ConstantTimeCompare([]byte(again), []byte(stored)) == 1
}

func md5Hash(role, password string) string {
	sum := md5.Sum([]byte(password + role))
	return "md5" + hex.EncodeToString(sum[:])
}

// SCRAMVerifier is RFC 5802's StoredKey and ServerKey in the engine's spelling (engine: scram-common.c).
func SCRAMVerifier(password string, salt []byte, iterations int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, SASLprep(password), salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("make a SCRAM verifier: %w", err)
	}
	keyed := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(keyed("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, iterations, b64(salt), b64(stored[:]), b64(keyed("Server Key"))), nil
}

// SASLprep prepares a password as the engine does: what RFC 4013 does not allow stays as it is, so that every password
// works. The engine looks for what is prohibited before it normalises, where the RFC has it after (engine: saslprep.c).
func SASLprep(password string) string {
	ascii := true
	for i := range len(password) {
		ascii = ascii && password[i] < utf8.RuneSelf
	}
	if ascii || !utf8.ValidString(password) {
		return password
	}
	var mapped []rune
	for _, r := range password {
		_, nothing := stringprep.TableB1.Map(r)
		switch {
		case stringprep.TableC1_2.Contains(r):
			mapped = append(mapped, ' ')
		case !nothing:
			mapped = append(mapped, r)
		}
	}
	if len(mapped) == 0 {
		return password
	}
	rightToLeft, leftToRight := false, false
	for _, r := range mapped {
		for _, prohibited := range []stringprep.Set{
			stringprep.TableA1, stringprep.TableC1_2, stringprep.TableC2_1, stringprep.TableC2_2, stringprep.TableC3, stringprep.TableC4,
			stringprep.TableC5, stringprep.TableC6, stringprep.TableC7, stringprep.TableC8, stringprep.TableC9,
		} {
			if prohibited.Contains(r) {
				return password
			}
		}
		rightToLeft = rightToLeft || stringprep.TableD1.Contains(r)
		leftToRight = leftToRight || stringprep.TableD2.Contains(r)
	}
	if rightToLeft && (leftToRight || !stringprep.TableD1.Contains(mapped[0]) || !stringprep.TableD1.Contains(mapped[len(mapped)-1])) {
		return password
	}
	return norm.NFKC.String(string(mapped))
}
